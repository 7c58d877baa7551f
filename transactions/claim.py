"""The first movement of a step: make sure its draft exists, and claim it if nothing forbids it now."""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.calendar import is_holiday
from domain.cause import Cause
from domain.draft import Channel, DraftKey, DraftState, draft_id
from domain.instance import FINAL, InstanceStatus, Reason
from domain.permission import Circumstances, forbidden
from domain.recipient import recipient_of
from domain.schedule import next_permitted
from domain.sequence import REPLY, Window
from domain.step import DeliverStep, Held, Paused, Recorded, Stopped
from mail.message import MessageError
from mail.template import TemplateError
from store.drafts import Claim, StoredDraft, claim_draft, insert_draft
from store.facts import StepFacts, lock_step
from store.leads import LockedLead, lock_lead
from transactions.approve import ask_a_person, is_for_a_person, still_waits
from transactions.drafting import make_draft, make_manual_draft, parse_sequence, sender_of_thread
from transactions.evidence import contradicted
from transactions.limits import Turn, await_turn, count_turn
from transactions.locked_step import LockedStep
from transactions.moves import current_result, hold, pause, stop
from transactions.restore import is_behind, pause_behind
from transactions.sending_policy import SendingPolicy
from transactions.settle import settle_sending
from transactions.sharing import open_shared_task, stands_against

# How soon to look again at a thread in which another follow-up's draft is being sent.
_BUSY = timedelta(seconds=15)


async def claim_step(
    connection: AsyncConnection, call: DeliverStep, claim: Claim, policy: SendingPolicy
) -> StoredDraft | Recorded:
    """Return the draft when it is ours to send now, else what is true of the step or what forbids it.

    Safe to run again with the same claim: a commit whose answer was lost is recognised by its token.
    """
    found = await lock_step(connection, call.instance_id, call.step)
    if found is None:
        return Stopped(reason=Reason.NOT_ENROLLED)
    locked, facts = found
    locked_step = LockedStep(connection, locked, call.step, claim.by)
    draft = facts.draft
    if (already := await _already(locked_step, facts, claim)) is not None:
        return already
    policy = replace(policy, sender=await sender_of_thread(connection, locked, facts, policy.sender))
    goes_to = _goes_to(locked, draft)
    first = await stands_against(locked_step, goes_to) if facts.recipient_in_use else None
    circumstances = _circumstances(call, locked, facts, in_use=first is not None)
    blocker = forbidden(circumstances)
    if first is not None and blocker == Paused(reason=Reason.RECIPIENT_IN_USE):
        await open_shared_task(connection, call.instance_id, call.step, first, claim.by)
    if draft is None and is_for_a_person(locked_step) and (blocker is None or isinstance(blocker, Held)):
        # what merely holds a send holds no question: it is asked now, and what is approved waits then
        return await _ask(locked_step, facts, call, policy)
    blocker = (
        blocker
        or await contradicted(locked_step, draft)
        or await _await_turn(locked_step, goes_to, circumstances, policy)
    )
    if blocker is not None:
        return await _keep(locked_step, facts, blocker)
    return await _claim(locked_step, facts, claim, policy)


async def _already(locked_step: LockedStep, facts: StepFacts, claim: Claim) -> StoredDraft | Recorded | None:
    """Return what is true of a step that can't be claimed, whatever else is; None of one that can."""
    draft = facts.draft
    if is_behind(locked_step, facts):
        return await pause_behind(locked_step, facts)
    if draft is None:
        return current_result(locked_step, facts) if locked_step.step < facts.current_step else None
    if draft.claim_token == claim.token and draft.state is DraftState.SENDING:
        return draft
    if draft.state is DraftState.SENDING:
        return await settle_sending(locked_step, facts, draft, claim.run)
    if draft.awaits_a_person:
        return await still_waits(locked_step, facts, draft)
    return current_result(locked_step, facts) if draft.state is not DraftState.PENDING else None


async def _ask(locked_step: LockedStep, facts: StepFacts, call: DeliverStep, policy: SendingPolicy) -> Recorded:
    made = await _make(locked_step, facts, policy)
    return made if isinstance(made, Paused) else await ask_a_person(locked_step, made, call.due_at, facts.now)


def _goes_to(locked: LockedLead, draft: StoredDraft | None) -> str:
    """Whom the message goes to: its lead may have another address since the draft was frozen."""
    return (recipient_of(draft.recipient) if draft else "") or locked.recipient


