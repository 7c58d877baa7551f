"""A lead made of fields as a file or an event gives them: checked in form, its address as it goes over the wire."""

from typing import Any

from pydantic import ValidationError

from domain.lead import Lead
from mail.address import deliverable

_WORDS = {
    "string_type": "must be a text; put it in quotes",
    "string_unicode": "contains half a character; remove it",
}


class LeadError(Exception):
    """Fields give no lead. Each of `problems` is `field: what is wrong; remedy`, and names no person."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))


def make_lead(fields: dict[str, Any]) -> Lead:
    """Make a lead of fields that have a `lead_id` and an `email` at least. Raises LeadError."""
    try:
        email = fields["email"]
        return Lead.model_validate(fields | {"email": deliverable(email) if isinstance(email, str) else email})
    except ValidationError as error:
        raise LeadError(
            [_sentence(problem) for problem in error.errors(include_input=False, include_url=False)]
        ) from None
    except ValueError as error:
        raise LeadError([f"email: {error}"]) from None


def _sentence(problem: Any) -> str:
    field = ".".join(map(str, problem["loc"]))
    return f"{field}: {_WORDS.get(problem['type'], problem['msg'].removeprefix('Value error, '))}"
