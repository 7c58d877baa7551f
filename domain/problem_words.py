"""What is wrong with a field, in our words: what validates it has its own, and they are never shown."""

from collections.abc import Mapping
from typing import Any

# By the kind that pydantic gives a problem. Files and events lay over them what fits there better.
_WORDS = {
    "missing": "is missing; add it",
    "extra_forbidden": "is not known here; check its spelling, or remove it",
    "string_type": "must be a text; put it in quotes",
    "string_unicode": "contains half a character; remove it",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "dict_type": "must be keys and values",
    "model_type": "must be keys and values",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
}


def problem_words(problem: Any, own: Mapping[str, str]) -> str:
    """Say what is wrong and what to do. `problem` is one of `ValidationError.errors()`, `own` the words used first."""
    kind, context = problem["type"], problem.get("ctx", {})
    if kind in own:
        return own[kind]
    if kind == "value_error":  # raised by us, with a sentence
        return str(problem["msg"]).removeprefix("Value error, ")
    if kind == "string_too_long":
        return f"is longer than {context['max_length']} characters; shorten it"
    if kind == "too_long":
        return f"has {context['actual_length']} entries, and may have {context['max_length']}; remove some"
    if kind == "enum":
        return f"must be {context['expected']}"
    return _WORDS.get(kind, "has a value that can't be read here; see docs/sequences.md for what it takes")
