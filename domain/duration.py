"""Durations as people write them: `30s`, `15m`, `4h`, `2d`, `1w`, or joined as in `1d12h`."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer

# Longest first: the order in which a duration is written, and the only order in which it is read.
_UNITS = {
    "w": timedelta(weeks=1),
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
}
# Five digits of any unit stay far below timedelta's own limit.
_WRITTEN = re.compile("".join(rf"(?:([0-9]{{1,5}}){unit})?" for unit in _UNITS))
# A follow-up that waits longer outlives the sequence it came from; a longer wait is a slip of the finger.
LONGEST = timedelta(days=365)


def read_duration(written: object) -> timedelta:
    """Read a duration of 0 s to 365 days. A timedelta comes back as it is. Raises ValueError saying what is legal."""
    duration = written if isinstance(written, timedelta) else _parsed(written)
    if duration % _UNITS["s"]:
        raise ValueError(f"{written!s} is not a number of whole seconds")
    if not timedelta(0) <= duration <= LONGEST:
        raise ValueError(f"{written!s} is out of bounds: give a duration from 0s to {LONGEST.days}d")
    return duration


def write_duration(duration: timedelta) -> str:
    """Write a duration of whole seconds so that `read_duration` gives it back; `0s` for none."""
    written, rest = "", duration
    for unit, size in _UNITS.items():
        count, rest = divmod(rest, size)
        written += f"{count}{unit}" if count else ""
    return written or "0s"


def _parsed(written: object) -> timedelta:
    match = _WRITTEN.fullmatch(written.strip()) if isinstance(written, str) and written.strip() else None
    if match is None:
        raise ValueError(f"{written!r} is not a duration: write a number and s, m, h, d or w, such as 30s, 4h or 1d12h")
    counts = (int(count or 0) for count in match.groups())
    return sum((count * size for count, size in zip(counts, _UNITS.values(), strict=True)), timedelta(0))


# Stored as people write it, so that what is read back is equal to the microsecond: there is nothing below a second.
Duration = Annotated[
    timedelta, BeforeValidator(read_duration), PlainSerializer(write_duration, return_type=str, when_used="json")
]
