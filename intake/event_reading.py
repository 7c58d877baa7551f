"""Reading an app event: what is wrong with one is said for people, and quotes nobody's data."""

from typing import Any

from pydantic import ValidationError

from domain.event import EVENT, Event, EventError, EventType
from domain.problem_words import problem_words
from intake.files.json_text import read_json, shown

_WORDS = {
    "string_pattern_mismatch": "is too long, or has characters that it may not have: use letters, digits and _ . -",
    "union_tag_not_found": "type: is missing: add it",
    "union_tag_invalid": f"type: is not known: known are {', '.join(EventType)}",
    "timezone_aware": "has no time zone: write it as 2026-01-31T12:00:00Z",
}
_WORDS_OF_KIND = {
    "datetime": "must be an instant: write it as 2026-01-31T12:00:00Z",
    "date": "must be a day: write it as 2026-01-31",
    "bool": "must be true or false",
    "model": "must be an object: write it in braces",
    "dict": "must be an object: write it in braces",
    "tuple": "must be a list: write it in brackets",
}


def read_event(text: str | bytes, event_id: str | None = None) -> Event:
    """Read an event from JSON; with `event_id`, which then stands beside it and not in it, as its id.

    Raises EventError with every problem found.
    """
    try:
        content = read_json(text)
    except ValueError as error:
        raise EventError([f"the event {error}"]) from None
    if not isinstance(content, dict):
        raise EventError(["the event must be an object: write it in braces"])
    if event_id is not None and "id" in content:
        raise EventError(["id: is given beside the event already: remove it there"])
    try:
        return EVENT.validate_python(content if event_id is None else {**content, "id": event_id})
    except ValidationError as error:
        problems = error.errors(include_input=False, include_url=False)
        raise EventError([_sentence(problem) for problem in problems]) from None


def _sentence(problem: Any) -> str:
    # the first part of a place is the event's type, which tells which of the union was read
    place = [shown(part) for part in problem["loc"] if part not in {*EventType, "[key]"}]
    kind = _WORDS_OF_KIND.get(problem["type"].split("_")[0])
    words = kind if kind and problem["type"] not in _WORDS else problem_words(problem, _WORDS).replace("; ", ": ", 1)
    return f"{'.'.join(place)}: {words}" if place else words
