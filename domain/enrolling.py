"""Whether a lead may be enrolled once more: how often in one sequence, and in how many at a time.

A person is an address. What is followed up under another lead id with the same address counts as the lead's own,
unless the sequences tolerate it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from domain.sequence import REPLY, EnrolRule, Sequence


class Refusal(StrEnum):
    """Why a lead is not enrolled.

    ENROLLED_BEFORE: the sequence takes everybody once. STILL_ENROLLED: it takes nobody twice at a time.
    IN_ANOTHER_SEQUENCE: one is running that tolerates no other beside it, and this one does neither.
    UNRENDERABLE: a step can't be rendered with what is known of the lead.
    """

    ENROLLED_BEFORE = "enrolled_before"
    STILL_ENROLLED = "still_enrolled"
    IN_ANOTHER_SEQUENCE = "in_another_sequence"
    UNRENDERABLE = "unrenderable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A follow-up that the lead has, or had; or another lead with the same address."""

    instance_id: str
    lead_id: str
    sequence: str
    over: bool
    beside_others: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentRefused:
    """A refusal; `other` is the follow-up that stands against it, `sentence` says it for people, with the remedy."""

    refusal: Refusal
    sentence: str
    other: Known | None = None


def refusal(sequence: Sequence, lead_id: str, known: Iterable[Known]) -> EnrolmentRefused | None:
    """Say why a lead with these follow-ups is not enrolled in a sequence; None when it may be."""
    for one in known:
        why = _why(sequence, lead_id, one)
        if why is not None:
            return EnrolmentRefused(refusal=why, sentence=_sentence(why, sequence.name, lead_id, one), other=one)
    return None


def may_run_beside(sequence: Sequence, other: Known) -> bool:
    """Say whether two follow-ups of one person may run at a time: one of the two has to tolerate it."""
    return sequence.beside_others or (other.beside_others and other.sequence != sequence.name)


def _why(sequence: Sequence, lead_id: str, known: Known) -> Refusal | None:
    if known.sequence == REPLY:  # a person's own reply is no automation
        return None
    is_another = known.lead_id != lead_id
    if is_another and may_run_beside(sequence, known):
        return None
    if known.sequence != sequence.name:
        return None if known.over or may_run_beside(sequence, known) else Refusal.IN_ANOTHER_SEQUENCE
    if sequence.enroll is EnrolRule.ONCE:
        return Refusal.ENROLLED_BEFORE
    refused = sequence.enroll is EnrolRule.ONCE_AT_A_TIME or is_another
    return Refusal.STILL_ENROLLED if refused and not known.over else None


def _sentence(why: Refusal, sequence: str, lead_id: str, known: Known) -> str:
    if known.lead_id != lead_id:
        return (
            f"has the address of lead {known.lead_id}, who {_was_or_is(known)} followed up by {known.instance_id}: "
            f"enrol one of the two, or set `beside_others: true` in the file of {sequence}"
        )
    match why:
        case Refusal.ENROLLED_BEFORE:
            return (
                f"was enrolled in {sequence} before ({known.instance_id}), which takes everybody once: "
                "set `enroll: once_at_a_time` or `any_time` in its file to allow more"
            )
        case Refusal.STILL_ENROLLED:
            return (
                f"is in {sequence} already ({known.instance_id}), which takes nobody twice at a time: "
                "wait until that has ended, or stop it"
            )
        case _:
            return (
                f"is in another sequence ({known.instance_id}), and neither says that they may run side by side: "
                "wait until that has ended, stop it, or set `beside_others: true` in the file of one"
            )


def _was_or_is(known: Known) -> str:
    return "was" if known.over else "is"
