"""A step that waits for a person: a draft that has to be approved, or a manual step that has to be done.

`instances.until` is when the step fell due, or when a person last looked: its patience counts from there.
"""

from datetime import datetime
from typing import Any

from domain.cause import Cause, cause_of
from domain.command import Decision, Verdict
from domain.draft import Channel, DraftState
from domain.duration import write_duration
from domain.instance import FINAL, InstanceStatus, Reason
from domain.sequence import Step
from domain.step import Awaiting, DecisionRefused, Paused, Ready, Recorded, Settled, SettleStep
from domain.task import REMIND_AFTER, TaskKind
from store.drafts import StoredDraft, record_state
from store.facts import StepFacts
from store.instances import set_status
from store.ledger import add_note, was_noted
from store.tasks import close_tasks, open_task
from transactions.drafting import parse_sequence
from transactions.moves import LockedStep, activate, advance, current_result, pause, stop

# What the reminder is called in the ledger.
OVERDUE = "overdue"
_DECIDED: dict[tuple[Channel, Verdict | Decision], DraftState] = {
    (Channel.EMAIL, Verdict.APPROVE): DraftState.PENDING,
    (Channel.EMAIL, Verdict.REJECT): DraftState.DISCARDED,
    (Channel.EMAIL, Decision.SKIP): DraftState.DISCARDED,
    (Channel.TASK, Verdict.DONE): DraftState.DONE,
    (Channel.TASK, Verdict.REJECT): DraftState.SKIPPED,
    (Channel.TASK, Decision.SKIP): DraftState.SKIPPED,
}
_POSSIBLE = {Channel.EMAIL: "approve, reject and stop", Channel.TASK: "done, skip and stop"}


def is_for_a_person(at: LockedStep) -> bool:
    """Say whether a step waits for a person before anything else happens."""
    step = _step(at)
    return step.approval or step.channel is Channel.TASK


async def ask_a_person(at: LockedStep, draft: StoredDraft, since: datetime, now: datetime) -> Awaiting:
    """Let the instance wait for a person from an instant on, who has one task, however often they are asked."""
    manual = draft.channel is Channel.TASK
    reason = Reason.MANUAL_STEP if manual else Reason.APPROVAL
    kind = TaskKind.MANUAL_STEP if manual else TaskKind.APPROVE_DRAFT
    status, words = InstanceStatus.AWAITING_APPROVAL, f"step {at.step}: {reason}"
    asked: dict[str, Any] = {"by": at.by, "cause": Cause.ASKED}
    await set_status(at.connection, at.locked.instance_id, status, reason, why=words, until=since, **asked)
    instructions = draft.content.decode() if manual else ""
    await open_task(
        at.connection, at.locked.instance_id, at.step, kind, why=str(reason), instructions=instructions, **asked
    )
    return _awaiting(at, draft, since, now)


def _awaiting(at: LockedStep, draft: StoredDraft, since: datetime, now: datetime) -> Awaiting:
    expires_at, remind_at = since + _step(at).patience, since + REMIND_AFTER
    overdue = now >= remind_at
    return Awaiting(
        reason=Reason.MANUAL_STEP if draft.channel is Channel.TASK else Reason.APPROVAL,
        fingerprint=draft.fingerprint,
        look_at=expires_at if overdue else min(remind_at, expires_at),
        expires_at=expires_at,
        overdue=overdue,
    )


def _step(at: LockedStep) -> Step:
    return parse_sequence(at.locked.definition).step(at.step)


async def still_waits(at: LockedStep, facts: StepFacts, draft: StoredDraft) -> Recorded:
    """Say what is true of a step that waits for a person, reminding them, or giving up when it is time to."""
    if facts.status in (*FINAL, InstanceStatus.PAUSED):
        return current_result(at, facts)
    if facts.suppressed and draft.channel is Channel.EMAIL:
        return await stop(at, Reason.SUPPRESSED, Cause.FORBIDDEN)
    since = facts.until or facts.now
    if facts.now >= since + _step(at).patience:
        return await _give_up(at, draft, facts)
    awaiting = await ask_a_person(at, draft, since, facts.now)
    if awaiting.overdue:
        await _remind(at, since)
    return awaiting


async def _remind(at: LockedStep, since: datetime) -> None:
    instance_id = at.locked.instance_id
    if not await was_noted(at.connection, instance_id, at.step, OVERDUE, since + REMIND_AFTER):
        why = f"it waits for a person for more than {write_duration(REMIND_AFTER)}"
        await add_note(at.connection, instance_id, at.step, OVERDUE, by=at.by, why=why)


