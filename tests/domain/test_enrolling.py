"""Who may be enrolled once more: the rules as pure values."""

from typing import Any

import pytest

from domain.enrolling import Known, Refusal, refusal
from domain.sequence import EnrolRule, Sequence

_OVER, _RUNNING = True, False


def _sequence(**more: Any) -> Sequence:
    steps = [{"wait": "0s", "subject": "s", "body": "b"}]
    return Sequence.model_validate({"name": "trial", "steps": steps} | more)


def _known(
    name: str = "trial", *, over: bool = _RUNNING, beside_others: bool = False, lead_id: str = "lead-1"
) -> Known:
    instance = f"w:{name}:{lead_id}"
    return Known(instance_id=instance, lead_id=lead_id, sequence=name, over=over, beside_others=beside_others)


def _why(sequence: Sequence, *known: Known) -> Refusal | None:
    refused = refusal(sequence, "lead-1", known)
    return refused.refusal if refused else None


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
    assert _why(_sequence(enroll=rule), _known(over=over)) is expected


@pytest.mark.parametrize(
    ("rule", "over", "expected"),
    [
        ("once", _RUNNING, Refusal.ENROLLED_BEFORE),
        ("once", _OVER, Refusal.ENROLLED_BEFORE),
        ("once_at_a_time", _RUNNING, Refusal.STILL_ENROLLED),
        ("once_at_a_time", _OVER, None),
        ("any_time", _RUNNING, Refusal.STILL_ENROLLED),
        ("any_time", _OVER, None),
    ],
)
def test_an_address_that_is_followed_up_under_another_id_is_that_person(
    rule: str, over: bool, expected: Refusal | None
) -> None:
    other = _known(over=over, lead_id="lead-2")
    assert _why(_sequence(enroll=rule), other) is expected
    assert _why(_sequence(enroll=rule, beside_others=True), other) is None


def test_a_refusal_names_the_follow_up_under_the_other_id() -> None:
    refused = refusal(_sequence(), "lead-1", [_known("spring", lead_id="lead-2")])
    assert refused is not None
    assert refused.other == _known("spring", lead_id="lead-2")
    assert "has the address of lead lead-2, who is followed up by w:spring:lead-2" in refused.sentence


def test_once_is_what_a_sequence_says_that_says_nothing() -> None:
    assert _sequence().enroll is EnrolRule.ONCE


@pytest.mark.parametrize("lead_id", ["lead-1", "lead-2"])
@pytest.mark.parametrize("over", [_RUNNING, _OVER])
@pytest.mark.parametrize("newcomer", [False, True])
@pytest.mark.parametrize("other", [False, True])
def test_two_sequences_run_side_by_side_when_one_of_them_says_so(
    over: bool, newcomer: bool, other: bool, lead_id: str
) -> None:
    found = _why(_sequence(beside_others=newcomer), _known("spring", over=over, beside_others=other, lead_id=lead_id))
    assert found is (None if over or newcomer or other else Refusal.IN_ANOTHER_SEQUENCE)


def test_a_persons_own_reply_is_in_nobodys_way() -> None:
    assert _why(_sequence(), _known("reply")) is None


def test_whoever_was_never_enrolled_may_be() -> None:
    assert _why(_sequence()) is None


@pytest.mark.parametrize("lead_id", ["lead-1", "lead-2"])
@pytest.mark.parametrize("rule", EnrolRule)
@pytest.mark.parametrize("name", ["trial", "spring"])
def test_each_refusal_says_what_to_do(rule: EnrolRule, name: str, lead_id: str) -> None:
    refused = refusal(_sequence(enroll=rule), "lead-1", [_known(name, lead_id=lead_id)])
    assert refused is None or ": " in refused.sentence
