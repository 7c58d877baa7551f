"""What `make chaos` counts of each recipient is found in a log in which it is planted, and nowhere else."""

from datetime import UTC, datetime
from typing import Any

import pytest

from proof.chaos.counting import Claim
from proof.chaos.log import Taken
from proof.chaos.people import Heard, Stopped, enrolled_at, shared, stopped
from proof.chaos.recipients import LONGEST, Known, broken_to_recipients
from proof.chaos.story import Filed, Said, Story

_KNOWN = Known(
    senders={"chaos": "ada@x", "other": "bob@x"},
    tolerant=frozenset({"beside"}),
    moved=frozenset(),
    asked_at={},
    ended_at={},
    written_off=frozenset(),
    caps={"chaos": 3},
)
_ONE, _TWO = "chaos:plain:lead-1", "chaos:approved:lead-2"


def _taken(at: float, instance: str, step: int, **more: str) -> Taken:
    name = f"<{instance}-{step}@x>"
    given = {"sender": "ada@x", "recipient": "1@x", "text": f"{instance.split(':')[1]} {step}"} | more
    return Taken(at=at, message_id=name, mark=f"{instance}/{step}", **given)


def _in_turn(*instances: str) -> list[Taken]:
    """A message of each to one address, in this order."""
    return [_taken(10.0 + place, one, instances[: place + 1].count(one)) for place, one in enumerate(instances)]


def _broken(taken: list[Taken], **known: Any) -> dict[str, set[str]]:
    found = broken_to_recipients(taken, [], [], _KNOWN._replace(**known))
    return {promise: set(who) for promise, who in found.items() if who}


def test_two_follow_ups_of_one_address_one_after_the_other_break_no_promise() -> None:
    assert _broken(_in_turn(_ONE, _ONE, _TWO)) == {}


def test_a_message_between_those_of_another_lead_at_one_address_is_two_at_a_time() -> None:
    assert _broken(_in_turn(_ONE, _TWO, _ONE)) == {"two at a time": {_ONE}}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("chaos:plain:lead-1", "chaos:beside:lead-2"),
        ("chaos:beside:lead-1", "chaos:approved:lead-2"),
        ("chaos:plain:lead-1", "chaos:approved:lead-1"),
        ("chaos:plain:lead-1", "other:approved:lead-2"),
    ],
)
def test_what_may_run_beside_others_is_of_one_lead_or_of_another_workspace_may_meet(one: str, other: str) -> None:
    assert "two at a time" not in _broken(_in_turn(one, other, one))


def test_two_follow_ups_whose_addresses_differ_may_meet() -> None:
    taken = [one._replace(recipient=f"{one.instance_id[-1]}@x") for one in _in_turn(_ONE, _TWO, _ONE)]
    assert _broken(taken) == {}


def test_what_was_on_its_way_when_its_follow_up_was_stopped_may_come_while_the_next_one_is_under_way() -> None:
    assert _broken(_in_turn(_ONE, _TWO, _ONE), ended_at={_ONE: 11.5}) == {}
    assert _broken(_in_turn(_ONE, _TWO, _ONE), ended_at={_ONE: 12.5}) == {"two at a time": {_ONE}}


def test_a_text_that_an_address_gets_of_two_leads_is_the_same_again() -> None:
    taken = [_taken(1.0, _ONE, 1), _taken(2.0, "chaos:plain:lead-2", 1)]
    assert _broken(taken) == {"the same again": {"chaos:plain:lead-2"}}


@pytest.mark.parametrize("other", ["chaos:beside:lead-2", "other:plain:lead-2"])
def test_a_text_may_come_again_beside_others_or_from_another_workspace(other: str) -> None:
    sender = "bob@x" if other.startswith("other") else "ada@x"
    assert _broken([_taken(1.0, _ONE, 1), _taken(2.0, other, 1, text="plain 1", sender=sender)]) == {}


def test_a_lead_that_was_moved_to_an_address_brings_its_text_along() -> None:
    taken = [_taken(1.0, _ONE, 1), _taken(2.0, "chaos:plain:lead-2", 1)]
    assert _broken(taken, moved={"chaos/lead-2"}) == {}


