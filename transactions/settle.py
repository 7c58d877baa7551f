"""Finding out what became of a step, and applying what an operator says of it. Nothing here ever sends."""

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from domain.cause import Cause, cause_of
from domain.command import Decision, Verdict, of_another_try, too_early
from domain.draft import DraftState
from domain.instance import FINAL, InstanceStatus, Reason
from domain.lease import given_up_at, is_of_another_try, may_still_act
from domain.outcome import Unknown
from domain.step import (
    DecisionRefused,
    Held,
    Paused,
    PauseFollowUp,
    Ready,
    Recorded,
    Settled,
    SettleStep,
    StepDone,
    Stopped,
)
from store.drafts import StoredDraft
from store.facts import StepFacts, lock_step, read_facts
from transactions.approve import answer_late_verdict, close_shared, decide, said
from transactions.locked_step import LockedStep
from transactions.moves import activate, advance, current_result, pause, stop
from transactions.record import mark_unknown
from transactions.restore import awaits_truth, settle_after_restore

# How soon to look again at a draft that another run's attempt is sending: most sends take a second.
_LOOK_AGAIN = timedelta(seconds=15)
_SAID_OF_A_TRY = (Decision.NOT_SENT, Decision.RESUME, Decision.SENT)
_SETTLED_AS: dict[Decision | Verdict, DraftState] = {
    Decision.NOT_SENT: DraftState.PENDING,
    Decision.SKIP: DraftState.SKIPPED,
    Decision.STOP: DraftState.SKIPPED,
}


async def settle(connection: AsyncConnection, call: SettleStep, run: str, by: str) -> Settled:
    """Read the draft and say what is true; with a decision, apply it or refuse it with a sentence.

    `run` is the workflow run that asks: its own attempt is over when it does, another run's may be alive.
    """
    found = await lock_step(connection, call.instance_id, call.step)
    if found is None:
        return Stopped(reason=Reason.NOT_ENROLLED)
    locked, facts = found
    locked_step = LockedStep(connection, locked, call.step, call.by or by)
    if facts.draft is not None and facts.draft.state is DraftState.SENDING:
        result = await settle_sending(locked_step, facts, facts.draft, run)
        if isinstance(result, Held) or call.decision is not Decision.STOP:
            return result
        facts = await read_facts(connection, locked, call.step)
    if call.asked_pause_only and not _pause_was_asked_for(facts):
        call = call.model_copy(update={"decision": None})
    if awaits_truth(locked_step, facts, call):
        return await settle_after_restore(locked_step, facts, call)
    return await _settle(locked_step, facts, call)


async def _settle(locked_step: LockedStep, facts: StepFacts, call: SettleStep) -> Settled:
    draft, over = facts.draft, facts.status in FINAL
    if draft is not None and draft.awaits_a_person and not over and call.decision is not Decision.STOP:
        return await decide(locked_step, facts, draft, call)
    if isinstance(call.decision, Verdict):
        return await answer_late_verdict(locked_step, facts, call.decision)
    if draft is not None and draft.state is DraftState.UNKNOWN:
        return await _settle_unknown(locked_step, facts, draft, call)
    if over:
        return current_result(locked_step, facts)
    if call.decision is Decision.STOP:
        return await stop(locked_step, call.reason, Cause.STOPPED)
    return await _settle_still(locked_step, facts, call.decision)


def _pause_was_asked_for(facts: StepFacts) -> bool:
    unknown = facts.draft is not None and facts.draft.state is DraftState.UNKNOWN
    return (facts.status, facts.reason) == (InstanceStatus.PAUSED, Reason.OPERATOR) and not unknown


async def settle_sending(locked_step: LockedStep, facts: StepFacts, draft: StoredDraft, run: str) -> Recorded:
    """A claim holds the draft. Whose process may still act is left alone; whose is gone becomes unknown."""
    if draft.claimed_at is None or draft.overdue_at is None:
        raise RuntimeError(f"draft {draft.id} is sending without a claim")
    give_up = given_up_at(draft.claimed_at, draft.overdue_at, by_own_run=draft.claim_run == run)
    if facts.now < give_up:
        return Held(until=min(give_up, facts.now + _LOOK_AGAIN), reason=Reason.DRAFT_ALREADY_SENDING)
    return await mark_unknown(locked_step, draft, Unknown(code="worker-lost"), facts)


