"""Who is followed up in the simulated week, and by what: ten leads in ten zones, at Easter 2026.

On Sunday 5 April the clocks went back in Chile, in New Zealand and, by half an hour, on Lord Howe Island, between the
holidays of Good Friday and Easter Monday, which some of these places keep, some in part, and some not at all.
"""

from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from domain.lead import Lead
from domain.sequence import Sequence

START = datetime(2026, 3, 31, 22, tzinfo=UTC)
WEEK = timedelta(weeks=1)
OPENS, CLOSES = 9, 17  # o'clock, Monday to Friday
# Hours and days, none a multiple of a day: so steps fall due in the day, at night, at weekends and on holidays.
WAITS = (timedelta(hours=2), timedelta(hours=26), timedelta(hours=25), timedelta(hours=6))

_GOOD_FRIDAY, _EASTER_MONDAY = date(2026, 4, 3), date(2026, 4, 6)
_NONE: dict[date, str] = {}
_FRIDAY = {_GOOD_FRIDAY: "Good Friday"}
_BOTH = _FRIDAY | {_EASTER_MONDAY: "Easter Monday"}


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
        steps: list[dict[str, object]] = [{"wait": wait, "body": "Hello {{ name }}"} for wait in WAITS]
        steps[0]["subject"] = "Following up"
        return Sequence.model_validate({"name": f"easter-{self.lead_id}", "window": window, "steps": steps})


# From where the day begins to where it ends.
PEOPLE = (
    Person("Pacific/Auckland", "NZ", _BOTH),
    Person("Australia/Lord_Howe", "AU-NSW", _BOTH),
    Person("Asia/Tokyo", "JP", _NONE),
    Person("Asia/Kolkata", "IN", _FRIDAY),
    Person("Europe/Berlin", "DE-BE", _BOTH),
    Person("Europe/London", "GB-ENG", _BOTH),
    Person("UTC", None, _NONE),
    Person("America/St_Johns", "CA-NL", _FRIDAY),
    Person("America/Santiago", "CL", _FRIDAY),
    Person("America/Los_Angeles", "US", _NONE),
)
