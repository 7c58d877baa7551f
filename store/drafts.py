"""Drafts: the claim and everything else that may happen to one. Every function wants the lead's lock held."""

import uuid
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Interval, Update, bindparam, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.cause import Cause
from domain.draft import Channel, DraftKey, DraftState, draft_id, hash_of
from domain.lease import Lease
from store.leads import LockedLead
from store.tables import Draft, SenderSlot
from store.tasks import close_waiting


class StoredDraft(NamedTuple):
    """A draft as it stands."""

    id: str
    sender: str
    recipient: str
    content: bytes
    state: DraftState = DraftState.PENDING
    generation: int = 1
    claim_token: uuid.UUID | None = None
    claim_run: str | None = None
    claimed_at: datetime | None = None
    overdue_at: datetime | None = None
    sent_at: datetime | None = None
    code: str = ""
    reply: str = ""
    who: str = ""
    why: str = ""
    cause: Cause = Cause.RENDERED
    channel: Channel = Channel.EMAIL
    fingerprint: str = ""
    message_id: str = ""

    @property
    def message_hash(self) -> str:
        """What others call its message by."""
        return hash_of(self.message_id)

    @property
    def awaits_a_person(self) -> bool:
        """Whether a person has to approve it, or to do it."""
        undone = self.channel is Channel.TASK and self.state is DraftState.PENDING
        return undone or self.state is DraftState.AWAITING_APPROVAL


class NewDraft(NamedTuple):
    """A draft as it shall be stored: frozen. Of a manual step its content is all there is: what a person has to do."""

    message_id: str
    sender: str  # envelope
    subject: str
    content: bytes
    fingerprint: str
    channel: Channel = Channel.EMAIL
    state: DraftState = DraftState.PENDING


_SHARED = ("message_id", "sender", "content", "state", "channel", "fingerprint")
_INSERT = insert(Draft).on_conflict_do_nothing(index_elements=["instance_id", "step", "channel"])


async def insert_draft(
    connection: AsyncConnection, locked: LockedLead, step: int, draft: NewDraft, by: str
) -> StoredDraft:
    """Store the draft of a step, frozen. I1: where there is one already, nothing happens."""
    key = DraftKey(locked.instance_id, step, draft.channel)
    recipient = locked.lead.email if draft.channel is Channel.EMAIL else ""
    identity = {"id": draft_id(key), "instance_id": locked.instance_id, "step": step}
    envelope = {"thread_id": locked.thread_id, "recipient": recipient, "who": by, "why": "rendered and frozen"}
    envelope["cause"] = Cause.RENDERED
    await connection.execute(_INSERT, identity | envelope | draft._asdict())
    shared = {name: getattr(draft, name) for name in _SHARED}
    return StoredDraft(id=draft_id(key), recipient=recipient, **shared)


class Claim(NamedTuple):
    """Who claims a draft, and for how long the claim can act."""

    token: uuid.UUID
    run: str  # the workflow run of the attempt
    by: str  # the worker's identity
    lease: Lease


_CLAIM = (
    update(Draft)
    .where(Draft.id == bindparam("draft_id"), Draft.state == DraftState.PENDING)
    .values(
        state=DraftState.SENDING,
        claim_token=bindparam("token"),
        claim_run=bindparam("run"),
        claimed_at=func.clock_timestamp(),
        overdue_at=func.clock_timestamp() + bindparam("overdue", type_=Interval),
        who=bindparam("by"),
        why="claimed",
        cause=Cause.CLAIMED,
    )
)


async def claim_draft(connection: AsyncConnection, draft_id: str, claim: Claim) -> bool:
    """I2: take `pending -> sending`; False when somebody else has. IntegrityError: the thread is busy (I5)."""
    held = {"token": claim.token, "run": claim.run, "by": claim.by}
    values = {"draft_id": draft_id, "overdue": claim.lease.overdue_after} | held
    return (await connection.execute(_CLAIM, values)).rowcount == 1


_HOLDS = select(Draft.id).where(
    Draft.id == bindparam("draft_id"),
    Draft.state == DraftState.SENDING,
    Draft.claim_token == bindparam("token"),
    func.clock_timestamp() + bindparam("send_timeout", type_=Interval) < Draft.overdue_at,
)


async def holds_claim(connection: AsyncConnection, draft_id: str, claim: Claim) -> bool:
    """Say whether a claim still holds the draft: nobody has settled it, and by PostgreSQL's clock its lease goes on."""
    values = {"draft_id": draft_id, "token": claim.token, "send_timeout": claim.lease.send_timeout}
    return (await connection.execute(_HOLDS, values)).one_or_none() is not None


_MOVE = (
    update(Draft)
    .where(
        Draft.id == bindparam("draft_id"),
        Draft.state == bindparam("from_state"),
        Draft.claim_token.is_not_distinct_from(bindparam("token", type_=Draft.claim_token.type)),
    )
    .values(state=bindparam("to_state"), code=bindparam("a_code"), reply=bindparam("a_reply"))
    .values(who=bindparam("by"), why=bindparam("a_why"), cause=bindparam("a_cause"))
)
_MOVE_TO_SENT = _MOVE.values(sent_at=func.clock_timestamp())
_RELEASE = _MOVE.values(
    generation=Draft.generation + 1, claim_token=None, claim_run=None, claimed_at=None, overdue_at=None
)


def _move(before: DraftState, to: DraftState) -> Update:
    if to is DraftState.PENDING and before is not DraftState.AWAITING_APPROVAL:
        return _RELEASE
    return _MOVE_TO_SENT if to is DraftState.SENT else _MOVE


async def record_state(
    connection: AsyncConnection,
    draft: StoredDraft,
    to: DraftState,
    *,
    by: str,
    why: str,
    cause: Cause,
    code: str = "",
    reply: str = "",
) -> None:
    """Move a draft on from the state and claim it was read with. A claimed one that is released: the next generation.

    Raises RuntimeError when the draft is not as it was read; the lead's lock makes that impossible.
    """
    values = {
        "draft_id": draft.id,
        "from_state": draft.state,
        "token": draft.claim_token,
        "to_state": to,
        "a_code": code or draft.code,
        "a_reply": reply or draft.reply,
        "by": by,
        "a_why": why,
        "a_cause": cause,
    }
    if (await connection.execute(_move(draft.state, to), values)).rowcount != 1:
        raise RuntimeError(f"draft {draft.id} changed under the lead's lock")


_WAITING = (DraftState.PENDING, DraftState.AWAITING_APPROVAL)
_STOP_PENDING = (
    update(Draft)
    .where(Draft.instance_id == bindparam("of_instance"), Draft.state.in_(_WAITING))
    .values(state=DraftState.STOPPED, who=bindparam("by"), why=bindparam("a_why"), cause=bindparam("a_cause"))
)
_LEAVE_SLOTS = delete(SenderSlot).where(SenderSlot.instance_id == bindparam("of_instance"), ~SenderSlot.taken)


async def stop_pending(connection: AsyncConnection, instance_id: str, *, by: str, why: str, cause: Cause) -> None:
    """Take every draft that was not claimed yet out of reach of a claim, and leave its sender's slots to others.

    Nobody has to approve or do anything of it any more; what is unknown has still to be settled.
    """
    await connection.execute(_STOP_PENDING, {"of_instance": instance_id, "by": by, "a_why": why, "a_cause": cause})
    await connection.execute(_LEAVE_SLOTS, {"of_instance": instance_id})
    await close_waiting(connection, instance_id, by=by, why=why, cause=cause)
