"""Durations as people write them: `30s`, `15m`, `4h`, `2d`, `1w`, or joined as in `1d12h`.

A duration is time as it passes, and a day of it has 24 hours. A wait counts days by the clock on the wall.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, PlainValidator

# Longest first: the order in which a duration is written, and the only order in which it is read.
_UNITS = {
    "w": timedelta(weeks=1),
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
}
_OF_THE_CALENDAR = ("w", "d")
# Five digits of any unit stay far below timedelta's own limit.
_WRITTEN = re.compile("".join(rf"(?:([0-9]{{1,5}}){unit})?" for unit in _UNITS))
# A follow-up that waits longer outlives the sequence it came from; a longer wait is a slip of the finger.
LONGEST = timedelta(days=365)
# By how much a clock is ever put forward: Antarctica/Casey does it by three hours. Where a zone left out a whole date
# (Samoa, 2011), a day was shorter still.
_PUT_FORWARD = timedelta(hours=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """So many days later by the clock on the wall, and then so much time as it passes: `1d` is not always `24h`.

    Written as people write it: weeks and days are days, hours, minutes and seconds are exact.
    """

    days: int = 0
    exact: timedelta = timedelta(0)

    @property
    def nominal(self) -> timedelta:
        """Its length where no clock is changed meanwhile."""
        return timedelta(days=self.days) + self.exact

    @property
    def shortest(self) -> timedelta:
        """Its length where a clock is put forward meanwhile."""
        return max(self.nominal - _PUT_FORWARD, timedelta(0)) if self.days else self.exact

    def __str__(self) -> str:
        days = timedelta(days=self.days)
        return _written(days, _OF_THE_CALENDAR) + _written(self.exact, [*_UNITS][2:]) or "0s"


def read_wait(written: object) -> Wait:
    """Read a wait of 0 s to 365 days. The days of a timedelta are days. Raises ValueError saying what is legal."""
    if isinstance(written, Wait):
        wait = written
    elif isinstance(written, timedelta):
        wait = Wait(days=written.days, exact=written - timedelta(days=written.days))
    else:
        counts = _counts(written)
        days = _length({unit: counts[unit] for unit in _OF_THE_CALENDAR})
        wait = Wait(days=days.days, exact=_length(counts) - days)
    _require_bounds(wait.nominal, written)
    return wait


def read_duration(written: object) -> timedelta:
    """Read a duration of 0 s to 365 days. A timedelta comes back as it is. Raises ValueError saying what is legal."""
    duration = written if isinstance(written, timedelta) else _length(_counts(written))
    _require_bounds(duration, written)
    return duration


def write_duration(duration: timedelta) -> str:
    """Write a duration of whole seconds so that `read_duration` gives it back; `0s` for none."""
    return _written(duration, _UNITS) or "0s"


def _written(duration: timedelta, units: Iterable[str]) -> str:
    written, rest = "", duration
    for unit in units:
        count, rest = divmod(rest, _UNITS[unit])
        written += f"{count}{unit}" if count else ""
    return written


def _counts(written: object) -> dict[str, int]:
    match = _WRITTEN.fullmatch(written.strip()) if isinstance(written, str) and written.strip() else None
    if match is None:
        raise ValueError(f"{written!r} is not a duration: write a number and s, m, h, d or w, such as 30s, 4h or 1d12h")
    return {unit: int(count or 0) for unit, count in zip(_UNITS, match.groups(), strict=True)}


def _length(counts: dict[str, int]) -> timedelta:
    return sum((count * _UNITS[unit] for unit, count in counts.items()), timedelta(0))


def _require_bounds(duration: timedelta, written: object) -> None:
    if duration % _UNITS["s"]:
        raise ValueError(f"{written!s} is not a number of whole seconds")
    if not timedelta(0) <= duration <= LONGEST:
        raise ValueError(f"{written!s} is out of bounds: give a duration from 0s to {LONGEST.days}d")


# Stored as people write it, so that what is read back is equal to the microsecond: there is nothing below a second.
Duration = Annotated[
    timedelta, BeforeValidator(read_duration), PlainSerializer(write_duration, return_type=str, when_used="json")
]
StepWait = Annotated[Wait, PlainValidator(read_wait), PlainSerializer(str, return_type=str)]
