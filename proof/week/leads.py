"""Who is followed up in the simulated week, and by what: ten leads in ten zones, in the first week of October 2025.

On Sunday 5 October clocks went forward in Melbourne and, by half an hour, on Lord Howe Island. Forward, because who
computed Monday's nine o'clock by the old offset would come too late, and not only ask too early. There was a holiday in
Nigeria on Wednesday, in India on Thursday, in Germany on Friday and on Lord Howe Island on Monday.
"""

from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from domain.duration import Wait
from domain.lead import Lead
from domain.sequence import Sequence

START = datetime(2025, 9, 30, 22, tzinfo=UTC)
WEEK = timedelta(weeks=1)
OPENS, CLOSES = 9, 17  # o'clock, Monday to Friday
# Hours and days, none a multiple of a day: so steps fall due in the day, at night, at weekends and on holidays.
WAITS = (timedelta(hours=2), timedelta(hours=26), timedelta(hours=25), timedelta(hours=6))


class Person(NamedTuple):
    """A lead: where they live, whose holidays their sequence keeps, and which workdays of the week those are.

    `days_off` is written down by hand, so that it checks the calendar that the application asks.
    """

    zone: str
    calendar: str | None
    days_off: dict[date, str]

    @property
    def lead_id(self) -> str:
        """Their id: the place."""
        return self.zone.partition("/")[2].lower() or self.zone.lower()

    @property
    def clock(self) -> ZoneInfo:
        """The clock on their wall."""
        return ZoneInfo(self.zone)

    @property
    def lead(self) -> Lead:
        """Them, as the app tells of them."""
        return Lead(lead_id=self.lead_id, email=f"{self.lead_id}@example.test", name="Grace", timezone=self.zone)

    @property
    def sequence(self) -> Sequence:
        """Their sequence: the same for everybody but for the holidays."""
        window = {"days": "mon-fri", "from": f"{OPENS:02}:00", "to": f"{CLOSES:02}:00", "holidays": self.calendar}
        steps: list[dict[str, object]] = [{"wait": Wait(exact=wait), "body": "Hello {{ name }}"} for wait in WAITS]
        steps[0]["subject"] = "Following up"
        return Sequence.model_validate({"name": f"week-{self.lead_id}", "window": window, "steps": steps})


# From where the day begins to where it ends.
PEOPLE = (
    Person("Pacific/Auckland", "NZ", {}),
    Person("Australia/Lord_Howe", "AU-NSW", {date(2025, 10, 6): "Labour Day"}),
    Person("Australia/Melbourne", "AU-VIC", {}),
    Person("Asia/Tokyo", "JP", {}),
    Person("Asia/Kolkata", "IN", {date(2025, 10, 2): "Gandhi Jayanti"}),
    Person("Europe/Berlin", "DE-BE", {date(2025, 10, 3): "German Unity Day"}),
    Person("Africa/Lagos", "NG", {date(2025, 10, 1): "Independence Day"}),
    Person("UTC", None, {}),
    Person("America/St_Johns", "CA-NL", {}),
    Person("America/Los_Angeles", "US", {}),
)
