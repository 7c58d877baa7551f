"""Limits on how much is sent: to one lead in a week, by one sender in a day, and how close together."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

WEEK = timedelta(weeks=1)
DAY = timedelta(days=1)


class Limits(NamedTuple):
    """What is kept to by every worker of a workspace; None and 0 s: no limit.

    `lead_weekly_cap`: mails to one lead in any seven days. `sender_daily_cap`: mails by one sender on one day, in UTC.
    `sender_gap`: from one mail of a sender to the next.
    """

    lead_weekly_cap: int | None = None
    sender_daily_cap: int | None = None
    sender_gap: timedelta = timedelta(0)

    @property
    def of_sender(self) -> bool:
        """There is a limit on what one sender sends."""
        return self.sender_daily_cap is not None or bool(self.sender_gap)


NO_LIMITS = Limits()


def start_of_day(instant: datetime) -> datetime:
    """Return when the day of an instant began, in UTC."""
    return instant.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
