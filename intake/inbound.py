"""The door for mail that comes in, without a process: what a program that has a message in its hands calls.

    door = InboundDoor(engine, events, workspace="default")
    answer = await door.take(raw)

A message that names one of ours is evidence that ours went out; an answer or a bounce is an app event, too, and its id
is made from the message. All of it may be repeated: whatever went wrong, give the message again.
"""

import asyncio
import logging
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.evidence import Bearing
from domain.event import EVENT, Event, EventType
from domain.evidence import EvidenceKind
from intake import event_facts
from intake.events import EventDoor, NotTakenError
from intake.inbound_kind import InboundKind
from intake.inbound_mail import Inbound, read_inbound
from intake.witness import Witness
from store.engine import is_down
from store.evidence import Named, Seen

_log = logging.getLogger(__name__)
# What a message with pictures has; larger ones are refused before they are read.
MOST_BYTES = 10 * 1024 * 1024
# A day further off than this was misread, or misspelt.
_LONGEST_ABSENCE = timedelta(days=180)
_EVIDENCE = {
    InboundKind.REPLY: EvidenceKind.REPLY,
    InboundKind.AUTO_REPLY: EvidenceKind.AUTO_REPLY,
    InboundKind.BOUNCE: EvidenceKind.BOUNCE,
    InboundKind.DELIVERY_NOTICE: EvidenceKind.DELIVERY,
}
_EVENTS = {
    InboundKind.REPLY: EventType.REPLIED,
    InboundKind.AUTO_REPLY: EventType.REPLIED,
    InboundKind.BOUNCE: EventType.BOUNCED,
}


class Done(StrEnum):
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
    """What a message is answered: ids, codes and instants alone. `key` is made from it, and names no person."""

    model_config = ConfigDict(frozen=True)

    key: str
    kind: InboundKind
    done: Done
    instance_id: str = ""
    step: int | None = None
    evidence: Bearing | None = None
    event: event_facts.Answer | None = None

    @property
    def sentence(self) -> str:
        """The answer for people."""
        said = f"{self.key}: {self.kind.replace('_', ' ')}, {self.done.replace('_', ' ')}"
        if self.done is Done.UNMATCHED:
            return f"{said}: it names no message of ours"
        where = f"{said}: step {self.step} of {self.instance_id}"
        weighed = f", {self.evidence}" if self.evidence else ""
        return f"{where}{weighed}" + (f"; {self.event.sentence}" if self.event else "")


class InboundDoor:
    """Takes the mail of one workspace; `events` takes what follows from it."""

    def __init__(self, engine: AsyncEngine, events: EventDoor, *, workspace: str) -> None:
        self.witness = Witness(engine, events.starter, workspace=workspace)
        self._events = events

    async def take(self, raw: bytes, came_at: datetime | None = None) -> InboundAnswer:
        """Take a message that came in: when this returns, its facts are stored and its workflows know.

        `came_at` is when it arrived, if that was not just now. Raises InboundError for what is no message, EventError
        for one whose Message-ID another message had, NotTakenError for one to be given again, PostgreSQL or Temporal
        being down.
        """
        inbound = await asyncio.to_thread(read_inbound, raw)
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
        named = await self.witness.find(_names(inbound))
        if named is None:
            return InboundAnswer(key=inbound.key, kind=inbound.kind, done=Done.UNMATCHED)
        done = _done(inbound, named)
        place = {"key": inbound.key, "kind": inbound.kind, "instance_id": named.instance_id, "step": named.step}
        if done is Done.FROM_US:
            return InboundAnswer(**place, done=done)
        kind = EvidenceKind.DELIVERY if done is Done.OWN_COPY else _EVIDENCE[inbound.kind]
        by = f"inbound:{inbound.key}"
        # the workflow is told last: a stop must be known before it goes on to the next step
        async with self._events.turn_of(named.lead_id):
            taken = await self.witness.weigh(named.draft_id, Seen(kind, by, came_at), by)
        event = _event(inbound, named, came_at) if done is Done.TAKEN else None
        answer = await self._events.deliver(event) if event else None
        await self.witness.tell(named.draft_id, taken, by)
        return InboundAnswer(**place, done=done, evidence=taken.bearing, event=answer)


def _names(inbound: Inbound) -> list[str]:
    return list(dict.fromkeys((*([inbound.own] if inbound.own else []), *inbound.message_hashes, *inbound.tokens)))


def _done(inbound: Inbound, named: Named) -> Done:
    if inbound.own == named.message_hash:
        return Done.OWN_COPY
    is_answer = inbound.kind in (InboundKind.REPLY, InboundKind.AUTO_REPLY)
    ours = named.sender.lower() in map(_plain, inbound.senders) and named.recipient.lower() not in inbound.senders
    return Done.FROM_US if is_answer and ours else Done.TAKEN


def _plain(address: str) -> str:
    """Return an address without what follows a plus in it."""
    local, at, domain = address.rpartition("@")
    return local.partition("+")[0] + at + domain


def _event(inbound: Inbound, named: Named, came_at: datetime) -> Event | None:
    kind = _EVENTS.get(inbound.kind)
    if kind is None:
        return None
    data: dict[str, Any] = {"lead_id": named.lead_id}
    if inbound.kind is InboundKind.AUTO_REPLY:
        data |= {"auto": True, "until": _until(inbound.away_until, came_at)}
    if inbound.kind is InboundKind.BOUNCE and "@" in named.recipient:  # else it was forgotten
        data["email"] = named.recipient
    said = {"id": f"inbound:{inbound.key}", "type": kind, "timestamp": came_at, "data": data}
    return EVENT.validate_python(said)


def _until(away_until: date | None, came_at: datetime) -> date | None:
    if away_until is None or not came_at.date() < away_until <= came_at.date() + _LONGEST_ABSENCE:
        return None
    return away_until
