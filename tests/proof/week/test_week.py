"""The simulated week: every mail in its window, the page that shows it, and that what looks for faults finds them."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from devstack.stack import Devstack
from proof.week.leads import PEOPLE, START, WAITS
from proof.week.oracle import MINUTE, Mail, closed, first_open, problems
from proof.week.page import page
from proof.week.picture import picture
from proof.week.simulation import simulate

DOCS = Path(__file__).parents[3] / "docs"


async def test_in_a_simulated_week_each_mail_is_within_its_window_and_as_the_page_shows(stack: Devstack) -> None:
    mails = await simulate(stack.postgres)
    assert problems(mails) == []
    assert (DOCS / "week.md").read_text() == page(mails), "run `python -m proof.week --write docs`"
    assert (DOCS / "pictures" / "week.svg").read_text() == picture(mails)


@pytest.fixture(scope="module")
def faultless() -> list[Mail]:
    """A week as it should be, as the oracle has it."""
    mails = []
    for person in PEOPLE:
        sent = START
        for step, wait in enumerate(WAITS, start=1):
            due = sent + wait
            sent = first_open(person, due)
            held = ("outside_window",) if closed(person, due) else ()
            mails.append(Mail(person, step, due, (sent,), sent, held))
    return mails


def _moved(by: timedelta) -> Callable[[Mail], Mail]:
    return lambda mail: mail._replace(called=(mail.sent + by,), recorded=mail.sent + by)


def _with(**changes: Any) -> Callable[[Mail], Mail]:
    return lambda mail: mail._replace(**changes)


def test_a_faultless_week_has_no_problems(faultless: list[Mail]) -> None:
    assert problems(faultless) == []


@pytest.mark.parametrize(
    ("number", "change", "said"),
    [
        (0, _moved(timedelta(hours=8)), "after 17:00"),
        (7, _moved(-timedelta(hours=24)), "Labour Day"),
        (0, _moved(2 * MINUTE), "not when its window first permits"),
        (0, _with(called=(START, START)), "sent 2 times"),
        (0, _with(called=()), "sent 0 times"),
        (0, _with(recorded=None), "recorded as sent: None"),
        (0, _with(recorded=START), "PostgreSQL's"),
        (7, _with(held=()), "held for ()"),
        (7, _with(held=("thread_busy",)), "thread_busy"),
        (0, _moved(timedelta(days=7)), "out of the week"),
        (0, _with(step=2), "not exactly one mail"),
    ],
)
def test_the_oracle_names_what_is_wrong(
    faultless: list[Mail], number: int, change: Callable[[Mail], Mail], said: str
) -> None:
    mails = [change(mail) if place == number else mail for place, mail in enumerate(faultless)]
    assert said in " ".join(problems(mails))
