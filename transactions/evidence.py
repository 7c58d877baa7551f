"""Evidence: a draft's message was seen outside, so it went out. That settles an unknown send; nothing here ever sends.

What was seen of a message that we hold for unsent contradicts: a person is told, and nothing of it is sent meanwhile.
That nothing was seen proves nothing.
"""

from enum import StrEnum
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from domain.cause import Cause
from domain.draft import DraftState, draft_key
from domain.evidence import EvidenceKind
from domain.instance import FINAL, InstanceStatus, Reason
from domain.step import Paused
from domain.task import TaskKind
from store.drafts import StoredDraft
from store.evidence import Seen, add_evidence, find_evidence, has_settled
from store.facts import StepFacts, lock_step, read_facts
from store.ledger import add_note
from transactions.locked_step import LockedStep
from transactions.moves import pause
from transactions.record import settle_as_seen, why_seen

_CONTRADICTED = (Reason.EVIDENCE_CONTRADICTS, InstanceStatus.PAUSED)


class EvidenceEffect(StrEnum):
    """What a piece of evidence means for its draft.

    CONFIRMS: it was known as sent. SETTLES: it was unknown until this was seen. KEPT: it is being sent right now; the
    evidence counts should its outcome be unknown. CONTRADICTS: it was held for unsent.
    """

    CONFIRMS = "confirms"
    SETTLES = "settles"
    KEPT = "kept"
    CONTRADICTS = "contradicts"


class Concern(NamedTuple):
    """What a person has to look into beside what was seen. `why` names no person."""

    reason: Reason
    why: str


class Taken(NamedTuple):
    """What a piece of evidence means, each time it is taken; `paused`: its instance waits because of it."""

    bearing: EvidenceEffect
    paused: bool = False
    reason: Reason = Reason.EVIDENCE_CONTRADICTS


async def take_evidence(
    connection: AsyncConnection, draft_id: str, seen: Seen, by: str, concern: Concern | None = None
) -> Taken:
    """Take what was seen of a draft's message; taking it again changes nothing. A `concern` pauses the instance.

    The caller tells the workflow afterwards: one that waits for just this goes on, or pauses. Raises LookupError when
    there is no such draft.
    """
    instance, step, _ = draft_key(draft_id)
    found = await lock_step(connection, instance, step)
    if found is None or found[1].draft is None or found[1].draft.id != draft_id:
        raise LookupError(f"there is no draft {draft_id}")
    locked, facts = found
    locked_step, draft = LockedStep(connection, locked, step, by), found[1].draft
    new = await add_evidence(connection, locked.workspace, draft_id, seen, by)
    if new:
        await add_note(connection, instance, step, "evidence", by=by, why=why_seen(seen))
        await _count_copies(locked_step, draft, seen)
    taken = await _weigh(locked_step, draft, seen, facts, new=new)
    if concern is None or taken.bearing is EvidenceEffect.CONTRADICTS:
        return taken
    return taken._replace(paused=await _ask_a_person(locked_step, concern, new=new), reason=concern.reason)


async def _ask_a_person(locked_step: LockedStep, concern: Concern, *, new: bool) -> bool:
    """Open a task, and let the instance wait for whoever does it; say whether it waits."""
    facts = await read_facts(
        locked_step.connection, locked_step.locked, locked_step.step
    )  # evidence may have moved it on just now
    if not new:
        return (facts.reason, facts.status) == (concern.reason, InstanceStatus.PAUSED)
    await _alarm(locked_step, Cause.RETURNED, concern.why)
    if facts.status in (*FINAL, InstanceStatus.PAUSED):
        return False
    await pause(locked_step, Paused(reason=concern.reason), Cause.RETURNED)
    return True


async def _weigh(locked_step: LockedStep, draft: StoredDraft, seen: Seen, facts: StepFacts, *, new: bool) -> Taken:
    match draft.state:
        case DraftState.SENDING:
            return Taken(EvidenceEffect.KEPT)
        case DraftState.UNKNOWN:
            await settle_as_seen(locked_step, draft, seen, facts)
            return Taken(EvidenceEffect.SETTLES)
        case DraftState.SENT:
            settled = await has_settled(locked_step.connection, draft.id, seen.source)
            return Taken(EvidenceEffect.SETTLES if settled else EvidenceEffect.CONFIRMS)
    if not new:
        return Taken(EvidenceEffect.CONTRADICTS, paused=(facts.reason, facts.status) == _CONTRADICTED)
    await _alarm(locked_step, Cause.CONTRADICTED, f"its draft is {draft.state} ({draft.why}), but {why_seen(seen)}")
    waits = facts.status in (InstanceStatus.ACTIVE, InstanceStatus.HELD)
    if draft.state is DraftState.PENDING and waits:
        await pause(locked_step, Paused(reason=Reason.EVIDENCE_CONTRADICTS), Cause.CONTRADICTED)
        return Taken(EvidenceEffect.CONTRADICTS, paused=True)
    return Taken(EvidenceEffect.CONTRADICTS)


async def _count_copies(locked_step: LockedStep, draft: StoredDraft, seen: Seen) -> None:
    """One send makes one copy; two of them are what must never be."""
    if seen.kind is EvidenceKind.SENT_COPY:
        copies = [one.source for one in await find_evidence(locked_step.connection, draft.id) if one.kind is seen.kind]
        if len(copies) > 1:
            await _alarm(
                locked_step, Cause.CONTRADICTED, f"its message was sent {len(copies)} times: {', '.join(copies[:5])}"
            )


async def contradicted(locked_step: LockedStep, draft: StoredDraft | None) -> Paused | None:
    """Say whether a draft that may be claimed was seen outside already: then it must not be sent, whoever said so."""
    seen = await find_evidence(locked_step.connection, draft.id) if draft is not None else []
    if not seen:
        return None
    await _alarm(locked_step, Cause.CONTRADICTED, f"it was to be sent, but {why_seen(seen[0])}")
    return Paused(reason=Reason.EVIDENCE_CONTRADICTS)


async def _alarm(locked_step: LockedStep, cause: Cause, why: str) -> None:
    await locked_step.open_task(TaskKind.ALARM, cause, why)
