"""Who may be enrolled once more: the rules as pure values."""

from typing import Any

import pytest

from domain.enrolling import Known, Refusal, refusal, sentence
from domain.sequence import EnrolRule, Sequence

_OVER, _RUNNING = True, False


def _sequence(**more: Any) -> Sequence:
    steps = [{"wait": "0s", "subject": "s", "body": "b"}]
    return Sequence.model_validate({"name": "trial", "steps": steps} | more)


def _known(name: str = "trial", *, over: bool = _RUNNING, beside_others: bool = False) -> Known:
    return Known(name, over, beside_others)


@pytest.mark.parametrize(
    ("rule", "over", "expected"),
    [
        ("once", _RUNNING, Refusal.ENROLLED_BEFORE),
        ("once", _OVER, Refusal.ENROLLED_BEFORE),
        ("once_at_a_time", _RUNNING, Refusal.STILL_ENROLLED),
        ("once_at_a_time", _OVER, None),
        ("any_time", _RUNNING, None),
        ("any_time", _OVER, None),
    ],
)
def test_a_sequence_says_how_often_it_takes_somebody(rule: str, over: bool, expected: Refusal | None) -> None:
    assert refusal(_sequence(enroll=rule), [_known(over=over)]) is expected


def test_once_is_what_a_sequence_says_that_says_nothing() -> None:
    assert _sequence().enroll is EnrolRule.ONCE


@pytest.mark.parametrize("over", [_RUNNING, _OVER])
@pytest.mark.parametrize("newcomer", [False, True])
@pytest.mark.parametrize("other", [False, True])
def test_two_sequences_run_side_by_side_when_one_of_them_says_so(over: bool, newcomer: bool, other: bool) -> None:
    found = refusal(_sequence(beside_others=newcomer), [_known("spring", over=over, beside_others=other)])
    assert found is (None if over or newcomer or other else Refusal.IN_ANOTHER_SEQUENCE)


def test_a_persons_own_reply_is_in_nobodys_way() -> None:
    assert refusal(_sequence(), [_known("reply")]) is None


def test_whoever_was_never_enrolled_may_be() -> None:
    assert refusal(_sequence(), []) is None


@pytest.mark.parametrize("why", Refusal)
def test_each_refusal_says_what_to_do(why: Refusal) -> None:
    assert ": " in sentence(why, "trial")
