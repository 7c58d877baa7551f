"""What `make chaos` breaks is drawn from its seed alone; what it counts, it finds where it is planted."""

from collections import Counter

import pytest

from proof.chaos.counting import (
    Claim,
    Draft,
    Trouble,
    Unsure,
    broken_promises,
    ended_for_nothing,
    unexplained,
    written_off,
)
from proof.chaos.log import Taken
from proof.chaos.people import shared
from proof.chaos.schedule import LINKS, PARTS, WAYS, WORKERS, Fault, How, Kind, Phase, schedule
from proof.chaos.story import STEPS, WORKSPACES, same, tell

_HOUR = 3600.0


def _log(*steps: int) -> list[Taken]:
    return [
        Taken(10.0 + place, "ada@x", "1@x", f"<{step}@x>", f"chaos:plain:lead-1/{step}")
        for place, step in enumerate(steps)
    ]


def _draft(step: int, state: str = "sent", why: str = "") -> Draft:
    return Draft("chaos:plain:lead-1", "chaos/lead-1", step, f"<{step}@x>", state, why)


def _unsure(claimed_at: float = 100.0, marked_at: float = 110.0) -> Unsure:
    return Unsure("chaos:plain:lead-1", "1@x", 1, claimed_at, marked_at, "worker-1")


def _broken(taken: list[Taken], drafts: list[Draft]) -> dict[str, int]:
    found = broken_promises(taken, drafts, [], [], {})
    return {promise: len(who) for promise, who in found.items() if who}


def test_a_seed_draws_the_same_faults_each_time_and_another_seed_others() -> None:
    assert schedule(7, _HOUR) == schedule(7, _HOUR)
    assert schedule(7, _HOUR) != schedule(8, _HOUR)


def test_faults_come_in_order_as_often_as_asked_and_every_kind_of_every_target_comes() -> None:
    faults = schedule(7, 10 * _HOUR, every=4)
    assert faults == sorted(faults, key=lambda fault: fault.at)
    assert 8000 < len(faults) < 10_000
    assert {fault.kind for fault in faults} == set(Kind)
    assert {fault.target for fault in faults} == {*PARTS, *LINKS}
    assert {(fault.phase, fault.how) for fault in faults if fault.phase} == {
        (phase, how) for phase, ways in WAYS.items() for how in ways
    }


def test_no_target_is_broken_anew_while_it_is_broken() -> None:
    free: dict[str, float] = {}
    for fault in schedule(7, _HOUR):
        if fault.kind is not Kind.MISBEHAVE:
            assert fault.at >= free.get(fault.target, 0.0)
            free[fault.target] = fault.at + fault.lasts


def test_the_peer_says_of_a_message_it_took_anything_but_that_it_is_refused_for_good() -> None:
    after = {fault.how for fault in schedule(7, 10 * _HOUR) if fault.phase is Phase.TAKEN}
    assert after == {How.DROP, How.HANG, How.LATER, How.GARBAGE}


def test_some_workers_sleep_for_longer_than_a_heartbeat_is_waited_for() -> None:
    naps = {fault.lasts for fault in schedule(7, _HOUR) if fault.kind is Kind.SUSPEND and fault.target in WORKERS}
    assert max(naps) > 30


def test_a_fault_says_of_itself_what_it_is() -> None:
    fault = Fault(3.5, "smtp", Kind.MISBEHAVE, messages=2, phase=Phase.TAKEN, how=How.DROP)
    assert fault.sentence == "   3.50 s  smtp: misbehave taken: drop, 2 times"


def test_the_app_tells_of_every_lead_some_twice_and_some_replies_before_their_enrolment() -> None:
    story = tell(7, 200, 120.0)
    assert story == tell(7, 200, 120.0)
    enrolled = {event.lead: event for event in story.events if event.event_id == f"lead.enrolled-{event.lead_id}"}
    stops = [event for event in story.events if event.is_stop]
    filed = {f"{file.workspace}/{lead_id}" for file in story.files for lead_id, _ in file.leads}
    assert len({lead.partition("/")[2] for lead in {*enrolled, *filed}}) == 200
    assert any(len(event.at) > 1 for event in story.events)
    assert any(event.at[0] < enrolled[event.lead].at[0] for event in stops)
    assert all(event.happened_at > enrolled[event.lead].happened_at for event in stops)


def test_nothing_is_delivered_before_it_happened() -> None:
    # what is ahead of our clock counts as of the instant at which it came, and may then be older than an enrolment
    assert all(min(event.at) > event.happened_at for event in tell(7, 200, 120.0).events)


def test_leads_share_addresses_in_several_spellings_by_events_files_and_moves_and_across_workspaces() -> None:
    story = tell(7, 300, 120.0)
    spellings: dict[str, set[str]] = {}
    for file in story.files:
        for _, address in file.leads:
            spellings.setdefault(same(address), set()).add(address)
    for event in story.events:
        if event.address:
            spellings.setdefault(event.address, set()).add(event.data.get("lead", event.data)["email"])
    several = {address: written for address, written in spellings.items() if len(written) > 1}
    assert any(not written.isascii() for those in several.values() for written in those)
    assert {"lead.enrolled", "lead.updated"} <= {event.type for event in story.events if event.address in several}
    assert any(same(address) in several for file in story.files for _, address in file.leads)
    leads = {workspace: {lead for lead in story.leads if lead.startswith(f"{workspace}/")} for workspace in WORKSPACES}
    assert {lead.partition("/")[2] for lead in leads["chaos"]} & {lead.partition("/")[2] for lead in leads["other"]}
    assert 60 < len(shared(story.leads)) < 200


