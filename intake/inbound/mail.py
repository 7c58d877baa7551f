"""Reading a message that came in by mail (RFC 5322): what it is, and which messages of ours it names.

Anybody may have written it, so nothing of it is trusted: it is read to a bound, and whatever it holds, what is returned
is an `Inbound` or InboundError is raised.
"""

import hashlib
import re
from datetime import date
from typing import NamedTuple

from domain.event import EventError
from intake.inbound.absence import AbsenceNote, read_absence
from intake.inbound.kind import classify
from intake.inbound.message_class import Failure, InboundKind
from intake.inbound.names import named_hashes, own_hash, thread_hashes, tokens
from intake.inbound.parts import READ_BYTES, Part, addresses, read_parts, value, values

__all__ = ["READ_BYTES", "Inbound", "InboundError", "read_coarsely", "read_inbound"]
_ANY_HASH = re.compile(rb"(?<![0-9A-Za-z])([0-9a-fA-F]{40})@")
_MOST_NAMED = 100


class InboundError(EventError):
    """A message can't be read at all. Its sentence is for people, and quotes nothing of it."""


class Inbound(NamedTuple):
    """A message that came in.

    `key` names it, the same however often it comes. `own` is what it would be of ours, if it were a copy of one.
    `message_hashes` are the messages it names that might be ours, the likeliest first; `tokens` those it was addressed
    by (`local+hash@domain`). `senders` are addresses in lower case. `failures` are the recipients that a bounce fails,
    or who complains; `status` and `recipient` are of the first of them, or of whom a notice speaks; `delivered` got the
    message by the same report. `away_until` is the day an automatic reply says its writer is back, where that is sure;
    `for_good` says that nobody will be. `is_of_another`: a report of a message in a thread of ours that is not ours.
    """

    key: str
    kind: InboundKind
    own: str | None = None
    message_hashes: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()
    senders: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()
    delivered: tuple[str, ...] = ()
    status: str = ""
    recipient: str = ""
    away_until: date | None = None
    for_good: bool = False
    is_of_another: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The messages that it may be about, the likeliest first: itself, what it names, what it was addressed by."""
        own = (self.own,) if self.own else ()
        return tuple(dict.fromkeys((*own, *self.message_hashes, *self.tokens)))

    @property
    def failed_recipients(self) -> tuple[str, ...]:
        """The addresses that could not be reached, as far as the message names them."""
        return tuple(one.recipient for one in self.failures if one.recipient)

    @property
    def suppresses(self) -> bool:
        """Whether whoever it fails is not to be written to any more, if we wrote to them."""
        if self.kind is InboundKind.COMPLAINT:
            return True
        return (
            self.kind is InboundKind.BOUNCE and not self.is_of_another and any(one.suppresses for one in self.failures)
        )


def read_inbound(raw: bytes) -> Inbound:
    """Read a message. Raises InboundError for what begins without a header."""
    part = read_parts(raw)
    if part is None:
        raise InboundError(["it is not a message: it begins without a header"])
    try:
        return _read(raw, part)
    except Exception:  # the standard library's parsers raise what they like on what strangers write
        return read_coarsely(raw)


def read_coarsely(raw: bytes) -> Inbound:
    """Take a message that can't be read for an answer to whatever message of ours it may name."""
    found = (one.decode().lower() for one in _ANY_HASH.findall(raw[:READ_BYTES]))
    return Inbound(content_key(raw), InboundKind.REPLY, message_hashes=tuple(dict.fromkeys(found))[:_MOST_NAMED])


def _read(raw: bytes, part: Part) -> Inbound:
    told = classify(part, raw)
    named, addressed = named_hashes(part, told.kind), tokens(part)
    absence = read_absence(part) if told.kind is InboundKind.AUTO_REPLY else AbsenceNote()
    return Inbound(
        key=_key(raw, part),
        kind=told.kind,
        own=own_hash(part),
        message_hashes=named,
        tokens=addressed,
        senders=addresses(values(part, "From")[:1]),
        failures=told.failures,
        delivered=told.delivered,
        status=told.status,
        recipient=told.recipient,
        away_until=absence.until,
        for_good=absence.for_good,
        is_of_another=bool(told.failures) and not named and not addressed and bool(thread_hashes(part)),
    )


def _key(raw: bytes, part: Part) -> str:
    """Name a message by its id, else by what it says: a program that writes an empty id writes it into all of them."""
    message_id = "".join(value(part, "Message-ID").split())
    named = message_id if re.search(r"[^<>@]", message_id) else ""
    return content_key(named.encode("utf-8", "surrogateescape") if named else raw)


def content_key(content: bytes) -> str:
    """Derive a key; of a large message its beginning is known alone."""
    return hashlib.sha256(content[:READ_BYTES]).hexdigest()[:40]
