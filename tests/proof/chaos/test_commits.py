"""The cuts at COMMIT are made, each sort as often as told, and what is sent twice or lost because of one is counted."""

from collections import Counter
from typing import NamedTuple

from rich.console import Console
from temporalio.client import Client

from devstack.stack import Devstack
from proof.chaos.commits import Count, Cuts, Kind, count, measure
from proof.rig.ground import Ground


class _Draft(NamedTuple):
    message_id: str
    state: str = "sent"
    status: str = "completed"


def test_what_was_taken_twice_was_lost_or_waits_is_told_apart() -> None:
    drafts = {
        "once": _Draft("<1@x>"),
        "twice": _Draft("<2@x>"),
        "never": _Draft("<3@x>"),
        "asked": _Draft("<4@x>", "unknown", "paused"),
        "said": _Draft("<5@x>", "sent", "paused"),
        "forgotten": _Draft("<6@x>", "sending", "completed"),
    }
    received = Counter({"<1@x>": 1, "<2@x>": 2})
    assert count(drafts, received, {*drafts, "no draft"}) == Count(once=1, twice=1, waiting=1, lost=4)
    assert count(drafts, received, {"once"}) == Count(once=1)


def test_each_sort_of_cut_is_drawn_as_often_as_told_and_no_more() -> None:
    cuts = Cuts(each=3)
    drawn = Counter(cuts.draw(kind) for kind in Kind for _ in range(100))
    assert [number for cut, number in drawn.items() if cut] == [3, 3, 3, 3]


async def test_whatever_commit_is_cut_every_message_is_sent_once(stack: Devstack, client: Client) -> None:
    console = Console(record=True, width=200, quiet=True)
    assert await measure(console, Ground(stack, client), cuts=8) == 0
