"""The moves of a follow-up, each written once: on to the next step, pause, hold, stop, activate."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from domain.cause import Cause
from domain.draft import DraftKey, DraftState, draft_id, message_hash
from domain.instance import InstanceStatus, Reason
from domain.schedule import after
from domain.step import Held, Paused, Recorded, StepDone, Stopped
from store.drafts import StoredDraft, stop_pending
from store.facts import StepFacts
from store.instances import set_current_step, set_status
from store.links import read_link_key
from transactions.locked_step import LockedStep

_BEHIND = (DraftState.SENT, DraftState.DONE, DraftState.SKIPPED, DraftState.DISCARDED)


def unknown_pause(draft: StoredDraft, code: str) -> Paused:
    """Say what an unknown draft waits for."""
    return Paused(
        reason=Reason.SEND_OUTCOME_UNKNOWN,
        code=code,
        not_sent_from=draft.overdue_at,
        generation=draft.generation,
        message_hash=draft.message_hash,
    )


async def advance(locked_step: LockedStep, state: DraftState, since: datetime) -> StepDone:
    """The step is behind us: make the next one current, or complete the instance."""
    if locked_step.step == locked_step.steps:
        why = f"step {locked_step.step} of {locked_step.step} {state}"
        await locked_step.set_status(InstanceStatus.COMPLETED, Reason.NONE, Cause.COMPLETED, why)
        return StepDone(state=state, steps=locked_step.step)
    due = after(since, locked_step.sequence.steps[locked_step.step].wait, locked_step.locked.lead.zone)
    await set_current_step(locked_step.connection, locked_step.instance_id, locked_step.step + 1, due, locked_step.by)
    return StepDone(state=state, next_due_at=due, steps=locked_step.steps)


async def pause(locked_step: LockedStep, paused: Paused, cause: Cause) -> Paused:
    """Let the instance wait for a person."""
    await pause_instance(
        locked_step.connection, locked_step.instance_id, locked_step.step, paused, by=locked_step.by, cause=cause
    )
    return paused


async def pause_instance(
    connection: AsyncConnection, instance_id: str, step: int, paused: Paused, *, by: str, cause: Cause
) -> None:
    """Let an instance wait for a person at a step. Wants its lead's lock held."""
    why = f"step {step}: {paused.reason} {paused.code}".rstrip()
    await set_status(connection, instance_id, InstanceStatus.PAUSED, paused.reason, by=by, why=why, cause=cause)


async def pause_behind_workflow(locked_step: LockedStep, code: str = "") -> Paused:
    """Let the instance wait for a person who looks for a message that the store has forgotten."""
    named = message_hash(
        await read_link_key(locked_step.connection),
        draft_id(DraftKey(locked_step.instance_id, locked_step.step)),
    )
    return await pause(
        locked_step, Paused(reason=Reason.STORE_IS_BEHIND, code=code, message_hash=named), Cause.RESTORED
    )


async def hold(locked_step: LockedStep, held: Held, cause: Cause, code: str = "") -> Held:
    """Let the instance wait until an instant."""
    why = f"step {locked_step.step}: {held.reason} {code}".rstrip()
    await locked_step.set_status(InstanceStatus.HELD, held.reason, cause, why, until=held.until)
    return held


async def stop(locked_step: LockedStep, reason: Reason, cause: Cause, code: str = "") -> Stopped:
    """End the instance; what was not claimed yet never will be."""
    why = f"step {locked_step.step}: {reason} {code}".rstrip()
    await stop_instance(
        locked_step.connection, locked_step.instance_id, reason, by=locked_step.by, why=why, cause=cause
    )
    return Stopped(reason=reason)


async def stop_instance(
    connection: AsyncConnection, instance_id: str, reason: Reason, *, by: str, why: str, cause: Cause
) -> None:
    """End an instance, at whichever step it is. Wants its lead's lock held."""
    await stop_pending(connection, instance_id, by=by, why=why, cause=cause)
    await set_status(connection, instance_id, InstanceStatus.STOPPED, reason, by=by, why=why, cause=cause)


async def activate(locked_step: LockedStep, cause: Cause, why: str, *, until: datetime | None = None) -> None:
    """Let the instance go on: what it waited for is over."""
    await locked_step.set_status(InstanceStatus.ACTIVE, Reason.NONE, cause, why, until=until)


def current_result(locked_step: LockedStep, facts: StepFacts) -> Recorded:
    """Say what is true of a step already, changing nothing."""
    draft = facts.draft
    state = draft.state if draft else DraftState.PENDING
    if draft is not None and state is DraftState.UNKNOWN:
        return unknown_pause(draft, draft.code)
    if state is DraftState.SENDING:
        return Held(until=facts.now, reason=Reason.DRAFT_ALREADY_SENDING)
    if facts.status is InstanceStatus.STOPPED:
        return Stopped(reason=facts.reason)
    behind = locked_step.step < facts.current_step or facts.status is InstanceStatus.COMPLETED
    if draft is None and behind:  # it was left out before there was one
        return StepDone(state=DraftState.SKIPPED, next_due_at=_next_due(locked_step, facts), steps=locked_step.steps)
    if state in _BEHIND or (state is DraftState.REFUSED and facts.status is not InstanceStatus.PAUSED):
        return StepDone(state=state, next_due_at=_next_due(locked_step, facts), steps=locked_step.steps)
    if facts.status is InstanceStatus.PAUSED:
        return Paused(reason=facts.reason, code=draft.code if draft else "")
    return Held(until=facts.until or facts.now, reason=facts.reason)


def _next_due(locked_step: LockedStep, facts: StepFacts) -> datetime | None:
    if locked_step.step == locked_step.steps:
        return None
    return facts.until if facts.until and facts.current_step == locked_step.step + 1 else facts.now
