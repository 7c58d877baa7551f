"""What must be zero, counted from the peer's log and the store's tables: pure functions of what was read.

A lead is named `WORKSPACE/LEAD` here.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Set
from typing import NamedTuple

from proof.chaos.log import Taken
from proof.chaos.schedule import SMTP
from proof.chaos.story import STEPS


class Draft(NamedTuple):
    """A draft at the end. `why` is why it is in its state."""

    instance_id: str
    lead: str
    step: int
    message_id: str
    state: str
    why: str = ""


class Claim(NamedTuple):
    """A claim of a draft, by the ledger: when it began, Unix time."""

    instance_id: str
    lead: str
    step: int
    at: float


class Unsure(NamedTuple):
    """A draft that was unknown for a while: to whom, claimed by which worker when, marked when (Unix time)."""

    instance_id: str
    recipient: str
    step: int
    claimed_at: float
    marked_at: float
    worker: str


class Trouble(NamedTuple):
    """One thing done to something that a send depends on, from when to when."""

    touched: str  # a part, a link, or `to:ADDRESS` for a message that the peer went wrong with
    begun: float
    ended: float


# How long after a fault a worker or a server may still be behind, in seconds.
_RECOVERY = 5.0

Offences = dict[str, dict[str, str]]  # by promise: by instance (or lead) a sentence


def broken_promises(
    taken: list[Taken],
    drafts: list[Draft],
    lost: Iterable[str],
    claims: Iterable[Claim],
    stopped_at: Mapping[str, float],
) -> Offences:
    """Compare the log with the store.

    `lost` are leads whose enrolment was taken and who have no follow-up; `stopped_at` is by instance or lead.
    """
    found: Offences = defaultdict(dict)
    found["duplicates"] = _duplicates(taken, drafts)
    found["missing"] = _missing(taken, drafts) | dict.fromkeys(lost, "its enrolment was taken, and there is none")
    found["not known as sent"] = _not_known(taken, drafts)
    found["claimed after a stop"] = _claimed_after(claims, stopped_at)
    return found


def written_off(taken: list[Taken], drafts: list[Draft]) -> int:
    """Count the messages that are in the log and whose unknown draft an operator's stop ended without a look there."""
    names = {one.message_id for one in taken}
    return sum(draft.message_id in names and is_written_off(draft) for draft in drafts)


def ended_for_nothing(instances: Mapping[str, Set[str]], drafts: list[Draft], causes: Set[str]) -> dict[str, str]:
    """Name the follow-ups that were not sent whole, and nobody said or did anything that would end a step of theirs.

    `instances` tells of each its lead and its addresses (`WORKSPACE/ADDRESS`); `causes` are the instances, leads and
    addresses to which such a thing was said or done.
    """
    sent = Counter(draft.instance_id for draft in drafts if draft.state == "sent")
    return {
        instance: f"{sent[instance]} of {STEPS} steps are sent, and nobody stopped, rejected or refused any"
        for instance, those in instances.items()
        if sent[instance] < STEPS and not {instance, *those} & causes
    }


def unexplained(unsure: Iterable[Unsure], troubles: list[Trouble]) -> dict[str, str]:
    """Name the unknown sends that nothing explains that was done to their worker, its links, or what they lead to."""
    return {
        one.instance_id: f"step {one.step} became unknown, and nothing was done to {one.worker} or what it needs"
        for one in unsure
        if not any(_explains(trouble, one) for trouble in troubles)
    }


def _explains(trouble: Trouble, one: Unsure) -> bool:
    # what is between worker and peer can lose an answer only while it is awaited; the others need time to recover
    at_once = SMTP in trouble.touched or trouble.touched.startswith("to:")
    since = one.claimed_at - (0.0 if at_once else _RECOVERY)
    return trouble.begun <= one.marked_at and trouble.ended >= since and _touches(trouble.touched, one)


def _touches(touched: str, one: Unsure) -> bool:
    everybodys = {"postgres", "temporal", "smtp", f"to:{one.recipient}"}
    return touched in everybodys or touched.partition(">")[0] == one.worker


def _duplicates(taken: list[Taken], drafts: list[Draft]) -> dict[str, str]:
    instances = {draft.message_id: draft.instance_id for draft in drafts}
    twice: dict[str, str] = {}
    for name in ("message_id", "mark"):
        for what, times in Counter(getattr(one, name) for one in taken).items():
            if times > 1:
                same = (one.message_id for one in taken if getattr(one, name) == what)
                twice[next((instances[one] for one in same if one in instances), what)] = f"{what}: {times} times"
    return twice


def _missing(taken: list[Taken], drafts: list[Draft]) -> dict[str, str]:
    names = {one.message_id for one in taken}
    return {
        draft.instance_id: f"step {draft.step} is sent, and the peer never took it"
        for draft in drafts
        if draft.state == "sent" and draft.message_id not in names
    }


def is_written_off(draft: Draft) -> bool:
    """Say whether an operator's stop ended it while it was unknown."""
    return draft.state == "skipped" and draft.why.endswith("says stop")


def _not_known(taken: list[Taken], drafts: list[Draft]) -> dict[str, str]:
    known = {draft.message_id: draft for draft in drafts}
    found = {}
    for one in taken:
        draft = known.get(one.message_id)
        if draft is None or (draft.state != "sent" and not is_written_off(draft)):
            found[draft.instance_id if draft else one.mark] = (
                f"{one.mark} was taken, and its draft is {draft.state if draft else 'nowhere'}"
            )
    return found


def _claimed_after(claims: Iterable[Claim], stopped_at: Mapping[str, float]) -> dict[str, str]:
    return {
        claim.instance_id: f"step {claim.step} was claimed after a stop had been acknowledged"
        for claim in claims
        if claim.at > min(stopped_at.get(who, float("inf")) for who in (claim.instance_id, claim.lead))
    }