async def _await_turn(
    locked_step: LockedStep, recipient: str, circumstances: Circumstances, policy: SendingPolicy
) -> Held | None:
    sequence = locked_step.sequence
    permitted = partial(_permitted_from, locked_step.locked, sequence.window_of(locked_step.step))
    turn = Turn(locked_step, recipient, policy.sender.addr_spec, circumstances.now, circumstances.expires_at, permitted)
    if sequence.name == REPLY:  # a person's own words wait for nobody's turn
        await count_turn(turn, policy.limits)
        return None
    return await await_turn(turn, policy.limits)


async def _claim(
    locked_step: LockedStep, facts: StepFacts, claim: Claim, policy: SendingPolicy
) -> StoredDraft | Recorded:
    draft = facts.draft or await _make(locked_step, facts, policy)
    if isinstance(draft, Paused):
        return draft
    if not await claim_draft(locked_step.connection, draft.id, claim):
        raise RuntimeError(f"{draft.id} changed under the lead's lock")
    return draft


async def _make(locked_step: LockedStep, facts: StepFacts, policy: SendingPolicy) -> StoredDraft | Paused:
    locked, step, sender = locked_step.locked, locked_step.step, policy.sender
    its_links = await policy.links.of_draft(
        locked_step.connection, draft_id(DraftKey(locked.instance_id, step)), sender.addr_spec
    )
    try:
        if parse_sequence(locked.definition).step(step).channel is Channel.TASK:
            new = make_manual_draft(locked, step)
        else:
            new = make_draft(locked, step, sender, facts.references, facts.now, its_links, facts.own_subject)
    except (TemplateError, MessageError):  # its sentence may quote the lead's data, so nobody is told it
        return await pause(locked_step, Paused(reason=Reason.UNRENDERABLE), Cause.FORBIDDEN)
    return await insert_draft(locked_step.connection, locked, step, new, locked_step.by)


async def _keep(locked_step: LockedStep, facts: StepFacts, blocker: Held | Paused | Stopped) -> Recorded:
    """Write down what forbids the step, where that is news."""
    if facts.status in FINAL:
        return blocker
    match blocker:
        case Held():
            return await hold(locked_step, blocker, Cause.FORBIDDEN)
        case Paused():
            return (
                await pause(locked_step, blocker, Cause.FORBIDDEN)
                if facts.status is not InstanceStatus.PAUSED
                else blocker
            )
        case Stopped():
            return await stop(locked_step, blocker.reason, Cause.FORBIDDEN)


def _circumstances(call: DeliverStep, locked: LockedLead, facts: StepFacts, *, in_use: bool) -> Circumstances:
    sequence = parse_sequence(locked.definition)
    ending = (kind for kind in facts.stops if sequence.stops_on(kind))
    sends = [instant for instant in (facts.last_sent_at, facts.heard_from_us_at) if instant is not None]
    return Circumstances(
        now=facts.now,
        status=facts.status,
        reason=facts.reason,
        stopped_by=next((Reason(kind) for kind in ending), None),
        suppressed=facts.suppressed,
        recipient_in_use=in_use,
        expires_at=call.due_at + sequence.step(call.step).expires_after,
        permitted_from=_permitted_from(locked, sequence.window_of(call.step), facts.now),
        busy_since=facts.busy_since,
        last_sent_at=max(sends, default=None),
        min_gap=sequence.min_gap,
        # a person who writes knows that the lead is away
        quiet_until=None if sequence.name == REPLY else facts.quiet_until,
    )


def _permitted_from(locked: LockedLead, window: Window | None, instant: datetime) -> datetime:
    calendar = is_holiday(window.holidays if window else None)
    return next_permitted(instant, window, locked.lead.zone, calendar)


def thread_was_busy(error: IntegrityError) -> bool:
    """Say whether a claim failed because another draft of the thread is in flight or unknown (I5)."""
    diagnosis = getattr(error.orig, "diag", None)
    return getattr(diagnosis, "constraint_name", None) == "uq_drafts_in_flight"


async def hold_for_thread(connection: AsyncConnection, call: DeliverStep, by: str) -> Held:
    """Hold a step whose thread somebody else uses; what the failed claim had begun was rolled back."""
    locked = await lock_lead(connection, call.instance_id)
    if locked is None:
        raise RuntimeError(f"{call.instance_id} vanished")
    held = Held(until=locked.now + _BUSY, reason=Reason.THREAD_BUSY)
    return await hold(LockedStep(connection, locked, call.step, by), held, Cause.FORBIDDEN)
