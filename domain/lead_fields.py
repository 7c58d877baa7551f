"""A lead made of fields as a file or an event gives them: checked in form, its address as it goes over the wire."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from domain.address import deliverable
from domain.given import given_fields
from domain.lead import MOST_VARIABLES, Lead
from domain.problem_words import problem_words

REQUIRED = ("lead_id", "email")
_WORDS = {"too_long": f"are more than {MOST_VARIABLES}; remove those that no template reads"}


class LeadError(Exception):
    """Fields give no lead. Each of `problems` is `field: what is wrong; remedy`, and names no person."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))


def make_lead(fields: Mapping[str, Any]) -> Lead:
    """Make a lead of what was given. What was not, or is blank, stays unset in it (`model_fields_set`).

    Raises LeadError.
    """
    own = given_fields(fields)
    if isinstance(variables := own.pop("variables", None), Mapping):
        variables = given_fields(variables) or None
    for required in REQUIRED:
        if required not in own:
            raise LeadError([f"{required}: is missing; add it"])
    try:
        own["email"] = deliverable(own["email"]) if isinstance(own["email"], str) else own["email"]
        return Lead.model_validate(own | ({"variables": variables} if variables is not None else {}))
    except ValidationError as error:
        raise LeadError(
            [_sentence(problem) for problem in error.errors(include_input=False, include_url=False)]
        ) from None
    except ValueError as error:
        raise LeadError([f"email: {error}"]) from None


def _sentence(problem: Any) -> str:
    return f"{'.'.join(map(str, problem['loc']))}: {problem_words(problem, _WORDS)}"
