"""A store that was restored to an earlier point beside a newer Temporal: what it has forgotten is not sent again.

The workflow is never ahead of the store, for it goes on by what the store has answered; and a claim that was made is
never unknown to it. Where it is so all the same, the store has lost something, and a person has to say what is true.
"""

from domain.cause import Cause
from domain.command import Decision
from domain.draft import DraftState
from domain.instance import FINAL, InstanceStatus, Reason
from domain.step import DecisionRefused, Paused, Ready, Settled, SettleStep
from store.drafts import StoredDraft
from store.facts import StepFacts, read_facts
from store.instances import set_current_step
from transactions.approve import ask_a_person
from transactions.locked_step import LockedStep
from transactions.moves import activate, advance, pause_behind_workflow, stop

_OPEN = (DraftState.PENDING, DraftState.AWAITING_APPROVAL)
# What the store still holds of a step that the workflow has behind it: what was never claimed by its word, is left out.
_BEHIND = {
    DraftState.AWAITING_APPROVAL: DraftState.DISCARDED,
    DraftState.PENDING: DraftState.SKIPPED,
    DraftState.SENDING: DraftState.SENT,
    DraftState.UNKNOWN: DraftState.SENT,
}


def is_behind(locked_step: LockedStep, facts: StepFacts) -> bool:
    """Say whether the store stands at an earlier step than the workflow that asks."""
    return locked_step.step > facts.current_step and facts.status not in FINAL


def awaits_truth(locked_step: LockedStep, facts: StepFacts, call: SettleStep) -> bool:
    """Say whether only a person can tell what the store has lost of a step."""
    draft = facts.draft
    if is_behind(locked_step, facts):
        return True
    if facts.status in FINAL or (draft is not None and draft.state not in _OPEN):
        return False
    paused = (facts.status, facts.reason) == (InstanceStatus.PAUSED, Reason.STORE_IS_BEHIND)
    # what was uncertain is pending again only under the next generation
    forgotten = call.paused_for is Reason.SEND_OUTCOME_UNKNOWN and (
        draft is None or draft.generation <= call.generation
    )
    return paused or forgotten


async def pause_behind(locked_step: LockedStep, facts: StepFacts) -> Paused:
    """Send nothing before a person has said what is true, of the step at which the workflow is."""
    await _catch_up(locked_step, facts)
    return await pause_behind_workflow(locked_step)


async def settle_after_restore(locked_step: LockedStep, facts: StepFacts, call: SettleStep) -> Settled:
    """Take a person's word for what the store has lost of a step. A plain resume says nothing of it."""
    draft = facts.draft
    match call.decision:
        case None:
            return await pause_behind(locked_step, facts)
        case Decision.STOP:
            return await stop(locked_step, call.reason, Cause.STOPPED)
        case _ if locked_step.step > locked_step.steps:
            return DecisionRefused(
                sentence=f"the restored sequence has no step {locked_step.step}: upgrade it again, or stop"
            )
        case Decision.NOT_SENT:
            await pause_behind(locked_step, facts)
            await activate(locked_step, Cause.SAID_NOT_SENT, f"{locked_step.by} says not_sent")
            waits = draft is not None and draft.awaits_a_person
            return await ask_a_person(locked_step, draft, facts.now, facts.now) if draft and waits else Ready()
        case Decision.SENT | Decision.SKIP:
            await pause_behind(locked_step, facts)
            await _close_superseded_draft(
                locked_step, draft, why := f"skipped here: {locked_step.by} says {call.decision}, the store had lost it"
            )
            await activate(locked_step, Cause.SKIPPED, why)
            return await advance(locked_step, DraftState.SKIPPED, facts.now)
    return DecisionRefused(
        sentence=f"restored to an earlier point, the store does not know if step {locked_step.step} was sent: "
        f"look for its message, then say sent, not_sent, skip or stop; {call.decision} says nothing about it"
    )


async def _catch_up(locked_step: LockedStep, facts: StepFacts) -> None:
    """Bring the store to the step of the workflow, if it has so many; each between counts, with what is known of it."""
    for step in range(facts.current_step, min(locked_step.step, locked_step.steps)):
        before = locked_step._replace(step=step)
        await pause_behind_workflow(before)  # a step that has no draft is told of in the ledger
        why = "skipped here: the workflow has it behind it, the store has lost what became of it"
        await _close_superseded_draft(
            before, (await read_facts(locked_step.connection, locked_step.locked, step)).draft, why
        )
        await activate(before, Cause.SKIPPED, why)
        await set_current_step(locked_step.connection, locked_step.instance_id, step + 1, facts.now, locked_step.by)


async def _close_superseded_draft(locked_step: LockedStep, draft: StoredDraft | None, why: str) -> None:
    if draft is not None and draft.state in _BEHIND:
        await locked_step.move_draft(draft, _BEHIND[draft.state], Cause.RESTORED, why)
    await locked_step.close_tasks(Cause.RESTORED, why)
