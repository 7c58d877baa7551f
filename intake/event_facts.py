"""What each app event makes true: its facts, in one transaction, once; and what it is answered."""

from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import Any, NamedTuple, assert_never

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from activities.drafting import parse_sequence
from domain.enrolling import Refusal
from domain.event import Event, EventType, LeadEnrolled, LeadReplied, LeadResumed, LeadStopped, LeadUpdated
from domain.instance import InstanceKey, InstanceStatus, Reason, instance_id
from domain.lead import Lead
from domain.sequence import Sequence, StopKind
from intake.enrolment import enrolment_problem
from intake.event_reading import EventError
from intake.lead_fields import LeadError, make_lead
from intake.storing import Enrolling, Wanted, store_enrolments
from mail.address import suppressible
from store.drafts import stop_pending
from store.instances import set_status
from store.leads import hold_lead, lock_known_lead, save_leads
from store.locks import lock_leads
from store.stops import RecordedStop, find_running, record_stop
from store.suppressions import suppress

# An automatic reply that names no day: most absences that matter to a follow-up are longer than a weekend.
_USUAL_ABSENCE = timedelta(days=3)
_SUPPRESSING = (StopKind.UNSUBSCRIBED, StopKind.BOUNCED)
_WAITING_FOR_THE_LEAD = {
    (InstanceStatus.PAUSED, Reason.OPERATOR),
    (InstanceStatus.HELD, Reason.OUT_OF_OFFICE),
}


class Done(StrEnum):
    """What became of an event.

    ENROLLED: a follow-up begins. ALREADY_ENROLLED: it had begun before. STOPPED_AT_ONCE: it was enrolled, but a stop
    that is not older had come before it; nothing is sent. NOT_ENROLLED: the sequence, or another that is running, does
    not allow it (`why`). STOPPED: follow-ups ended. STOP_RECORDED: none was running
    that this ends; the stop is kept for those that come. HELD: nothing is sent before an instant. UPDATED: the lead is
    known better. RESUMED: nothing waits for the lead any more. UNKNOWN_LEAD: nobody has that id; nothing changed.
    """

    ENROLLED = "enrolled"
    ALREADY_ENROLLED = "already_enrolled"
    STOPPED_AT_ONCE = "stopped_at_once"
    NOT_ENROLLED = "not_enrolled"
    STOPPED = "stopped"
    STOP_RECORDED = "stop_recorded"
    HELD = "held"
    UPDATED = "updated"
    RESUMED = "resumed"
    UNKNOWN_LEAD = "unknown_lead"


class Answer(BaseModel):
    """What an event is answered, each time it is delivered. Ids, codes and instants alone."""

    model_config = ConfigDict(frozen=True)

    event_id: str
    type: EventType
    lead_id: str
    done: Done
    instances: tuple[str, ...] = Field(default=(), description="The follow-ups it began, stopped or resumed.")
    until: datetime | None = Field(default=None, description="Nothing is sent to the lead before.")
    why: Refusal | None = Field(default=None, description="Why the lead was not enrolled.")

    @property
    def sentence(self) -> str:
        """The answer for people."""
        until = f" until {self.until:%Y-%m-%d %H:%M:%S} UTC" if self.until else ""
        why = f" ({self.why.replace('_', ' ')})" if self.why else ""
        return f"{self.done.replace('_', ' ')}{until}{why}: {', '.join(self.instances) or self.lead_id}"


class Facts(NamedTuple):
    """Where the facts of an event are written, its lead locked."""

    connection: AsyncConnection
    workspace: str
    event: Event
    link: str | None = None  # stands for that of each message, where messages have one

    async def lock(self) -> Lead | None:
        """Lock the lead, whether or not there is one yet; returns what is known of it."""
        lead_id = self.event.data.lead_id
        await lock_leads(self.connection, self.workspace, [lead_id])
        return await lock_known_lead(self.connection, self.workspace, lead_id)

    def answer(self, done: Done, **more: Any) -> Answer:
        """Answer the event."""
        event = self.event
        return Answer(event_id=event.id, type=event.type, lead_id=event.data.lead_id, done=done, **more)


async def store_facts(facts: Facts, sequence: Sequence | None) -> Answer:
    """Write the facts of an event; `sequence` is what an enrolment names. Raises EventError, having written nothing."""
    event = facts.event
    match event:
        case LeadEnrolled():
            if sequence is None:
                raise TypeError("an enrolment needs its sequence")
            return await _enroll(facts, event, sequence)
        case LeadReplied() if event.data.auto:
            return await _hold(facts, event)
        case LeadReplied() | LeadStopped():
            return await _stop(facts, event)
        case LeadUpdated():
            return await _update(facts, event)
        case LeadResumed():
            return await _resume(facts)
        case _:
            assert_never(event)


