"""What must be true of the simulated week, by plain arithmetic on the wall clock: minute for minute, day for day."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from proof.week.leads import CLOSES, OPENS, PEOPLE, START, WAITS, WEEK, Person

MINUTE = timedelta(minutes=1)


class Mail(NamedTuple):
    """One step's mail. All instants are simulated, and UTC."""

    person: Person
    step: int
    due: datetime
    called: tuple[datetime, ...]  # when the provider was asked to send it, by Temporal's clock
    recorded: datetime | None  # when it was sent, by PostgreSQL's
    held: tuple[str, ...]  # for which reasons the application held it

    @property
    def sent(self) -> datetime:
        """The minute in which it was sent."""
        return self.called[0].replace(second=0, microsecond=0)

    @property
    def waited(self) -> bool:
        """It did not go out when it fell due."""
        return self.sent - self.due >= MINUTE


def closed(person: Person, instant: datetime) -> str:
    """Say why nothing may be sent to somebody at an instant; empty when something may."""
    wall = instant.astimezone(person.clock)
    if wall.date() in person.days_off:
        return person.days_off[wall.date()]
    if wall.isoweekday() > 5:
        return wall.strftime("%A")
    if wall.hour < OPENS:
        return f"before {OPENS:02}:00"
    return f"after {CLOSES}:00" if wall.hour >= CLOSES else ""


def first_open(person: Person, due: datetime) -> datetime:
    """Return the first minute from `due` on in which something may be sent to somebody, trying each."""
    minute = due.replace(second=0, microsecond=0)
    while closed(person, minute):
        minute += MINUTE
    return minute


def problems(mails: Sequence[Mail]) -> list[str]:
    """Say in a sentence each what is wrong with the week; nothing is when the list is empty."""
    wrong = [f"{mail.person.zone}, step {mail.step}: {sentence}" for mail in mails for sentence in _problems(mail)]
    steps = Counter((mail.person.zone, mail.step) for mail in mails)
    wanted = Counter((person.zone, order) for person in PEOPLE for order in range(1, len(WAITS) + 1))
    return wrong + [f"{zone}, step {step}: not exactly one mail" for zone, step in (steps - wanted) + (wanted - steps)]


def _problems(mail: Mail) -> Iterator[str]:
    if len(mail.called) != 1 or mail.recorded is None:
        yield f"sent {len(mail.called)} times, recorded as sent: {mail.recorded}"
        return
    at = mail.called[0]
    if reason := closed(mail.person, at):
        yield f"sent at {at.astimezone(mail.person.clock)}: {reason}"
    if mail.sent != first_open(mail.person, mail.due):
        yield f"sent at {at}, not when its window first permits: {first_open(mail.person, mail.due)}"
    if abs(at - mail.recorded) >= MINUTE:
        yield f"Temporal's clock said {at}, PostgreSQL's {mail.recorded}"
    if bool(mail.held) != bool(closed(mail.person, mail.due)) or set(mail.held) - {"outside_window"}:
        yield f"held for {mail.held}, when it fell due at {mail.due.astimezone(mail.person.clock)}"
    if not START <= at < START + WEEK:
        yield f"sent at {at}, out of the week"
