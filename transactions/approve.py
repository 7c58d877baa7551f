"""A step that waits for a person: a draft that has to be approved, or a manual step that has to be done.

`instances.until` is when the step fell due, or when a person last looked: its patience counts from there.
"""

from datetime import datetime

from domain.cause import Cause, cause_of
from domain.command import Decision, Verdict
from domain.draft import Channel, DraftState
from domain.duration import write_duration
from domain.instance import FINAL, InstanceStatus, Reason
from domain.sequence import Step
from domain.step import Awaiting, DecisionRefused, Paused, Ready, Recorded, Settled, SettleStep
from domain.task import REMIND_AFTER, TaskKind
from store.drafts import StoredDraft
from store.facts import StepFacts
from store.ledger import add_note, was_noted
from transactions.locked_step import LockedStep
from transactions.moves import activate, advance, current_result, pause, stop

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


def is_for_a_person(locked_step: LockedStep) -> bool:
    """Say whether a step waits for a person before anything else happens."""
    step = _step(locked_step)
    return step.approval or step.channel is Channel.TASK


async def ask_a_person(locked_step: LockedStep, draft: StoredDraft, since: datetime, now: datetime) -> Awaiting:
    """Let the instance wait for a person from an instant on, who has one task, however often they are asked."""
    manual = draft.channel is Channel.TASK
    reason = Reason.MANUAL_STEP if manual else Reason.APPROVAL
    kind = TaskKind.MANUAL_STEP if manual else TaskKind.APPROVE_DRAFT
    status, words = InstanceStatus.AWAITING_APPROVAL, f"step {locked_step.step}: {reason}"
    await locked_step.set_status(status, reason, Cause.ASKED, words, until=since)
    instructions = draft.content.decode() if manual else ""
    await locked_step.open_task(kind, Cause.ASKED, str(reason), instructions=instructions)
    return _awaiting(locked_step, draft, since, now)


def _awaiting(locked_step: LockedStep, draft: StoredDraft, since: datetime, now: datetime) -> Awaiting:
    expires_at, remind_at = since + _step(locked_step).patience, since + REMIND_AFTER
    overdue = now >= remind_at
    return Awaiting(
        reason=Reason.MANUAL_STEP if draft.channel is Channel.TASK else Reason.APPROVAL,
        fingerprint=draft.fingerprint,
        look_at=expires_at if overdue else min(remind_at, expires_at),
        expires_at=expires_at,
        overdue=overdue,
    )


def _step(locked_step: LockedStep) -> Step:
    return locked_step.sequence.step(locked_step.step)


async def still_waits(locked_step: LockedStep, facts: StepFacts, draft: StoredDraft) -> Recorded:
    """Say what is true of a step that waits for a person, reminding them, or giving up when it is time to."""
    if facts.status in (*FINAL, InstanceStatus.PAUSED):
        return current_result(locked_step, facts)
    if facts.suppressed and draft.channel is Channel.EMAIL:
        return await stop(locked_step, Reason.SUPPRESSED, Cause.FORBIDDEN)
    since = facts.until or facts.now
    if facts.now >= since + _step(locked_step).patience:
        return await _give_up(locked_step, draft, facts)
    awaiting = await ask_a_person(locked_step, draft, since, facts.now)
    if awaiting.overdue:
        await _remind(locked_step, since)
    return awaiting


async def _remind(locked_step: LockedStep, since: datetime) -> None:
    instance_id = locked_step.instance_id
    if not await was_noted(locked_step.connection, instance_id, locked_step.step, OVERDUE, since + REMIND_AFTER):
        why = f"it waits for a person for more than {write_duration(REMIND_AFTER)}"
        await add_note(locked_step.connection, instance_id, locked_step.step, OVERDUE, by=locked_step.by, why=why)


