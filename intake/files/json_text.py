"""JSON as people and apps write it: read strictly, with every mistake said in a sentence."""

import json
import re
from typing import Any

# No id is longer, and Python refuses to read numbers of more than some thousands.
_MOST_DIGITS = 100


def read_json(text: str | bytes) -> Any:
    """Read JSON. Raises ValueError with a sentence, which quotes nothing of it but keys that are plain words."""
    try:
        return json.loads(text, object_pairs_hook=_without_duplicates, parse_constant=_refuse, parse_int=_whole_number)
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8: write it as UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"is not JSON ({error.msg}, line {error.lineno}, character {error.colno})") from None
    except RecursionError:
        raise ValueError("is nested too deeply: make it plainer") from None


def shown(key: object) -> str:
    """A key as it may be shown anywhere: what is not a plain word may be an address."""
    return str(key) if re.fullmatch(r"[A-Za-z0-9_-]{1,60}", str(key)) else "…"


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{shown(name)}: is given twice; remove one")
        found[name] = value
    return found


def _whole_number(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits: write it as a text, in quotes")
    return int(digits)


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON: leave it out")