async def _give_up(at: LockedStep, draft: StoredDraft, facts: StepFacts) -> Recorded:
    """Nobody has decided in time: a manual step may be left out then, anything else is for a person to look at."""
    patience = _step(at).times_out_after
    if draft.channel is Channel.EMAIL or patience is None:
        return await pause(at, Paused(reason=Reason.EXPIRED), Cause.TIMED_OUT)
    why = f"time-out: not done within {write_duration(patience)}"
    return await _end(at, draft, DraftState.SKIPPED, Cause.TIMED_OUT, why, facts.now)


async def decide(at: LockedStep, facts: StepFacts, draft: StoredDraft, call: SettleStep) -> Settled:
    """Apply what is said of a step that waits for a person, or refuse it with a sentence. `stop` is not said here."""
    if call.decision is None:
        return await still_waits(at, facts, draft)
    if call.decision is Decision.RESUME and facts.status is InstanceStatus.PAUSED:
        if facts.reason is Reason.RECIPIENT_IN_USE:
            await close_shared(at, said("resumed", at.by))
        return await ask_a_person(at, draft, facts.now, facts.now)
    if objection := _objection(at, facts, draft, call):
        return DecisionRefused(sentence=objection)
    state, cause = _DECIDED[draft.channel, call.decision], cause_of(call.decision)
    why = said(cause, at.by)
    if state is not DraftState.PENDING:
        return await _end(at, draft, state, cause, why, facts.now)
    decided: dict[str, Any] = {"by": at.by, "why": why, "cause": cause}
    await record_state(at.connection, draft, state, **decided)
    await close_tasks(at.connection, at.locked.instance_id, at.step, **decided)
    # it expires anew from here, for a run that begins again as well
    await activate(at, cause, why, until=facts.now)
    return Ready()


async def close_shared(at: LockedStep, why: str) -> None:
    """Close the task of a step that may go beside the other follow-up of its address."""
    kind, cause = TaskKind.SHARED_RECIPIENT, Cause.RESUMED
    await close_tasks(at.connection, at.locked.instance_id, at.step, by=at.by, why=why, cause=cause, kind=kind)


def said(word: str, by: str) -> str:
    """Write down who said what of a draft, for people."""
    return f"{word} by {by}"


async def _end(
    at: LockedStep, draft: StoredDraft, state: DraftState, cause: Cause, why: str, now: datetime
) -> Recorded:
    decided: dict[str, Any] = {"by": at.by, "why": why, "cause": cause}
    await record_state(at.connection, draft, state, **decided)
    await close_tasks(at.connection, at.locked.instance_id, at.step, **decided)
    await activate(at, cause, why)
    return await advance(at, state, now)


def _objection(at: LockedStep, facts: StepFacts, draft: StoredDraft, call: SettleStep) -> str | None:
    possible = f"{_POSSIBLE[draft.channel]} are possible"
    if call.decision is None or (draft.channel, call.decision) not in _DECIDED:
        waits = "is to be done by a person" if draft.channel is Channel.TASK else "waits for an approval"
        return f"step {at.step} {waits}, and {call.decision} says nothing about it: {possible}"
    going_on = call.decision in (Verdict.APPROVE, Verdict.DONE)
    if going_on and facts.status is InstanceStatus.PAUSED and facts.reason is not Reason.EXPIRED:
        return f"it is paused ({facts.reason}): resume it first"
    if call.decision is Verdict.APPROVE and not draft.fingerprint.startswith(call.fingerprint):
        return (
            f"step {at.step} was approved as {call.fingerprint[:8]}, and is {draft.fingerprint[:8]} by now: "
            "read it again, and approve that"
        )
    return None


async def answer_late_verdict(at: LockedStep, facts: StepFacts, verdict: Verdict) -> Settled:
    """Answer a verdict on a step that waits for no person: the very word that was obeyed is told what came of it."""
    draft = facts.draft
    state = _DECIDED.get((draft.channel, verdict)) if draft is not None else None
    if draft is not None and (draft.state, draft.cause, draft.who) == (state, cause_of(verdict), at.by):
        pending = draft.state is DraftState.PENDING and facts.status is not InstanceStatus.PAUSED
        return Ready() if pending else current_result(at, facts)
    is_so = f"it is {draft.state} ({draft.why})" if draft is not None else "it has not fallen due"
    return DecisionRefused(sentence=f"step {at.step} waits for no person: {is_so}")
