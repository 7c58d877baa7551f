"""Whether a step may be sent now: what ends it comes before what pauses it, and that before what holds it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.instance import InstanceStatus, Reason
from domain.permission import Circumstances, forbidden
from domain.step import Held, Paused, Stopped

_NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
_HOUR = timedelta(hours=1)
_FREE = Circumstances(
    now=_NOW,
    status=InstanceStatus.ACTIVE,
    reason=Reason.NONE,
    stopped_by=None,
    suppressed=False,
    recipient_in_use=False,
    expires_at=_NOW + _HOUR,
    permitted_from=_NOW,
    busy_since=None,
    last_sent_at=None,
    min_gap=timedelta(0),
)
_instants = st.timedeltas(-2 * _HOUR, 2 * _HOUR).map(lambda around: _NOW + around)
_circumstances = st.builds(
    Circumstances,
    now=st.just(_NOW),
    status=st.sampled_from(InstanceStatus),
    reason=st.sampled_from(Reason),
    stopped_by=st.none() | st.sampled_from([Reason.REPLIED, Reason.CLOSED]),
    suppressed=st.booleans(),
    recipient_in_use=st.booleans(),
    expires_at=_instants,
    permitted_from=st.timedeltas(timedelta(0), 2 * _HOUR).map(lambda later: _NOW + later),
    busy_since=st.none() | _instants,
    last_sent_at=st.none() | _instants,
    min_gap=st.timedeltas(timedelta(0), 2 * _HOUR),
    quiet_until=st.none() | _instants,
)


@pytest.mark.parametrize("status", [InstanceStatus.ACTIVE, InstanceStatus.HELD])
def test_nothing_forbids_a_step_that_is_due_in_a_free_thread(status: InstanceStatus) -> None:
    assert forbidden(_FREE._replace(status=status)) is None


@pytest.mark.parametrize("status", [InstanceStatus.STOPPED, InstanceStatus.COMPLETED])
def test_an_end_forbids_it_for_the_reason_of_the_end(status: InstanceStatus) -> None:
    ended = _FREE._replace(status=status, reason=Reason.REPLIED, suppressed=True)
    assert forbidden(ended) == Stopped(reason=Reason.REPLIED)


def test_a_suppressed_address_stops_even_what_is_paused() -> None:
    paused = _FREE._replace(status=InstanceStatus.PAUSED, suppressed=True)
    assert forbidden(paused) == Stopped(reason=Reason.SUPPRESSED)


def test_a_stop_of_the_recipient_stops_even_what_is_paused_or_suppressed() -> None:
    paused = _FREE._replace(status=InstanceStatus.PAUSED, suppressed=True, stopped_by=Reason.REPLIED)
    assert forbidden(paused) == Stopped(reason=Reason.REPLIED)


def test_a_recipient_whom_another_follow_up_came_to_first_is_left_to_a_person() -> None:
    used = _FREE._replace(recipient_in_use=True, permitted_from=_NOW + _HOUR)
    assert forbidden(used) == Paused(reason=Reason.RECIPIENT_IN_USE)


def test_a_pause_forbids_it_for_the_reason_of_the_pause() -> None:
    paused = _FREE._replace(status=InstanceStatus.PAUSED, reason=Reason.OPERATOR, expires_at=_NOW - _HOUR)
    assert forbidden(paused) == Paused(reason=Reason.OPERATOR)


def test_a_step_may_be_sent_until_the_instant_it_expires_and_not_after() -> None:
    moment = timedelta(microseconds=1)
    assert forbidden(_FREE._replace(expires_at=_NOW)) is None
    assert forbidden(_FREE._replace(expires_at=_NOW - moment)) == Paused(reason=Reason.EXPIRED)


def test_an_expired_step_is_not_held_for_a_window_but_left_to_a_person() -> None:
    late = _FREE._replace(expires_at=_NOW - _HOUR, permitted_from=_NOW + _HOUR)
    assert forbidden(late) == Paused(reason=Reason.EXPIRED)


def test_outside_its_window_it_is_held_until_the_window_opens() -> None:
    held = Held(until=_NOW + _HOUR, reason=Reason.OUTSIDE_WINDOW)
    assert forbidden(_FREE._replace(permitted_from=_NOW + _HOUR)) == held


def test_it_is_held_until_the_gap_of_the_thread_is_over_and_no_longer() -> None:
    soon = _FREE._replace(last_sent_at=_NOW - _HOUR / 2, min_gap=_HOUR)
    assert forbidden(soon) == Held(until=_NOW + _HOUR / 2, reason=Reason.MINIMUM_GAP)
    assert forbidden(_FREE._replace(last_sent_at=_NOW - _HOUR, min_gap=_HOUR)) is None


def test_a_lead_out_of_office_holds_it_until_the_lead_is_back() -> None:
    held = Held(until=_NOW + _HOUR, reason=Reason.OUT_OF_OFFICE)
    assert forbidden(_FREE._replace(quiet_until=_NOW + _HOUR)) == held


def test_a_busy_thread_holds_it_for_a_moment() -> None:
    held = forbidden(_FREE._replace(busy_since=_NOW))
    assert isinstance(held, Held)
    assert held.reason is Reason.THREAD_BUSY
    assert timedelta(0) < held.until - _NOW < timedelta(minutes=1)


@pytest.mark.parametrize(("minutes", "wait"), [(1, 1), (20, 20), (60, 60), (60 * 24 * 7, 60)])
def test_a_thread_that_stays_busy_is_looked_at_ever_later_and_at_last_each_hour(minutes: int, wait: int) -> None:
    held = forbidden(_FREE._replace(busy_since=_NOW - timedelta(minutes=minutes)))
    assert held == Held(until=_NOW + timedelta(minutes=wait), reason=Reason.THREAD_BUSY)


def test_of_several_holds_the_longest_is_told() -> None:
    both = _FREE._replace(permitted_from=_NOW + _HOUR, last_sent_at=_NOW, min_gap=2 * _HOUR, busy_since=_NOW)
    assert forbidden(both) == Held(until=_NOW + 2 * _HOUR, reason=Reason.MINIMUM_GAP)


@given(_circumstances)
def test_a_hold_always_lies_ahead_and_after_it_the_same_does_not_hold_again(true: Circumstances) -> None:
    no = forbidden(true)
    if isinstance(no, Held):
        assert no.until > true.now
        later = true._replace(now=no.until, permitted_from=no.until, expires_at=no.until, busy_since=None)
        assert forbidden(later) is None


@given(_circumstances)
def test_nothing_is_sent_that_ended_is_paused_is_suppressed_or_too_late(true: Circumstances) -> None:
    over = true.status not in (InstanceStatus.ACTIVE, InstanceStatus.HELD, InstanceStatus.AWAITING_APPROVAL)
    if over or true.suppressed or true.now > true.expires_at:
        assert isinstance(forbidden(true), Paused | Stopped)
