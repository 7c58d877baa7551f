"""The lease: a claim that may still act is never given up by another run, and `not_sent` is never taken of one."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.lease import FRESH, LENGTH, given_up_at, is_of_another_try, lease_of, may_still_act

_CLAIMED = datetime(2026, 1, 1, tzinfo=UTC)
_TIMEOUTS = st.timedeltas(timedelta(milliseconds=1), timedelta(hours=1))
_PASSED = st.timedeltas(timedelta(0), timedelta(hours=2))


@given(send_timeout=_TIMEOUTS)
def test_a_lease_is_no_longer_than_a_minute_or_the_wait_for_an_answer(send_timeout: timedelta) -> None:
    lease = lease_of(send_timeout)
    assert lease.length == min(LENGTH, send_timeout)
    assert lease.overdue_after == lease.length + send_timeout


@given(send_timeout=_TIMEOUTS, crossed=_PASSED, answered=_TIMEOUTS)
def test_what_crossed_the_gate_is_answered_before_its_claim_is_overdue(
    send_timeout: timedelta, crossed: timedelta, answered: timedelta
) -> None:
    """The invariant behind `not_sent`: a send that began within the lease has its answer, or never will, by then."""
    lease = lease_of(send_timeout)
    overdue_at = _CLAIMED + lease.overdue_after
    if lease.goes_on(crossed) and answered <= send_timeout:
        assert may_still_act(overdue_at, _CLAIMED + crossed)
        assert _CLAIMED + crossed + answered < overdue_at


@given(send_timeout=_TIMEOUTS, passed=_PASSED)
def test_another_run_gives_up_a_claim_only_when_it_can_act_no_more(send_timeout: timedelta, passed: timedelta) -> None:
    overdue_at = _CLAIMED + lease_of(send_timeout).overdue_after
    now = _CLAIMED + passed
    given_up = now >= given_up_at(_CLAIMED, overdue_at, by_own_run=False)
    assert given_up is not may_still_act(overdue_at, now)


@given(send_timeout=_TIMEOUTS)
def test_its_own_run_gives_up_a_claim_that_is_no_longer_fresh(send_timeout: timedelta) -> None:
    overdue_at = _CLAIMED + lease_of(send_timeout).overdue_after
    assert given_up_at(_CLAIMED, overdue_at, by_own_run=True) == _CLAIMED + FRESH


def test_a_draft_that_nobody_holds_can_be_acted_on_by_nobody() -> None:
    assert not may_still_act(None, _CLAIMED)


@pytest.mark.parametrize(
    ("said_from", "overdue_at", "of_another"),
    [
        (None, _CLAIMED, False),
        (_CLAIMED, None, False),
        (_CLAIMED, _CLAIMED, False),
        (_CLAIMED, _CLAIMED + timedelta(seconds=1), True),
        (_CLAIMED + timedelta(seconds=1), _CLAIMED, False),
    ],
)
def test_a_word_is_of_another_try_when_it_was_said_of_an_earlier_claim(
    said_from: datetime | None, overdue_at: datetime | None, *, of_another: bool
) -> None:
    assert is_of_another_try(overdue_at, said_from) is of_another