async def _give_up(locked_step: LockedStep, draft: StoredDraft, facts: StepFacts) -> Recorded:
    """Nobody has decided in time: a manual step may be left out then, anything else is for a person to look at."""
    patience = _step(locked_step).times_out_after
    if draft.channel is Channel.EMAIL or patience is None:
        return await pause(locked_step, Paused(reason=Reason.EXPIRED), Cause.TIMED_OUT)
    why = f"time-out: not done within {write_duration(patience)}"
    return await _end(locked_step, draft, DraftState.SKIPPED, Cause.TIMED_OUT, why, facts.now)


async def decide(locked_step: LockedStep, facts: StepFacts, draft: StoredDraft, call: SettleStep) -> Settled:
    """Apply what is said of a step that waits for a person, or refuse it with a sentence. `stop` is not said here."""
    if call.decision is None:
        return await still_waits(locked_step, facts, draft)
    if call.decision is Decision.RESUME and facts.status is InstanceStatus.PAUSED:
        if facts.reason is Reason.RECIPIENT_IN_USE:
            await close_shared(locked_step, said("resumed", locked_step.by))
        return await ask_a_person(locked_step, draft, facts.now, facts.now)
    if objection := _objection(locked_step, facts, draft, call):
        return DecisionRefused(sentence=objection)
    state, cause = _DECIDED[draft.channel, call.decision], cause_of(call.decision)
    why = said(cause, locked_step.by)
    if state is not DraftState.PENDING:
        return await _end(locked_step, draft, state, cause, why, facts.now)
    await locked_step.settle_draft(draft, state, cause, why)
    # it expires again from here, for a run that begins again as well
    await activate(locked_step, cause, why, until=facts.now)
    return Ready()


async def close_shared(locked_step: LockedStep, why: str) -> None:
    """Close the task of a step that may go beside the other follow-up of its address."""
    await locked_step.close_tasks(Cause.RESUMED, why, kind=TaskKind.SHARED_RECIPIENT)


def said(word: str, by: str) -> str:
    """Write down who said what of a draft, for people."""
    return f"{word} by {by}"


async def _end(
    locked_step: LockedStep, draft: StoredDraft, state: DraftState, cause: Cause, why: str, now: datetime
) -> Recorded:
    await locked_step.settle_draft(draft, state, cause, why)
    await activate(locked_step, cause, why)
    return await advance(locked_step, state, now)


def _objection(locked_step: LockedStep, facts: StepFacts, draft: StoredDraft, call: SettleStep) -> str | None:
    possible = f"{_POSSIBLE[draft.channel]} are possible"
    if call.decision is None or (draft.channel, call.decision) not in _DECIDED:
        waits = "is to be done by a person" if draft.channel is Channel.TASK else "waits for an approval"
        return f"step {locked_step.step} {waits}, and {call.decision} says nothing about it: {possible}"
    going_on = call.decision in (Verdict.APPROVE, Verdict.DONE)
    if going_on and facts.status is InstanceStatus.PAUSED and facts.reason is not Reason.EXPIRED:
        return f"it is paused ({facts.reason}): resume it first"
    if call.decision is Verdict.APPROVE and not draft.fingerprint.startswith(call.fingerprint):
        return (
            f"step {locked_step.step} was approved as {call.fingerprint[:8]}, and is {draft.fingerprint[:8]} by now: "
            "read it again, and approve that"
        )
    return None


async def answer_late_verdict(locked_step: LockedStep, facts: StepFacts, verdict: Verdict) -> Settled:
    """Answer a verdict on a step that waits for no person: the very word that was obeyed is told what came of it."""
    draft = facts.draft
    state = _DECIDED.get((draft.channel, verdict)) if draft is not None else None
    if draft is not None and (draft.state, draft.cause, draft.who) == (state, cause_of(verdict), locked_step.by):
        pending = draft.state is DraftState.PENDING and facts.status is not InstanceStatus.PAUSED
        return Ready() if pending else current_result(locked_step, facts)
    is_so = f"it is {draft.state} ({draft.why})" if draft is not None else "it has not fallen due"
    return DecisionRefused(sentence=f"step {locked_step.step} waits for no person: {is_so}")
