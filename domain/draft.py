"""The draft: the one message of (instance, step, channel), and the states it may be in."""

import hashlib
import hmac
from enum import StrEnum
from typing import NamedTuple


class Channel(StrEnum):
    """The way a step reaches its lead."""

    EMAIL = "email"
    TASK = "task"  # a person does it: a call, a visit, anything


class DraftState(StrEnum):
    """Where a draft stands.

    AWAITING_APPROVAL: rendered and frozen; a person approves (PENDING) or discards it. Nobody else moves it on.
    PENDING: may be claimed; `deliver_step` moves it on. If nobody does, it is counted as pending and nothing was sent.
    SENDING: a claim holds it and a provider call may be under way; the claim moves it on, or, when the claim's
        process is gone, `settle_step` marks it UNKNOWN.
    SENT: the provider took responsibility; final.
    REFUSED: surely not sent and never will be; final.
    UNKNOWN: it may have been sent; only evidence or an operator moves it on, never time.
    SKIPPED: an operator decided to go on without it; final.
    STOPPED: a stop came before its claim; final.
    DISCARDED: a person rejected it before it could be claimed; final.
    DONE: a person did what a manual step asks for; final.
    """

    AWAITING_APPROVAL = "awaiting_approval"
    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"
    STOPPED = "stopped"
    DISCARDED = "discarded"
    DONE = "done"


# The database enforces the same pairs by a trigger made from this table; nothing else may happen to a draft.
LEGAL_TRANSITIONS: frozenset[tuple[DraftState, DraftState]] = frozenset(
    {
        (DraftState.AWAITING_APPROVAL, DraftState.PENDING),
        (DraftState.AWAITING_APPROVAL, DraftState.DISCARDED),
        (DraftState.AWAITING_APPROVAL, DraftState.STOPPED),
        (DraftState.PENDING, DraftState.SENDING),
        (DraftState.PENDING, DraftState.SKIPPED),
        (DraftState.PENDING, DraftState.STOPPED),
        # of a manual step alone: a person did it
        (DraftState.PENDING, DraftState.DONE),
        (DraftState.SENDING, DraftState.SENT),
        (DraftState.SENDING, DraftState.REFUSED),
        (DraftState.SENDING, DraftState.UNKNOWN),
        # only for a proven NotSent, by the claim's own token
        (DraftState.SENDING, DraftState.PENDING),
        # by evidence (the claim's own late answer included) or by an operator
        (DraftState.UNKNOWN, DraftState.SENT),
        (DraftState.UNKNOWN, DraftState.REFUSED),
        # only by an operator's not_sent or the claim's own late NotSent, and with the next generation
        (DraftState.UNKNOWN, DraftState.PENDING),
        (DraftState.UNKNOWN, DraftState.SKIPPED),
    }
)


class DraftKey(NamedTuple):
    """What a draft id is derived from."""

    instance_id: str
    step: int
    channel: Channel = Channel.EMAIL


def draft_id(key: DraftKey) -> str:
    """Derive the one id of a draft: `instance/step/channel`. Instance ids are percent-encoded, so no `/` is theirs."""
    return f"{key.instance_id}/{key.step}/{key.channel}"


def draft_key(draft_id: str) -> DraftKey:
    """Invert `draft_id`. Raises ValueError for a text that no key gives."""
    try:
        instance, step, channel = draft_id.split("/")
        return DraftKey(instance, int(step), Channel(channel))
    except ValueError:
        raise ValueError(f"{draft_id!r} is not a draft id: expected instance/step/channel") from None


def message_hash(key: bytes, draft_id: str) -> str:
    """Derive what others may call a draft by: 40 hex digits, the left part of its Message-ID.

    It is keyed by a secret of the database: who names it has received the message, or a report of it. Without the
    secret it tells nothing of the lead's id. 160 bits keep the left part under 65 characters, so that no header that
    names it is ever folded inside an id.
    """
    return hmac.new(key, b"message-id:" + draft_id.encode(), hashlib.sha256).hexdigest()[:40]


def message_id(message_hash: str, domain: str) -> str:
    """Return the Message-ID that a hash is the left part of (RFC 5322, 3.6.4), angle brackets included."""
    return f"<{message_hash}@{domain}>"


def hash_of(message_id: str) -> str:
    """Invert `message_id`; empty for a draft that has none."""
    return message_id.removeprefix("<").partition("@")[0]