def test_more_messages_to_an_address_than_the_cap_are_over_it_whoever_they_are_of() -> None:
    taken = _in_turn(_ONE, _ONE, "chaos:beside:lead-2", "chaos:beside:lead-3")
    assert _broken(taken[:3]) == {}
    assert _broken(taken) == {"over the cap": {"chaos:beside:lead-3"}}
    assert _broken(taken, written_off={taken[0].message_id}) == {}
    assert _broken(taken, caps={"other": 1}) == {}


def test_a_message_that_left_through_the_sender_of_another_workspace_is_foreign() -> None:
    assert _broken([_taken(1.0, _ONE, 1, sender="bob@x")]) == {"of another workspace": {_ONE}}
    assert _broken([_taken(1.0, "other:plain:lead-1", 1, sender="bob@x")]) == {}


def _late(at: float, claims: list[float], stop: Stopped) -> bool:
    known = _KNOWN._replace(asked_at={_TWO: 5.0})
    begun = [Claim(_TWO, "chaos/lead-2", 1, one) for one in claims]
    return bool(broken_to_recipients([_taken(at, _TWO, 1)], begun, [stop], known)["mailed after a stop"])


def test_a_message_that_was_claimed_after_a_stop_of_another_id_of_its_address_came_too_late() -> None:
    stop = Stopped("chaos/1@x", happened=10.0, since=20.0)
    assert _late(22.0, [21.0], stop)
    assert not _late(22.0, [19.0], stop)
    assert _late(32.0, [19.0, 31.0], stop)


def test_a_message_long_after_a_stop_came_too_late_whenever_the_tables_say_that_it_was_claimed() -> None:
    stop = Stopped("chaos/1@x", happened=10.0, since=20.0)
    assert _late(20.1 + LONGEST, [19.0], stop)
    assert _late(21.0, [], stop)


def test_a_stop_ends_nothing_of_another_address_or_workspace_and_nothing_that_was_asked_for_after_it() -> None:
    assert not _late(22.0, [21.0], Stopped("chaos/2@x", happened=10.0, since=20.0))
    assert not _late(22.0, [21.0], Stopped("other/1@x", happened=10.0, since=20.0))
    assert not _late(22.0, [21.0], Stopped("chaos/1@x", happened=4.9, since=20.0))


def _said(kind: str, at: float, **data: object) -> Said:
    return Said("chaos", f"{kind}-{at}", f"lead.{kind}", "lead-1", (at,), at, {"lead_id": "lead-1"} | data)


def _story() -> Story:
    lead = {"lead_id": "lead-1", "email": "One@X"}
    enrolled = _said("enrolled", 1.0, sequence="plain", lead=lead)
    return Story([enrolled, _said("updated", 3.0, email="two@x"), _said("replied", 5.0)], [])


def _heard(story: Story, *instants: float) -> Heard:
    names = [(event.workspace, event.event_id) for event in story.events]
    return Heard(dict(zip(names, instants, strict=False)), {})


def test_a_stop_reaches_the_address_that_its_lead_had_when_it_happened_once_all_of_it_is_known() -> None:
    story = _story()
    assert stopped(story, _heard(story, 101.0, 109.0, 106.0), 100.0) == [Stopped("chaos/two@x", 105.0, 109.0)]
    earlier = Story([*story.events[:2], _said("replied", 2.0)], [])
    assert stopped(earlier, _heard(earlier, 101.0, 109.0, 106.0), 100.0) == [Stopped("chaos/one@x", 102.0, 106.0)]


def test_a_stop_that_was_not_answered_or_whose_address_was_not_reaches_nobody_yet() -> None:
    story = _story()
    assert stopped(story, _heard(story, 101.0, 109.0), 100.0) == []


def test_a_follow_up_is_asked_for_when_it_was_said_first_or_when_its_file_had_been_answered() -> None:
    story, beginning = _story(), datetime(2026, 1, 1, tzinfo=UTC).timestamp()
    file = Filed("chaos", "file-1", "plain", 7.0, [("lead-2", "2@x")])
    heard = Heard({}, {file.instance_id("lead-2"): beginning + 9.0})
    assert enrolled_at(story, heard, beginning) == {
        "chaos:plain:lead-1": beginning + 1.0,
        "chaos:plain:lead-2": beginning + 9.0,
    }


def test_leads_share_an_address_that_one_had_and_the_other_has_in_one_workspace() -> None:
    had = {"chaos/1": {"a@x", "b@x"}, "chaos/2": {"b@x"}, "other/1": {"a@x"}, "chaos/3": {"c@x"}}
    assert shared(had) == {"chaos/1", "chaos/2"}
