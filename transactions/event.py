"""What each app event makes true: its facts, in one transaction, once; and what it is answered."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple, assert_never

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.address import suppressible
from domain.enrolling import Refusal
from domain.event import Event, EventError, EventType, LeadEnrolled, LeadReplied, LeadResumed, LeadStopped, LeadUpdated
from domain.instance import InstanceKey, InstanceStatus, Reason, instance_id
from domain.lead_facts import Absence, LeadFacts, Whereabouts
from domain.lead_fields import LeadError, make_lead
from domain.lead_words import differing, read_word
from domain.recipient import recipient_of
from domain.sequence import Sequence, StopKind
from store.events import find_event, mark_told, save_event
from store.instances import was_enrolled
from store.leads import lock_person, read_addresses, save_leads
from store.locks import lock_event
from store.stops import RecordedStop, find_running, find_stops, record_stop
from store.suppressions import suppress
from transactions.enrol import Enrolling, WantedEnrolment, store_enrolments
from transactions.lead_facts import SUPPRESSING, Heard, find_reach, keep, suppress_unsubscribed
from transactions.sharing import pause_those_that_came_later
from transactions.stop import end_reached, reach_of

# Clocks that are set by NTP differ by less; the app is told of any that is further ahead.
_CLOCK_AHEAD = timedelta(seconds=5)
_WAITING_FOR_THE_LEAD = {
    (InstanceStatus.PAUSED, Reason.OPERATOR),
    (InstanceStatus.HELD, Reason.OUT_OF_OFFICE),
}


class EventResult(StrEnum):
    """What became of an event.

    ENROLLED: a follow-up begins. ALREADY_ENROLLED: it had begun before. STOPPED_AT_ONCE: it was enrolled, but a stop
    that is not older had come before it; nothing is sent. NOT_ENROLLED: the sequence, or another follow-up of that
    person, does not allow it (`why`, `other`). STOPPED: follow-ups ended. STOP_RECORDED: none was running
    that this ends; the stop is kept for those that come. HELD: nothing is sent before an instant. UPDATED: the lead is
    known better. RESUMED: nothing waits for the lead any more. KEPT: nobody was enrolled under that id yet; what was
    said is kept for them. UNKNOWN_LEAD: what earlier versions answered instead; nothing was changed then.
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
    KEPT = "kept"
    UNKNOWN_LEAD = "unknown_lead"


class Noted(StrEnum):
    """What else an app should know of its event.

    CLOCK_AHEAD: its timestamp lies in the future, and counts as the instant at which it arrived. OLDER_WORD: what was
    heard before is newer, and stays (`differs`: which fields). SUPPRESSED: nothing is sent to the lead's address.
    RECIPIENT_IN_USE: another follow-up goes to the same address; those in `paused` wait for a person.
    """

    CLOCK_AHEAD = "clock_ahead"
    OLDER_WORD = "older_word"
    SUPPRESSED = "suppressed"
    RECIPIENT_IN_USE = "recipient_in_use"


class Ended(BaseModel):
    """A follow-up that ended, and why."""

    model_config = ConfigDict(frozen=True)

    instance_id: str
    reason: Reason


def _ended(found: Mapping[str, Reason]) -> tuple[Ended, ...]:
    return tuple(Ended(instance_id=instance_id, reason=reason) for instance_id, reason in sorted(found.items()))


class EventAnswer(BaseModel):
    """What an event is answered, each time it is delivered. Ids, codes and instants alone."""

    model_config = ConfigDict(frozen=True)

    event_id: str
    type: EventType
    lead_id: str
    done: EventResult
    instances: tuple[str, ...] = Field(default=(), description="The follow-ups it began, stopped or resumed.")
    until: AwareDatetime | None = Field(default=None, description="Nothing is sent to the lead before.")
    why: Refusal | None = Field(default=None, description="Why the lead was not enrolled.")
    other: str | None = Field(default=None, description="The follow-up that stands against the enrolment.")
    noted: tuple[Noted, ...] = Field(default=(), description="What else is to be known of it.")
    differs: tuple[str, ...] = Field(default=(), description="The fields that are stored otherwise than it gives them.")
    ended: tuple[Ended, ...] = Field(default=(), description="Follow-ups that earlier stops are found to reach.")
    paused: tuple[str, ...] = Field(default=(), description="The follow-ups that wait for a person because of it.")
    held: tuple[str, ...] = Field(default=(), description="The follow-ups that look again at what holds them.")

    @property
    def tells(self) -> bool:
        """There are follow-ups that have to be told."""
        return bool(self.instances or self.ended or self.paused or self.held)

    @property
    def sentence(self) -> str:
        """The answer for people."""
        until = f" until {self.until:%Y-%m-%d %H:%M:%S} UTC" if self.until else ""
        why = f" ({self.why.replace('_', ' ')}{f': {self.other}' if self.other else ''})" if self.why else ""
        noted = "".join(f"; {one.replace('_', ' ')}" for one in self.noted)
        differs = f" ({', '.join(self.differs)})" if self.differs else ""
        paused = f"; paused: {', '.join(self.paused)}" if self.paused else ""
        about = ", ".join(self.instances) or self.lead_id
        return f"{self.done.replace('_', ' ')}{until}{why}: {about}{noted}{differs}{paused}"


