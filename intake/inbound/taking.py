"""The door for mail that comes in, without a process: what a program that has a message in its hands calls.

    door = InboundDoor(engine, events, workspace="default")
    answer = await door.take(raw)

A message that names one of ours is evidence that ours went out; an answer or a bounce is an app event, too, and its id
is made from the message. All of it may be repeated: whatever went wrong, give the message again.
"""

import logging
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from pydantic import BaseModel, ConfigDict
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.evidence import EvidenceKind
from intake.events import EventDoor, NotTakenError
from intake.inbound.consequence import Consequence, consequence_of
from intake.inbound.evidence import EvidenceRecorder
from intake.inbound.mail import Inbound, content_key
from intake.inbound.message_class import InboundKind
from intake.inbound.reader import Reader
from store.engine import is_down
from store.evidence import Named, Seen
from transactions import event as event_facts
from transactions.evidence import EvidenceEffect

_log = logging.getLogger(__name__)
# Over HTTP, where the signature is of the whole: 25 MB of attachments, which is what most servers take, are 35 MB in
# base64. Of any message only its beginning is read.
MOST_BYTES = 50 * 1024 * 1024
# How long somebody who writes a new message is taken to answer what we wrote last.
_ANSWERS_FOR = timedelta(days=30)


class MailResult(StrEnum):
    """What became of a message.

    TAKEN: it names a message of ours, and what follows from that is done. FROM_US: a person of ours wrote it; nothing
    changed. OWN_COPY: it is a message of ours that came back to us: it went out. UNMATCHED: it names none of ours;
    nothing changed.
    """

    TAKEN = "taken"
    FROM_US = "from_us"
    OWN_COPY = "own_copy"
    UNMATCHED = "unmatched"


class InboundAnswer(BaseModel):
    """What a message is answered: ids, codes and instants alone.

    `key` is made from it, and from the message of ours that it is about; it names no person.
    """

    model_config = ConfigDict(frozen=True)

    key: str
    kind: InboundKind
    done: MailResult
    instance_id: str = ""
    step: int | None = None
    evidence: EvidenceEffect | None = None
    event: event_facts.EventAnswer | None = None

    @property
    def event_id(self) -> str:
        """How it is called as evidence, and as the event that follows from it."""
        return f"inbound:{self.key}"

    @property
    def sentence(self) -> str:
        """The answer for people."""
        said = f"{self.key}: {self.kind.replace('_', ' ')}, {self.done.replace('_', ' ')}"
        if self.done is MailResult.UNMATCHED:
            return f"{said}: it names no message of ours"
        where = f"{said}: step {self.step} of {self.instance_id}"
        weighed = f", {self.evidence}" if self.evidence else ""
        return f"{where}{weighed}" + (f"; {self.event.sentence}" if self.event else "")


class InboundDoor:
    """Takes the mail of one workspace; `events` takes what follows from it."""

    def __init__(self, engine: AsyncEngine, events: EventDoor, *, workspace: str) -> None:
        self.recorder = EvidenceRecorder(engine, events.starter, workspace=workspace)
        self._events = events
        self._reader = Reader()

    def close(self) -> None:
        """End the process that reads mail; the end of this one does that, too."""
        self._reader.close()

    async def take(self, raw: bytes, came_at: datetime | None = None) -> InboundAnswer:
        """Take a message that came in: when this returns, its facts are stored and its workflows know.

        `came_at` is when it arrived, if that was not just now. Raises InboundError for what is no message, and
        NotTakenError for one to be given again, PostgreSQL or Temporal being down.
        """
        inbound = await self._reader.read(raw)
        now = datetime.now(UTC)
        came_at = min(came_at, now) if came_at is not None and came_at.year >= 2000 else now
        try:
            answer = await self._take(inbound, came_at)
        except SQLAlchemyError as error:
            if not is_down(error):
                raise
            raise NotTakenError("PostgreSQL can't be reached: give the message again") from error
        _log.info("inbound %s: %s %s", answer.key, answer.kind, answer.done)
        return answer

    async def _take(self, inbound: Inbound, came_at: datetime) -> InboundAnswer:
        named = await self.recorder.find(inbound.names)
        if named is None:
            return await self._take_unnamed(inbound, came_at)
        came_at = max(came_at, named.claimed_at or came_at)  # by another clock, in whole seconds
        done = _done(inbound, named)
        answer = _answer(inbound, named, done)
        if done is MailResult.FROM_US:
            return answer
        own_copy = Consequence(EvidenceKind.DELIVERY)
        consequence = (
            own_copy if done is MailResult.OWN_COPY else consequence_of(inbound, named, came_at, answer.event_id)
        )
        by = answer.event_id
        # the workflow is told last: a stop must be known before it goes on to the next step
        seen = Seen(consequence.evidence, by, came_at)
        async with self._events.turn_of(named.lead_id):
            taken = await self.recorder.record(named.draft_id, seen, by, consequence.concern)
        event = await self._events.deliver(consequence.event) if consequence.event else None
        await self.recorder.tell(named.draft_id, taken, by)
        return answer.model_copy(update={"evidence": taken.bearing, "event": event})

    async def _take_unnamed(self, inbound: Inbound, came_at: datetime) -> InboundAnswer:
        """Take what a person, or their program, wrote as a new message: no proof of ours, but their word."""
        named = None
        if inbound.kind in (InboundKind.REPLY, InboundKind.AUTO_REPLY):
            named = await self.recorder.find_written_to(inbound.senders, came_at - _ANSWERS_FOR)
        if named is None:
            return InboundAnswer(key=inbound.key, kind=inbound.kind, done=MailResult.UNMATCHED)
        answer = _answer(inbound, named, MailResult.TAKEN)
        consequence = consequence_of(inbound, named, came_at, answer.event_id)
        event = await self._events.deliver(consequence.event) if consequence.event else None
        return answer.model_copy(update={"event": event})


def _answer(inbound: Inbound, named: Named, done: MailResult) -> InboundAnswer:
    """Name a message by what it is about, too: programs give one id to several messages."""
    key = content_key(f"{inbound.key} {inbound.kind} {named.draft_id}".encode())
    return InboundAnswer(key=key, kind=inbound.kind, done=done, instance_id=named.instance_id, step=named.step)


def _done(inbound: Inbound, named: Named) -> MailResult:
    if inbound.own == named.message_hash:
        return MailResult.OWN_COPY
    is_answer = inbound.kind in (InboundKind.REPLY, InboundKind.AUTO_REPLY)
    ours = named.sender.lower() in map(_plain, inbound.senders) and named.recipient.lower() not in inbound.senders
    return MailResult.FROM_US if is_answer and ours else MailResult.TAKEN


def _plain(address: str) -> str:
    """Return an address without what follows a plus in it."""
    local, at, domain = address.rpartition("@")
    return local.partition("+")[0] + at + domain
