"""Which messages of ours a message that came in names: by their ids, or by the address that it came to."""

import re
from collections.abc import Iterable

from intake.inbound.message_class import InboundKind
from intake.inbound.parts import Part, value, values
from intake.inbound.returned import returned_ids

# A thread names at most about so many messages, oldest first; the newest come last.
_MOST_NAMED = 100
# `domain.draft.message_hash`; nothing that continues it, or it would be part of a longer word
_NAMED = re.compile(r"(?<![0-9A-Za-z])([0-9a-fA-F]{40})@")
_TOKEN = re.compile(r"\+([0-9a-fA-F]{40})@")
_ANSWERED = ("In-Reply-To", "X-Original-Message-ID", "Original-Message-ID")
# The envelope's address, as whatever delivers or forwards a message writes it down
_TO = (
    *(
        "To",
        "Cc",
        "Resent-To",
        "Apparently-To",
        "Delivered-To",
        "X-Delivered-To",
        "X-Original-To",
        "Original-Recipient",
    ),
    *(
        "Envelope-To",
        "X-Envelope-To",
        "X-Forwarded-To",
        "X-Forwarded-For",
        "X-Original-Recipient",
        "X-Rcpt-To",
        "X-Real-To",
    ),
)
_INSIDE = re.compile(r"\s+(?=[^<>]{0,200}>)")
_FOR = re.compile(r"(?i)\bfor\s+<?([^\s<>;]+)")


def own_hash(part: Part) -> str | None:
    """Return what the message would be of ours, if it were a copy of one."""
    return next(iter(_hashes(_NAMED, [value(part, "Message-ID")])), None)


def named_hashes(part: Part, kind: InboundKind) -> tuple[str, ...]:
    """Name the messages that may be ours, the likeliest first: an answer's, or the one that a report is about."""
    if kind in (InboundKind.REPLY, InboundKind.AUTO_REPLY):
        return thread_hashes(part)
    ids = returned_ids(part)
    if not ids:  # the thread's newest message is the one that came back
        ids = [last for name in ("In-Reply-To", "References") for last in value(part, name).split()[-1:]]
    return _hashes(_NAMED, ids)


def thread_hashes(part: Part) -> tuple[str, ...]:
    """Name what the message answers, then what came before that in its thread."""
    answered = _hashes(_NAMED, (_unfolded(one) for name in _ANSWERED for one in values(part, name)))
    before = _hashes(_NAMED, map(_unfolded, values(part, "References")))
    return tuple(dict.fromkeys((*answered, *reversed(before))))


def _unfolded(text: str) -> str:
    """Undo a fold inside of an id, which some programs make where a line is full."""
    return _INSIDE.sub("", text)


def tokens(part: Part) -> tuple[str, ...]:
    """Return the hashes of the addresses of one message alone (`local+hash@domain`) that it came to."""
    received = (one for line in values(part, "Received") for one in _FOR.findall(line))
    return _hashes(_TOKEN, [*(one for name in _TO for one in values(part, name)), *received])


def _hashes(pattern: re.Pattern[str], texts: Iterable[str]) -> tuple[str, ...]:
    found = [one.lower() for text in texts for one in pattern.findall(text)]
    return tuple(dict.fromkeys(found[-_MOST_NAMED:]))