def test_whoever_moves_to_an_address_comes_to_it_after_all_who_had_it() -> None:
    events = tell(7, 300, 120.0).events
    moves = [event for event in events if event.type == "lead.updated"]
    assert moves
    for move in moves:
        had = [event for event in events if event.address == move.address and event.type == "lead.enrolled"]
        assert had
        assert all(event.happened_at < move.happened_at for event in had)


def test_a_log_of_each_sent_draft_once_breaks_no_promise() -> None:
    assert STEPS == 3
    assert _broken(_log(1, 2, 3), [_draft(1), _draft(2), _draft(3)]) == {}


def test_a_message_id_twice_in_the_log_is_a_duplicate() -> None:
    assert _broken(_log(1, 2, 1), [_draft(1), _draft(2)]) == {"duplicates": 1}


def test_two_messages_of_one_step_are_a_duplicate_though_their_message_ids_differ() -> None:
    taken = [*_log(1), Taken(12.0, "ada@x", "1@x", "<other@x>", "chaos:plain:lead-1/1")]
    assert _broken(taken, [_draft(1)])["duplicates"] == 1


def test_a_draft_that_is_sent_and_in_no_log_is_missing() -> None:
    assert _broken(_log(1), [_draft(1), _draft(2)]) == {"missing": 1}


def test_a_lead_whose_enrolment_was_taken_and_who_has_no_follow_up_is_missing() -> None:
    assert broken_promises([], [], ["lead-9"], [], {})["missing"].keys() == {"lead-9"}


@pytest.mark.parametrize("state", ["pending", "refused", "unknown", "stopped", "skipped", "discarded"])
def test_a_message_in_the_log_whose_draft_is_not_sent_is_not_known(state: str) -> None:
    assert _broken(_log(1), [_draft(1, state)]) == {"not known as sent": 1}


def test_a_message_of_no_draft_is_not_known() -> None:
    assert _broken(_log(1), []) == {"not known as sent": 1}


def test_an_unknown_send_that_an_operator_s_stop_ended_is_counted_apart() -> None:
    drafts = [_draft(1, "skipped", "chaos says stop")]
    assert (_broken(_log(1), drafts), written_off(_log(1), drafts)) == ({}, 1)


@pytest.mark.parametrize("who", ["chaos/lead-1", "chaos:plain:lead-1"])
@pytest.mark.parametrize(("stopped_at", "late"), [(50.0, 0), (49.9, 1)])
def test_a_claim_after_an_acknowledged_stop_is_late_whoever_stopped(who: str, stopped_at: float, late: int) -> None:
    claims = [Claim("chaos:plain:lead-1", "chaos/lead-1", 2, 50.0)]
    assert len(broken_promises([], [], [], claims, {who: stopped_at})["claimed after a stop"]) == late


@pytest.mark.parametrize(
    "touched", ["worker-1", "worker-1>smtp", "worker-1>temporal", "postgres", "temporal", "smtp", "to:1@x"]
)
def test_an_unknown_send_is_explained_by_what_was_done_to_its_worker_or_what_that_needs(touched: str) -> None:
    assert unexplained([_unsure()], [Trouble(touched, 105.0, 106.0)]) == {}


@pytest.mark.parametrize("touched", ["worker-2", "worker-2>smtp", "ingress", "ingress>postgres", "to:2@x"])
def test_what_was_done_to_others_explains_no_unknown_send(touched: str) -> None:
    assert len(unexplained([_unsure()], [Trouble(touched, 105.0, 106.0)])) == 1


@pytest.mark.parametrize("touched", ["smtp", "worker-1>smtp", "to:1@x"])
def test_what_the_peer_did_before_a_claim_explains_no_unknown_send_of_it(touched: str) -> None:
    assert len(unexplained([_unsure()], [Trouble(touched, 98.0, 99.0)])) == 1


@pytest.mark.parametrize("touched", ["worker-1", "worker-1>temporal", "postgres", "temporal"])
def test_what_needs_a_moment_to_recover_explains_an_unknown_send_shortly_after(touched: str) -> None:
    assert unexplained([_unsure()], [Trouble(touched, 98.0, 99.0)]) == {}


@pytest.mark.parametrize(
    ("states", "causes", "named"),
    [
        (["sent", "sent", "sent"], set(), False),
        (["sent", "sent", "skipped"], set(), True),
        (["sent", "stopped"], set(), True),
        ([], set(), True),
        (["sent", "refused"], {"chaos/lead-1"}, False),
        (["sent", "refused"], {"chaos/1@x"}, False),
        (["sent", "refused"], {"other/1@x"}, True),
        (["sent", "stopped"], {"chaos:plain:lead-1"}, False),
        (["sent", "stopped"], {"chaos/lead-10", "chaos:plain:lead-10"}, True),
    ],
)
def test_a_follow_up_that_was_not_sent_whole_has_to_have_been_stopped_rejected_or_refused(
    states: list[str], causes: set[str], named: bool
) -> None:
    drafts = [_draft(place + 1, state) for place, state in enumerate(states)]
    assert bool(ended_for_nothing({"chaos:plain:lead-1": {"chaos/lead-1", "chaos/1@x"}}, drafts, causes)) is named


@pytest.mark.parametrize(("begun", "ended"), [(111.0, 120.0), (80.0, 90.0)])
def test_what_was_over_before_or_came_after_explains_no_unknown_send(begun: float, ended: float) -> None:
    assert len(unexplained([_unsure()], [Trouble("worker-1", begun, ended)])) == 1


def test_the_faults_of_twenty_runs_are_more_than_five_hundred() -> None:
    drawn = Counter(fault.kind for seed in range(20) for fault in schedule(seed, 150.0))
    assert drawn.total() > 500