class Facts(NamedTuple):
    """Where the facts of an event are written."""

    connection: AsyncConnection
    workspace: str
    event: Event
    noted: tuple[Noted, ...] = ()
    link: str | None = None  # stands for that of each message, where messages have one

    async def lock(self, *also: str) -> LeadFacts | None:
        """Lock the lead, known or not, with the recipient it has and further ones; returns what is known of it."""
        return await lock_person(self.connection, self.workspace, self.event.data.lead_id, *also)

    def answer(self, done: EventResult, **more: Any) -> EventAnswer:
        """Answer the event."""
        event, noted = self.event, (*self.noted, *more.pop("noted", ()))
        return EventAnswer(
            event_id=event.id, type=event.type, lead_id=event.data.lead_id, done=done, noted=noted, **more
        )


async def take_event(
    connection: AsyncConnection,
    workspace: str,
    event: Event,
    find_sequence: Callable[[LeadEnrolled], Awaitable[Sequence]],
    link: str | None,
) -> tuple[EventAnswer, bool]:
    """Write the facts of an event, once by its id; returns its answer, and whether its workflows were told before.

    `find_sequence` finds what an enrolment names; of an event that was taken before it is not asked. Raises EventError,
    having written nothing.
    """
    await lock_event(connection, workspace, event.id)
    stored = await find_event(connection, workspace, event.id)
    if stored is not None:
        return _same(event, EventAnswer.model_validate(stored.answer)), stored.told
    heard, noted = _heard_now(event)
    sequence = await find_sequence(event) if isinstance(event, LeadEnrolled) else None
    answer = await store_facts(Facts(connection, workspace, heard, noted, link), sequence)
    await save_event(connection, workspace, event.id, event.type, answer.model_dump(mode="json"))
    return answer, False


async def confirm_told(engine: AsyncEngine, workspace: str, event_id: str) -> None:
    """Keep that the workflows of an event know of it."""
    async with engine.begin() as connection:
        await mark_told(connection, workspace, event_id)


def _heard_now(event: Event) -> tuple[Event, tuple[Noted, ...]]:
    """Let an event of a clock that is ahead happen now: what is said after it must not count as older."""
    now = datetime.now(UTC)
    if event.timestamp <= now:
        return event, ()
    ahead = (Noted.CLOCK_AHEAD,) if event.timestamp > now + _CLOCK_AHEAD else ()
    return event.model_copy(update={"timestamp": now}), ahead


def _same(event: Event, answer: EventAnswer) -> EventAnswer:
    if (answer.type, answer.lead_id) != (EventType(event.type), event.data.lead_id):
        raise EventError(["id: is that of another event: give every event an id of its own"])
    return answer


async def store_facts(facts: Facts, sequence: Sequence | None) -> EventAnswer:
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
            return await _resume(facts, event)
        case _:
            assert_never(event)


async def _enroll(facts: Facts, event: LeadEnrolled, sequence: Sequence) -> EventAnswer:
    data = event.data
    try:
        lead = make_lead({**data.lead.model_dump(exclude_unset=True), "variables": data.variables})
    except LeadError as error:
        raise EventError([_placed(problem) for problem in error.problems]) from None
    identity = instance_id(InstanceKey(facts.workspace, sequence.name, lead.lead_id, data.enrolment_key))
    enrolling = Enrolling(
        workspace=facts.workspace,
        sequence=sequence,
        at=event.timestamp,
        by=event.by,
        link=facts.link,
        updates=True,
    )
    stored = await store_enrolments(facts.connection, enrolling, [WantedEnrolment(lead, identity, data.thread)])
    if refused := stored.refused.get(identity):
        if refused.refusal is Refusal.UNRENDERABLE:
            raise EventError([f"data.variables: {refused.sentence}"])
        other = refused.other.instance_id if refused.other else None
        return facts.answer(EventResult.NOT_ENROLLED, why=refused.refusal, other=other, ended=_ended(stored.ended))
    placed = stored.placed[identity]
    done = EventResult.ENROLLED if placed.enrolled.new else EventResult.ALREADY_ENROLLED
    if placed.enrolled.new and placed.enrolled.status is InstanceStatus.STOPPED:
        done = EventResult.STOPPED_AT_ONCE
    noted = (Noted.SUPPRESSED,) * placed.suppressed + (Noted.OLDER_WORD,) * bool(placed.differs)
    return facts.answer(done, instances=(identity,), noted=noted, differs=placed.differs, ended=_ended(stored.ended))


def _placed(problem: str) -> str:
    return f"data.{problem}" if problem.startswith("variables") else f"data.lead.{problem}"


