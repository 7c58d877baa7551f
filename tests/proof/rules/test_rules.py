"""What is counted of servers that break the rules is found where it is planted, and today nothing is wrong."""

import pytest

from domain.outcome import Fault, NotSent, Outcome, Refused, Sent, Unknown
from proof.rules.manners import DEFERRALS, DOUBLED, LIES, MANNERS
from proof.rules.measure import Count, count, send_to

_OUTCOMES: dict[str, Outcome] = {
    "<1@x>": Sent(code="c"),
    "<2@x>": Sent(code="c"),
    "<3@x>": NotSent(code="c"),
    "<4@x>": Refused(code="c", fault=Fault.MESSAGE),
    "<5@x>": Unknown(code="c"),
    "<6@x>": Unknown(code="c"),
}


def _wrong(counted: Count) -> tuple[int, int, int]:
    return counted.wrong_sent, counted.wrong_not_sent, counted.unknown_taken


@pytest.mark.parametrize(
    ("taken", "wrong"),
    [
        ({"<1@x>", "<2@x>"}, (0, 0, 0)),
        ({"<1@x>"}, (1, 0, 0)),
        ({"<1@x>", "<2@x>", "<3@x>"}, (0, 1, 0)),
        ({"<1@x>", "<2@x>", "<4@x>", "<6@x>"}, (0, 1, 1)),
    ],
)
def test_an_outcome_that_the_servers_log_contradicts_is_wrong(taken: set[str], wrong: tuple[int, int, int]) -> None:
    assert _wrong(count(_OUTCOMES, taken)) == wrong


def test_every_server_is_right_most_of_the_time() -> None:
    for manners in MANNERS.values():
        assert sum(manners.envelope.values()) < 300
        assert sum(manners.final.values()) < 750


@pytest.mark.parametrize("name", [DEFERRALS, DOUBLED])
async def test_servers_that_break_the_rules_make_no_outcome_wrong(name: str) -> None:
    counted = await send_to(name, seed=1, messages=100)
    assert _wrong(counted)[:2] == (0, 0)
    assert counted.outcomes["unknown"]
    assert sum(counted.outcomes.values()) == 100


async def test_what_lies_is_found_out_by_its_log_alone() -> None:
    counted = await send_to(LIES, seed=1, messages=100)
    assert counted.wrong_sent
    assert counted.wrong_not_sent
