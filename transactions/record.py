"""What follows from what a provider answered: one outcome, one transaction."""

from typing import NamedTuple, assert_never

from sqlalchemy.ext.asyncio import AsyncConnection

from domain.cause import Cause
from domain.draft import DraftState
from domain.instance import InstanceStatus, Reason
from domain.outcome import Fault, NotSent, Outcome, Refused, Sent, Unknown
from domain.permission import would_send_again
from domain.schedule import back_off
from domain.step import Held, Paused, Recorded, RecordOutcome, StepDone, Stopped
from domain.task import TaskKind
from store.drafts import StoredDraft
from store.evidence import Seen, find_evidence, mark_settling
from store.facts import StepFacts, lock_step
from store.ledger import add_note
from store.suppressions import suppress
from transactions.locked_step import LockedStep
from transactions.moves import advance, current_result, hold, pause, pause_behind_workflow, stop, unknown_pause

_CLAIMED = (DraftState.SENDING, DraftState.UNKNOWN)
# What an answer that was recorded already has made of its draft; an unknown one contradicts nothing.
_SAID_BY = {"sent": DraftState.SENT, "refused": DraftState.REFUSED, "not_sent": DraftState.PENDING}


class Answered(NamedTuple):
    """What the workflow is told; `late` when the draft had been given up as unknown before its answer came."""

    result: Recorded
    late: bool = False


async def record(connection: AsyncConnection, call: RecordOutcome, by: str) -> Answered:
    """Record what a claim was answered. A claim that no longer holds its draft changes nothing, and that is noted."""
    found = await lock_step(connection, call.instance_id, call.step)
    if found is None:
        return Answered(Stopped(reason=Reason.NOT_ENROLLED))
    locked, facts = found
    locked_step = LockedStep(connection, locked, call.step, by)
    draft = facts.draft
    holds = draft is not None and str(draft.claim_token) == call.token
    if draft is None or not holds or draft.state not in _CLAIMED:
        if draft is None or not holds or draft.state is not _SAID_BY.get(call.outcome.kind, draft.state):
            why = f"{call.outcome.kind} ({call.outcome.code}) to a claim whose draft somebody else has settled"
            await add_note(connection, call.instance_id, call.step, "late_answer", by=by, why=why)
        stands = draft and (draft.state, draft.generation)
        if would_send_again(facts.status, stands, call.outcome, call.generation):
            return Answered(await pause_behind_workflow(locked_step, call.outcome.code))
        return Answered(current_result(locked_step, facts))
    result = await _apply(locked_step, draft, call.outcome, facts)
    if facts.status is InstanceStatus.STOPPED and not isinstance(call.outcome, Unknown):
        result = await stop(
            locked_step, facts.reason, Cause.STOPPED
        )  # a stop came meanwhile: what was released stays unsent
    return Answered(result, late=draft.state is DraftState.UNKNOWN)


async def _apply(locked_step: LockedStep, draft: StoredDraft, outcome: Outcome, facts: StepFacts) -> Recorded:
    match outcome:
        case Sent():
            await _move(locked_step, draft, DraftState.SENT, outcome, "the provider took it")
            return await advance(locked_step, DraftState.SENT, facts.now)
        case Refused():
            return await _apply_refusal(locked_step, draft, outcome)
        case NotSent():
            await _move(locked_step, draft, DraftState.PENDING, outcome, "not sent")
            held = Held(until=facts.now + back_off(draft.generation), reason=Reason.NOT_SENT)
            return await hold(locked_step, held, Cause.ANSWERED, outcome.code)
        case Unknown():
            return await mark_unknown(locked_step, draft, outcome, facts)
        case _:
            assert_never(outcome)


async def _apply_refusal(locked_step: LockedStep, draft: StoredDraft, outcome: Refused) -> Recorded:
    match outcome.fault:
        case Fault.RECIPIENT:
            await _move(locked_step, draft, DraftState.REFUSED, outcome, "refused: the recipient")
            await suppress(
                locked_step.connection, locked_step.locked.workspace, [draft.recipient], locked_step.by, outcome.code
            )
            return await stop(locked_step, Reason.REFUSED_RECIPIENT, Cause.ANSWERED, outcome.code)
        case Fault.MESSAGE:
            await _move(locked_step, draft, DraftState.REFUSED, outcome, "refused: the message")
            return await pause(locked_step, Paused(reason=Reason.REFUSED_MESSAGE, code=outcome.code), Cause.ANSWERED)
        case Fault.CONFIGURATION:
            # The message is fine and was surely not sent: once the configuration is fixed, it may be.
            await _move(locked_step, draft, DraftState.PENDING, outcome, "refused: our configuration")
            return await pause(
                locked_step, Paused(reason=Reason.REFUSED_CONFIGURATION, code=outcome.code), Cause.ANSWERED
            )


async def _move(locked_step: LockedStep, draft: StoredDraft, to: DraftState, outcome: Outcome, why: str) -> None:
    why, cause = f"{why}: {outcome.code}", Cause.ANSWERED
    await locked_step.move_draft(draft, to, cause, why, code=outcome.code, reply=outcome.reply)
    if draft.state is DraftState.UNKNOWN:
        await locked_step.close_tasks(cause, f"the claim's own answer: {why}")


async def mark_unknown(
    locked_step: LockedStep, draft: StoredDraft, outcome: Unknown, facts: StepFacts
) -> Paused | StepDone | Stopped:
    """I3: keep the draft as it is until somebody knows, and ask a person; unless its message was seen meanwhile."""
    why, cause, unknown = f"may have been sent: {outcome.code}", Cause.UNANSWERED, DraftState.UNKNOWN
    if draft.state is not unknown:
        code, reply = outcome.code, outcome.reply
        await locked_step.move_draft(draft, unknown, cause, why, code=code, reply=reply)
        draft = draft._replace(state=unknown, code=code, reply=reply)
    if seen := await find_evidence(locked_step.connection, draft.id):
        return await settle_as_seen(locked_step, draft, seen[0], facts)
    await locked_step.open_task(TaskKind.SETTLE_OUTCOME, cause, why)
    return await pause(locked_step, unknown_pause(draft, outcome.code), cause)


async def settle_as_seen(
    locked_step: LockedStep, draft: StoredDraft, seen: Seen, facts: StepFacts
) -> StepDone | Stopped:
    """Its message was seen outside, so the draft that was unknown was sent. What has been stopped stays so."""
    await mark_settling(locked_step.connection, draft.id, seen.source)
    await locked_step.settle_draft(draft, DraftState.SENT, Cause.SEEN, why_seen(seen))
    if facts.status is InstanceStatus.STOPPED:
        return await stop(locked_step, facts.reason, Cause.STOPPED)
    return await advance(locked_step, DraftState.SENT, facts.now)


def why_seen(seen: Seen) -> str:
    """Say what settled a draft."""
    return f"its message was seen: {seen.kind}, {seen.source}"
