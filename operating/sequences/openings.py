"""How much a send window permits: counted day by day over a year."""

from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from domain.calendar import is_holiday
from domain.schedule import HORIZON
from domain.sequence import Window


class Openings(NamedTuple):
    """Of the year from a day on: how long the window is open in a week on average, and closed at most without a break.

    By the clock on the wall; the hour that a change of the clocks adds or takes is not counted.
    """

    weekly: timedelta
    longest_closed: timedelta


def openings(window: Window, today: date) -> Openings:
    """Count what a window permits in the year from `today` on."""
    holiday = is_holiday(window.holidays)
    days = [today + timedelta(days=number) for number in range(HORIZON.days)]
    open_days = [day for day in days if day.weekday() in window.weekdays and not holiday(day)]
    if not open_days:
        return Openings(timedelta(0), HORIZON)
    day_length = _at(today, window.closes) - _at(today, window.opens)
    nights = zip(open_days, [*open_days[1:], days[-1] + timedelta(days=1)], strict=True)
    closed = max(_at(later, window.opens) - _at(day, window.closes) for day, later in nights)
    return Openings(day_length * len(open_days) / (len(days) / 7), closed)


def _at(day: date, clock: str) -> datetime:
    hours, minutes = clock.split(":")
    return datetime.combine(day, time()) + timedelta(hours=int(hours), minutes=int(minutes))  # "24:00" is legal