async def _enroll(facts: Facts, event: LeadEnrolled, sequence: Sequence) -> Answer:
    data = event.data
    try:
        lead = make_lead({**data.lead.model_dump(), "variables": data.variables})
    except LeadError as error:
        raise EventError([_placed(problem) for problem in error.problems]) from None
    identity = instance_id(InstanceKey(facts.workspace, sequence.name, lead.lead_id, data.enrolment_key))
    if problem := enrolment_problem(sequence, lead, identity, facts.link):
        raise EventError([f"data.variables: {problem}"])
    enrolling = Enrolling(facts.workspace, sequence, event.timestamp, event.by)
    stored = await store_enrolments(facts.connection, enrolling, [Wanted(lead, identity, data.thread)])
    if stored.refused:
        return facts.answer(Done.NOT_ENROLLED, why=stored.refused[identity])
    [enrolled] = stored.enrolled
    done = Done.ENROLLED if enrolled.new else Done.ALREADY_ENROLLED
    if enrolled.new and enrolled.status is InstanceStatus.STOPPED:
        done = Done.STOPPED_AT_ONCE
    return facts.answer(done, instances=(identity,))


def _placed(problem: str) -> str:
    return f"data.{problem}" if problem.startswith("variables") else f"data.lead.{problem}"


async def _stop(facts: Facts, event: LeadReplied | LeadStopped) -> Answer:
    """I4: from the commit of this on, no claim of an instance that it ends begins."""
    kind = StopKind(event.type.removeprefix("lead."))
    lead = await facts.lock()
    stop = RecordedStop(event.data.lead_id, kind, event.timestamp)
    await record_stop(facts.connection, facts.workspace, event.id, stop)
    stopped = [
        running.instance_id
        for running in await find_running(facts.connection, facts.workspace, event.data.lead_id)
        if parse_sequence(running.definition).stops_on(kind)
    ]
    for one in stopped:
        await stop_pending(facts.connection, one, event.by, kind)
        await set_status(facts.connection, one, InstanceStatus.STOPPED, Reason(kind), by=event.by, why=kind)
    if kind in _SUPPRESSING:
        await suppress(facts.connection, facts.workspace, _suppressed_by(event, lead), event.by, kind)
    return facts.answer(Done.STOPPED if stopped else Done.STOP_RECORDED, instances=tuple(stopped))


def _suppressed_by(event: LeadReplied | LeadStopped, lead: Lead | None) -> list[str]:
    named = event.data.email if isinstance(event, LeadStopped) else None
    named_only = named is not None and event.type is EventType.BOUNCED  # of the one that bounced it says everything
    current = [lead.email] if lead and not named_only else []
    return [*current, *([suppressible(named)] if named else [])]


async def _hold(facts: Facts, event: LeadReplied) -> Answer:
    lead = await facts.lock()
    if lead is None:
        return facts.answer(Done.UNKNOWN_LEAD)
    until = event.timestamp + _USUAL_ABSENCE
    if event.data.until is not None:
        until = datetime.combine(event.data.until, time(), lead.zone)
    held_until = await hold_lead(facts.connection, facts.workspace, lead.lead_id, until.astimezone(UTC))
    return facts.answer(Done.HELD, until=held_until)


async def _update(facts: Facts, event: LeadUpdated) -> Answer:
    lead = await facts.lock()
    if lead is None:
        return facts.answer(Done.UNKNOWN_LEAD)
    known = lead.model_dump()
    changes = event.data.changes
    try:
        changed = make_lead({**known, **changes, "variables": {**known["variables"], **changes.get("variables", {})}})
    except LeadError as error:
        raise EventError([f"data.{problem}" for problem in error.problems]) from None
    await save_leads(facts.connection, facts.workspace, [changed])
    return facts.answer(Done.UPDATED)


async def _resume(facts: Facts) -> Answer:
    lead = await facts.lock()
    if lead is None:
        return facts.answer(Done.UNKNOWN_LEAD)
    await hold_lead(facts.connection, facts.workspace, lead.lead_id, None)
    running = await find_running(facts.connection, facts.workspace, lead.lead_id)
    waiting = [one.instance_id for one in running if (one.status, one.reason) in _WAITING_FOR_THE_LEAD]
    return facts.answer(Done.RESUMED, instances=tuple(waiting))
