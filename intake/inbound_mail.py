"""Reading a message that came in by mail (RFC 5322): what it is, and which messages of ours it names.

Anybody may have written it, so nothing of it is trusted: it is read to a bound, and whatever it holds, what is returned
is an `Inbound` or InboundError is raised.
"""

import hashlib
import re
from collections.abc import Iterable
from datetime import date
from email import policy
from email.message import Message
from email.parser import BytesParser
from typing import NamedTuple

from intake.event_reading import EventError
from intake.inbound_absence import read_absence
from intake.inbound_kind import InboundKind, Told, kind_of, senders, value, values

# Large enough for every report; of a message that is larger its attachments are left unread. Both bounds keep what
# was made to be slow under a second or two.
READ_BYTES = 256 * 1024
_MOST_LINES = 10_000
# Each level of nesting costs a look at every line below it, and takes a content type to begin.
_MOST_PARTS = 50
# A thread names at most about so many messages, oldest first; the newest come last.
_MOST_NAMED = 100
# `domain.draft.message_hash`; nothing that continues it, or it would be part of a longer word
_HASH = r"(?<![0-9A-Za-z])([0-9a-fA-F]{40})@"
_NAMED = re.compile(_HASH)
_TOKEN = re.compile(r"\+([0-9a-fA-F]{40})@")
# as it stands in what a report returns: a part of it, or its text
_RETURNED = re.compile(rb"(?im)^[ \t>|]*(?:original-)?message-id:\s*<?([0-9a-f]{40})@")
_TO = ("To", "Cc", "Delivered-To", "X-Original-To", "Envelope-To")


class InboundError(EventError):
    """A message can't be read at all. Its sentence is for people, and quotes nothing of it."""


class Inbound(NamedTuple):
    """A message that came in.

    `key` names it, the same however often it comes. `own` is what it would be of ours, if it were a copy of one.
    `message_hashes` are the messages it names that might be ours, the likeliest first; `tokens` those it was addressed
    by (`local+hash@domain`). `senders` are addresses in lower case. `away_until` is the day an automatic reply says its
    writer is back, where that is sure.
    """

    key: str
    kind: InboundKind
    own: str | None = None
    message_hashes: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()
    senders: tuple[str, ...] = ()
    failed_recipients: tuple[str, ...] = ()
    away_until: date | None = None


def read_inbound(raw: bytes) -> Inbound:
    """Read a message. Raises InboundError for what is none."""
    raw = b"".join(raw[:READ_BYTES].splitlines(keepends=True)[:_MOST_LINES])
    message = _parse(raw)
    if not message.keys():
        raise InboundError(["it is not a message: it begins without a header"])
    try:
        return _read(raw, message)
    except Exception:  # the standard library's parsers raise what they like on what strangers write
        raise InboundError(["it can't be read: its header is malformed"]) from None


def _parse(raw: bytes) -> Message:
    parser = BytesParser(policy=policy.compat32)  # the newer policies raise where this one notes a defect
    whole = raw.lower().count(b"content-type:") <= _MOST_PARTS
    return parser.parsebytes(raw, headersonly=not whole)


def _read(raw: bytes, message: Message) -> Inbound:
    told = kind_of(message)
    automatic = told.kind is InboundKind.AUTO_REPLY
    return Inbound(
        key=_key(raw, message),
        kind=told.kind,
        own=next(iter(_hashes(_NAMED, [value(message, "Message-ID")])), None),
        message_hashes=_named(raw, message, told),
        tokens=_hashes(_TOKEN, (text for name in _TO for text in values(message, name))),
        senders=senders(message),
        failed_recipients=told.failed_recipients,
        away_until=read_absence(message) if automatic else None,
    )


def _key(raw: bytes, message: Message) -> str:
    message_id = "".join(value(message, "Message-ID").split())
    named = message_id.encode("utf-8", "surrogateescape") if message_id else raw
    return hashlib.sha256(named).hexdigest()[:40]


def _named(raw: bytes, message: Message, told: Told) -> tuple[str, ...]:
    """Name the messages that may be ours. What a report returns comes first: it is just that message."""
    returned: list[str] = []
    if told.kind in (InboundKind.BOUNCE, InboundKind.DELIVERY_NOTICE):
        head = re.search(rb"\r?\n\r?\n", raw)
        returned = [one.decode().lower() for one in _RETURNED.findall(raw[head.end() :] if head else b"")]
    answered = _hashes(_NAMED, values(message, "In-Reply-To"))
    before = _hashes(_NAMED, values(message, "References"))
    return tuple(dict.fromkeys((*returned[:_MOST_NAMED], *answered, *reversed(before))))


def _hashes(pattern: re.Pattern[str], texts: Iterable[str]) -> tuple[str, ...]:
    found = [one.lower() for text in texts for one in pattern.findall(text)]
    return tuple(dict.fromkeys(found[-_MOST_NAMED:]))