async def _settle_still(locked_step: LockedStep, facts: StepFacts, decision: Decision | None) -> Settled:
    """Nothing is under way: apply the decision to the draft as it stands."""
    draft = facts.draft
    if draft is None or draft.state is DraftState.PENDING:
        return await _settle_pending(locked_step, draft, facts, decision)
    if draft.state is DraftState.REFUSED and decision in (Decision.RESUME, Decision.SKIP):
        return await advance(locked_step, DraftState.REFUSED, facts.now)
    if decision is Decision.RESUME and facts.status is InstanceStatus.PAUSED:
        await activate(locked_step, Cause.RESUMED, "resumed")
    if decision in (None, Decision.RESUME) or (decision, draft.state) == (Decision.SENT, DraftState.SENT):
        return current_result(locked_step, facts)
    if decision is Decision.SKIP and (draft.cause, draft.who) == (Cause.SKIPPED, locked_step.by):  # it is heard again
        return current_result(locked_step, facts)
    return DecisionRefused(
        sentence=f"step {locked_step.step} is {draft.state} ({draft.why}): resume, skip or stop are possible"
    )


async def _settle_pending(
    locked_step: LockedStep, draft: StoredDraft | None, facts: StepFacts, decision: Decision | None
) -> Settled:
    if draft is None and locked_step.step < facts.current_step:  # it was left out before, and the word is heard again
        return current_result(locked_step, facts)
    if decision is None:
        return current_result(locked_step, facts) if facts.status is InstanceStatus.PAUSED else Ready()
    if decision is Decision.RESUME:
        if facts.reason is Reason.RECIPIENT_IN_USE:  # this step may go beside the other follow-up
            await close_shared(locked_step, _why(locked_step.by, decision))
        await activate(locked_step, Cause.RESUMED, "resumed")
        return Ready()
    if decision is Decision.SKIP:
        if draft is not None:
            # what was seen of it outside has been looked into, so its tasks are closed too
            await locked_step.settle_draft(draft, DraftState.SKIPPED, Cause.SKIPPED, said("skipped", locked_step.by))
        return await _go_on_resumed(locked_step, DraftState.SKIPPED, Cause.SKIPPED, facts)
    return DecisionRefused(
        sentence=f"step {locked_step.step} was surely not sent yet, so {decision} says nothing about it: "
        "resume, skip or stop are possible"
    )


async def _settle_unknown(locked_step: LockedStep, facts: StepFacts, draft: StoredDraft, call: SettleStep) -> Settled:
    """It may have been sent. An operator's word settles it; a stop for any other reason leaves it to be settled."""
    decision = call.decision
    if decision is Decision.STOP and call.reason is not Reason.OPERATOR:
        await stop(locked_step, call.reason, Cause.STOPPED)
        return current_result(locked_step, facts)
    if decision is None:
        return current_result(locked_step, facts)
    if decision is Decision.NOT_SENT and draft.overdue_at and may_still_act(draft.overdue_at, facts.now):
        return DecisionRefused(sentence=too_early(locked_step.step, draft.overdue_at))
    if decision in _SAID_OF_A_TRY and is_of_another_try(draft.overdue_at, call.not_sent_from):
        return DecisionRefused(sentence=of_another_try(locked_step.step))
    # a plain resume means sent: a duplicate is worse than a miss
    state = _SETTLED_AS.get(decision, DraftState.SENT)
    why, cause = _why(locked_step.by, decision), cause_of(decision)
    await locked_step.settle_draft(draft, state, cause, why)
    if decision is Decision.STOP or facts.status is InstanceStatus.STOPPED:
        reason = facts.reason if facts.status is InstanceStatus.STOPPED else call.reason
        return await stop(locked_step, reason, Cause.STOPPED)
    if state is DraftState.PENDING:
        await activate(locked_step, cause, why)
        return Ready()
    return await _go_on_resumed(locked_step, state, cause, facts)


def _why(by: str, decision: Decision | Verdict) -> str:
    return f"{by} says {decision}"


async def pause_for(connection: AsyncConnection, call: PauseFollowUp) -> Settled:
    """Pause an instance because somebody says so; one that has ended stays as it is."""
    found = await lock_step(connection, call.instance_id, call.step)
    if found is None:
        return Stopped(reason=Reason.NOT_ENROLLED)
    locked, facts = found
    locked_step = LockedStep(connection, locked, call.step, call.by)
    if facts.status in (*FINAL, InstanceStatus.PAUSED):
        return current_result(locked_step, facts)
    return await pause(locked_step, Paused(reason=call.reason), Cause.PAUSED)


async def _go_on_resumed(locked_step: LockedStep, state: DraftState, cause: Cause, facts: StepFacts) -> StepDone:
    await activate(locked_step, cause, f"{state} by decision")
    return await advance(locked_step, state, facts.now)
