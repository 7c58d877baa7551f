"""Whether a lead may be enrolled once more: how often in one sequence, and in how many at a time."""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from domain.sequence import REPLY, EnrolRule, Sequence


class Refusal(StrEnum):
    """Why a lead is not enrolled.

    ENROLLED_BEFORE: the sequence takes everybody once. STILL_ENROLLED: it takes nobody twice at a time.
    IN_ANOTHER_SEQUENCE: one is running that tolerates no other beside it, and this one does neither.
    """

    ENROLLED_BEFORE = "enrolled_before"
    STILL_ENROLLED = "still_enrolled"
    IN_ANOTHER_SEQUENCE = "in_another_sequence"


class Known(NamedTuple):
    """A follow-up that the lead has, or had."""

    sequence: str
    over: bool
    beside_others: bool


def refusal(sequence: Sequence, known: Iterable[Known]) -> Refusal | None:
    """Say why a lead with these follow-ups is not enrolled in a sequence; None when it may be."""
    known = [one for one in known if one.sequence != REPLY]  # a person's own reply is no automation
    same = [one for one in known if one.sequence == sequence.name]
    if same and sequence.enroll is EnrolRule.ONCE:
        return Refusal.ENROLLED_BEFORE
    if sequence.enroll is EnrolRule.ONCE_AT_A_TIME and not all(one.over for one in same):
        return Refusal.STILL_ENROLLED
    others = [one for one in known if one.sequence != sequence.name and not one.over]
    if not sequence.beside_others and not all(one.beside_others for one in others):
        return Refusal.IN_ANOTHER_SEQUENCE
    return None


def sentence(why: Refusal, sequence: str) -> str:
    """Say it for people, with the remedy."""
    match why:
        case Refusal.ENROLLED_BEFORE:
            return (
                f"was enrolled in {sequence} before, which takes everybody once: "
                "say `enroll: once_at_a_time` or `any_time` in its file to allow more"
            )
        case Refusal.STILL_ENROLLED:
            return (
                f"is in {sequence} already, which takes nobody twice at a time: wait until that has ended, or stop it"
            )
        case Refusal.IN_ANOTHER_SEQUENCE:
            return (
                "is in another sequence, and neither says that they may run side by side: wait until that has ended, "
                "stop it, or say `beside_others: true` in the file of one"
            )
