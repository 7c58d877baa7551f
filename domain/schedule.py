"""When a step may be sent: the next permitted instant of a window, and how long to back off."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from domain.duration import Wait
from domain.sequence import Window

IsHoliday = Callable[[date], bool]
# A year and a day: every weekday and every yearly holiday has come by.
HORIZON = timedelta(days=366)
# A relay that restarts is back within a minute, and greylisting lets the second attempt through after a few; trying
# at once would only add to its trouble.
FIRST_BACK_OFF = timedelta(seconds=30)
# A relay that is down for hours is noticed within one; the step's `expires_after` says when to stop trying.
LONGEST_BACK_OFF = timedelta(hours=1)


def next_permitted(instant: datetime, window: Window | None, zone: ZoneInfo, is_holiday: IsHoliday) -> datetime:
    """Return the earliest instant, not before `instant`, at which the lead's clock is inside the window; UTC.

    What counts is the clock on the wall: of an hour that a clock change skips nothing is permitted, and an hour it
    repeats is permitted twice. Raises ValueError if nothing is permitted for a year, or `instant` is naive.
    """
    if instant.tzinfo is None:
        raise ValueError("an instant without a time zone says nothing: give an aware one")
    start = instant.astimezone(UTC)
    horizon = start + HORIZON
    while window and start < horizon:
        end = _same_offset_until(start, zone)
        found = _first_within(start, end, window, zone, is_holiday)
        if found:
            return found
        start = end
    if window:
        raise ValueError(f"the window {window.days} {window.opens}-{window.closes} permits nothing for a year")
    return start


def after(instant: datetime, wait: Wait, zone: ZoneInfo) -> datetime:
    """Return when a wait that begins at an instant is over; UTC.

    Days go by the clock on the wall of the zone, which shows the same time then. Where a clock change skips that time,
    it is the first instant behind the change; where one repeats it, the first of the two. What is exact in the wait is
    added then, as time that passes. Raises ValueError if `instant` is naive.
    """
    if instant.tzinfo is None:
        raise ValueError("an instant without a time zone says nothing: give an aware one")
    start = instant.astimezone(UTC)
    if wait.days:  # else a second of a repeated hour would lead back to the first
        wall = start.astimezone(zone).replace(tzinfo=None) + timedelta(days=wait.days)
        start = _first_instant(wall, zone)
    return start + wait.exact


def _first_instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return the first instant at which a zone's clock shows a time, or a later one where it never does."""
    # PEP 495: of a time that is skipped, the first fold is by the offset before the change and lies behind it
    first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return first if first <= second else _same_offset_until(second, zone)


def back_off(attempts: int) -> timedelta:
    """Return how long to wait after so many attempts that surely sent nothing (1 is the first): doubling, bounded."""
    doublings = min(max(attempts, 1) - 1, 10)  # bounded, so that no count of attempts overflows
    return min(FIRST_BACK_OFF * (1 << doublings), LONGEST_BACK_OFF)


def _same_offset_until(start: datetime, zone: ZoneInfo) -> datetime:
    """Return the end of a span of at most a day, in which the zone's clock runs evenly (one change a day at most)."""
    offset = start.astimezone(zone).utcoffset()
    same, other = start, start + timedelta(days=1)
    if other.astimezone(zone).utcoffset() == offset:
        return other
    while other - same > timedelta.resolution:
        middle = same + (other - same) / 2
        if middle.astimezone(zone).utcoffset() == offset:
            same = middle
        else:
            other = middle
    return other


def _first_within(
    start: datetime, end: datetime, window: Window, zone: ZoneInfo, is_holiday: IsHoliday
) -> datetime | None:
    """Return the first permitted instant of [start, end), in which the zone's clock runs evenly."""
    first = start.astimezone(zone).replace(tzinfo=None)  # wall-clock arithmetic; exact, since the clock runs evenly
    last = first + (end - start)
    for day in (first.date(), first.date() + timedelta(days=1)):
        opens = max(first, _on(day, window.opens))
        if opens < min(last, _on(day, window.closes)) and day.weekday() in window.weekdays and not is_holiday(day):
            return start + (opens - first)
    return None


def _on(day: date, clock: str) -> datetime:
    hours, minutes = clock.split(":")
    return datetime.combine(day, time()) + timedelta(hours=int(hours), minutes=int(minutes))  # "24:00" is legal
