"""The simulated week as a page: when each step reached each lead, on the clock on their wall."""

from collections.abc import Sequence
from datetime import datetime

from domain.duration import Wait
from proof.week.leads import CLOSES, OPENS, PEOPLE, START, WAITS, WEEK, Person
from proof.week.oracle import Mail, closed

_TEXT = """\
# A simulated week

Ten leads in ten time zones are enrolled at the same instant, {start}. Each has a sequence of
{steps} steps, whose waits are {waits}, with the window `mon-fri` from {opens:02}:00 to {closes}:00 and the
holidays of the lead's own place. The week holds a holiday in Nigeria, one in India, one in Germany and one on Lord Howe
Island, and a night in which clocks go forward: by an hour in Melbourne, by half an hour on Lord Howe Island.

![A row for each lead: when a mail may be sent, holidays, the change of the clock, the mails](pictures/week.svg)

{table}

Times are the lead's own; *italics* say when a step fell due, where that was not when it was sent, and what was in its
way: the follow-up was `held` meanwhile for `outside_window`. A later step's wait counts from the sending before it.

## How this was made

`python -m proof.week --write docs` runs the week in seconds and writes this page and its picture; it needs what
`make setup` installs. The workflow, the activities and PostgreSQL are the real ones. Temporal is its test server, which
skips the time in which nothing happens, PostgreSQL's functions `now` and `clock_timestamp` say the simulated instant,
and in place of a provider something notes when it is called. Nothing in the application knows of this.

`proof/week/oracle.py` then holds each mail against its lead's clock, minute by minute, with holidays written down by
hand and none of the application's own arithmetic: exactly one mail for each step, in the first permitted minute from
when it fell due, within {span} days. The script ends with exit code 1 if that is not so, and a test runs it.
"""


def page(mails: Sequence[Mail]) -> str:
    """Write the page."""
    return _TEXT.format(
        start=f"{START:%a} {START.day} {START:%B %Y, %H:%M} UTC",
        steps=len(WAITS),
        waits=", ".join(f"`{Wait(exact=wait)}`" for wait in WAITS),
        opens=OPENS,
        closes=CLOSES,
        span=WEEK.days,
        table=table(mails),
    )


def table(mails: Sequence[Mail]) -> str:
    """Write the table alone."""
    orders = range(1, len(WAITS) + 1)
    head = ["zone", "holidays", *(f"step {order}" for order in orders)]
    found = {(mail.person.zone, mail.step): mail for mail in mails}
    rows = [
        [person.zone, person.calendar or "none", *(_cell(found[person.zone, order]) for order in orders)]
        for person in PEOPLE
    ]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [head, ["---"] * len(head), *rows])


def _cell(mail: Mail) -> str:
    sent = f"{_wall(mail.person, mail.sent)} {mail.sent.astimezone(mail.person.clock):%z}"
    sent = f"{sent[:-2]}:{sent[-2:]}"
    why = closed(mail.person, mail.due)
    return f"{sent}<br>*{_wall(mail.person, mail.due)}, {why}*" if why else sent


def _wall(person: Person, instant: datetime) -> str:
    wall = instant.astimezone(person.clock)
    return f"{wall:%a} {wall.day} {wall:%b %H:%M}"