async def _stop(facts: Facts, event: LeadReplied | LeadStopped) -> EventAnswer:
    """I4: from the commit of this on, no claim of an instance that it ends begins."""
    kind = StopKind(event.type.removeprefix("lead."))
    named = suppressible(event.data.email) if isinstance(event, LeadStopped) and event.data.email else None
    lead = await facts.lock(*([named] if named else []))
    said = RecordedStop(
        event_id=event.id, lead_id=event.data.lead_id, kind=kind, occurred_at=event.timestamp, named=named
    )
    stop = said.reaching(await reach_of(facts.connection, facts.workspace, said, lead))
    await record_stop(facts.connection, facts.workspace, stop)
    stopped = await end_reached(facts.connection, facts.workspace, stop, event.by)
    if kind in SUPPRESSING:
        addresses = await _suppressed_by(facts, stop, lead)
        await suppress(facts.connection, facts.workspace, addresses, event.by, kind)
    running = await find_running(facts.connection, facts.workspace, stop.lead_id)
    older = any(stop.occurred_at < one.said_at for one in running)
    noted = (Noted.OLDER_WORD,) if older else ()
    return facts.answer(
        EventResult.STOPPED if stopped else EventResult.STOP_RECORDED, instances=tuple(stopped), noted=noted
    )


async def _suppressed_by(facts: Facts, stop: RecordedStop, lead: LeadFacts | None) -> list[str]:
    """Whoever unsubscribes does so with every address they ever had; what bounced is what it reached alone."""
    if stop.kind is not StopKind.UNSUBSCRIBED or lead is None:
        return list(stop.recipients)
    had = await read_addresses(facts.connection, facts.workspace, lead.lead_id)
    return [*stop.recipients, recipient_of(lead.email), *(address for _, address in had)]


async def _hold(facts: Facts, event: LeadReplied) -> EventAnswer:
    absence = Absence(at=event.timestamp, said=Whereabouts.AWAY, day=event.data.until)
    return await _hear_absence(facts, absence, EventResult.HELD)


async def _resume(facts: Facts, event: LeadResumed) -> EventAnswer:
    return await _hear_absence(facts, Absence(at=event.timestamp, said=Whereabouts.BACK), EventResult.RESUMED)


async def _hear_absence(facts: Facts, absence: Absence, done: EventResult) -> EventAnswer:
    known = await facts.lock() or LeadFacts(lead_id=facts.event.data.lead_id)
    after = known.after_absence(absence)
    noted = (Noted.OLDER_WORD,) if after.quiet_at != absence.at else ()
    await save_leads(facts.connection, facts.workspace, [after])
    if not await was_enrolled(facts.connection, facts.workspace, known.lead_id):
        return facts.answer(EventResult.KEPT, noted=noted, until=after.quiet_until)
    running = await find_running(facts.connection, facts.workspace, known.lead_id, [recipient_of(known.email)])
    if done is EventResult.HELD:
        held = tuple(one.instance_id for one in running if one.reason == Reason.OUT_OF_OFFICE)
        return facts.answer(done, until=after.quiet_until, noted=noted, held=held)
    waiting = () if noted else (one.instance_id for one in running if (one.status, one.reason) in _WAITING_FOR_THE_LEAD)
    return facts.answer(done, instances=tuple(waiting), noted=noted, until=after.quiet_until)


async def _update(facts: Facts, event: LeadUpdated) -> EventAnswer:
    changes = event.data.changes
    try:
        word = read_word(event.data.lead_id, changes, event.timestamp)
    except LeadError as error:
        raise EventError([f"data.{problem}" for problem in error.problems]) from None
    moved_to = recipient_of(word.email or "")
    before = await facts.lock(moved_to) or LeadFacts(lead_id=event.data.lead_id)
    after = before.after(word)
    await keep(facts.connection, facts.workspace, [Heard(word=word, before=before, after=after)])
    differs = differing(word, word.variables, after)
    noted: tuple[Noted, ...] = (Noted.OLDER_WORD,) if differs else ()
    stops = await find_stops(facts.connection, facts.workspace, [after.lead_id], [])
    if word.email is not None:
        given = (word.email, after.email)
        await suppress_unsubscribed(facts.connection, facts.workspace, stops, given, event.by)
    ended = await find_reach(facts.connection, facts.workspace, {after.lead_id: after}, stops, event.by)
    if not await was_enrolled(facts.connection, facts.workspace, after.lead_id):
        return facts.answer(EventResult.KEPT, noted=noted, differs=differs, ended=_ended(ended))
    moved = recipient_of(after.email) != recipient_of(before.email)
    paused = await pause_those_that_came_later(facts.connection, facts.workspace, after, event.by) if moved else ()
    running = await find_running(facts.connection, facts.workspace, after.lead_id)
    held = tuple(one.instance_id for one in running if one.status == InstanceStatus.HELD)
    noted += (Noted.RECIPIENT_IN_USE,) if paused else ()
    return facts.answer(
        EventResult.UPDATED, noted=noted, differs=differs, ended=_ended(ended), paused=paused, held=held
    )
