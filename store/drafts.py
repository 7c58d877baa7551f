"""Drafts: the claim and everything else that may happen to one. Every function wants the lead's lock held."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Interval,
    Select,
    Text,
    Update,
    bindparam,
    delete,
    func,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.draft import Channel, DraftKey, DraftState, draft_id
from domain.instance import InstanceStatus, Reason
from store.leads import LockedLead, lock_lead
from store.suppressions import covering, in_force
from store.tables import Draft, Instance, SenderSlot
from store.tasks import close_waiting

# Written out in the statement: a plan kept for all values of a parameter could not use the indexes of these states.
_SENT: ColumnElement[str] = literal_column(f"'{DraftState.SENT}'")
_IN_FLIGHT: list[ColumnElement[str]] = [
    literal_column(f"'{state}'") for state in (DraftState.SENDING, DraftState.UNKNOWN)
]


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
    why: str = ""
    channel: Channel = Channel.EMAIL
    fingerprint: str = ""

    @property
    def awaits_a_person(self) -> bool:
        """Whether a person has to approve it, or to do it."""
        undone = self.channel is Channel.TASK and self.state is DraftState.PENDING
        return undone or self.state is DraftState.AWAITING_APPROVAL


class StepFacts(NamedTuple):
    """What is true of one step of an instance, read after the lead's lock was granted."""

    status: InstanceStatus
    reason: Reason
    current_step: int
    until: datetime | None
    suppressed: bool
    draft: StoredDraft | None
    busy_since: datetime | None  # when another draft of the thread was claimed that is in flight or unknown
    last_sent_at: datetime | None  # in the thread, whoever sent
    references: tuple[str, ...]  # Message-IDs sent in the thread, oldest first
    thread_sender: str | None  # the address that first sent in the thread
    now: datetime
    version: str = ""  # of the sequence
    own_subject: str | None = None  # of the first message this instance sent


def _facts() -> Select[Any]:
    wanted, other = Draft.__table__.alias("wanted"), Draft.__table__.alias("other")
    of_thread = other.c.thread_id == bindparam("thread_id")
    another = (other.c.instance_id != bindparam("instance_id")) | (other.c.step != bindparam("step"))
    busy = select(other).where(of_thread, other.c.state.in_(_IN_FLIGHT), another)
    sent = select(other).where(of_thread, other.c.state == _SENT)
    references = func.array_agg(aggregate_order_by(other.c.message_id, other.c.sent_at, other.c.step))
    own = select(other.c.subject).where(other.c.instance_id == bindparam("instance_id"), other.c.state == _SENT)
    first_sender = sent.with_only_columns(other.c.sender).order_by(other.c.sent_at).limit(1)
    # the lead's address may have changed since the draft was frozen: neither may be suppressed
    recipient = func.lower(wanted.c.recipient)
    domain = literal_column("'@'").concat(func.split_part(recipient, "@", 2))
    entries = [bindparam(name, type_=Text) for name in ("address", "domain", "forgotten")]
    suppressed = in_force(bindparam("workspace"), [*entries, recipient, domain])
    return (
        select(
            Instance.status,
            Instance.reason,
            Instance.step,
            Instance.until,
            Instance.version,
            suppressed.label("suppressed"),
            busy.with_only_columns(func.min(other.c.claimed_at)).scalar_subquery().label("busy_since"),
            sent.with_only_columns(func.max(other.c.sent_at)).scalar_subquery().label("last_sent_at"),
            sent.with_only_columns(references).scalar_subquery().label("references"),
            first_sender.scalar_subquery().label("thread_sender"),
            own.order_by(other.c.step).limit(1).scalar_subquery().label("own_subject"),
            func.clock_timestamp().label("now"),
            *(wanted.c[name].label(f"draft_{name}") for name in StoredDraft._fields),
        )
        # by its step, whatever its channel: a step has one draft
        .outerjoin_from(Instance, wanted, (wanted.c.instance_id == Instance.id) & (wanted.c.step == bindparam("step")))
        .where(Instance.id == bindparam("instance_id"))
    )


_FACTS = _facts()


async def read_facts(connection: AsyncConnection, locked: LockedLead, step: int) -> StepFacts:
    """Read what is true of a step now."""
    values = {
        "instance_id": locked.instance_id,
        "thread_id": locked.thread_id,
        "step": step,
        "workspace": locked.workspace,
        **dict(zip(("address", "domain", "forgotten"), covering(locked.workspace, locked.lead.email), strict=True)),
    }
    row = (await connection.execute(_FACTS, values)).mappings().one()
    stored = {name: row[f"draft_{name}"] for name in StoredDraft._fields}
    return StepFacts(
        status=InstanceStatus(row["status"]),
        reason=Reason(row["reason"]),
        current_step=row["step"],
        until=row["until"],
        suppressed=row["suppressed"],
        draft=_stored(stored) if stored["id"] else None,
        busy_since=row["busy_since"],
        last_sent_at=row["last_sent_at"],
        references=tuple(row["references"] or ()),
        thread_sender=row["thread_sender"],
        now=row["now"],
        version=row["version"],
        own_subject=row["own_subject"],
    )


def _stored(row: dict[str, Any]) -> StoredDraft:
    return StoredDraft(**row)._replace(state=DraftState(row["state"]), channel=Channel(row["channel"]))


async def lock_step(connection: AsyncConnection, instance_id: str, step: int) -> tuple[LockedLead, StepFacts] | None:
    """Lock the lead of an instance, and read what is true of a step; None when there is no such instance.

    While the lock was waited for, an upgrade may have moved the instance to another version of its sequence, and what
    was read with the lock is of the version before.
    """
    locked = await lock_lead(connection, instance_id)
    if locked is None:
        return None
    facts = await read_facts(connection, locked, step)
    if facts.version != locked.version:
        locked = await lock_lead(connection, instance_id)
    return None if locked is None else (locked, facts)


_FIRST_SENT = (
    select(Draft.content)
    .where(Draft.thread_id == bindparam("thread_id"), Draft.state == _SENT)
    .order_by(Draft.sent_at)
    .limit(1)
)


async def first_sent(connection: AsyncConnection, thread_id: str) -> bytes:
    """Read the first message that was sent in a thread. Raises NoResultFound where there is none."""
    return bytes((await connection.execute(_FIRST_SENT, {"thread_id": thread_id})).scalar_one())


async def find_thread(connection: AsyncConnection, workspace: str, message_ids: Sequence[str]) -> str | None:
    """Find the thread of a workspace in which one of these messages was ours; None when none was."""
    hashes = [message_id.partition("@")[0] for message_id in message_ids]
    statement = (
        select(Draft.thread_id)
        .join(Instance, Instance.id == Draft.instance_id)
        .where(func.split_part(Draft.message_id, literal_column("'@'"), literal_column("1")).in_(hashes))
        .where(Instance.workspace == workspace)
    )
    return (await connection.execute(statement.order_by(Draft.created_at).limit(1))).scalar()


class NewDraft(NamedTuple):
    """A draft as it shall be stored: frozen. Of a manual step its content is all there is: what a person has to do."""

    message_id: str
    sender: str  # envelope
    subject: str
    content: bytes
    fingerprint: str
    channel: Channel = Channel.EMAIL
    state: DraftState = DraftState.PENDING


_INSERT = insert(Draft).on_conflict_do_nothing(index_elements=["instance_id", "step", "channel"])


async def insert_draft(
    connection: AsyncConnection, locked: LockedLead, step: int, draft: NewDraft, by: str
) -> StoredDraft:
    """Store the draft of a step, frozen. I1: where there is one already, nothing happens."""
    key = DraftKey(locked.instance_id, step, draft.channel)
    recipient = locked.lead.email if draft.channel is Channel.EMAIL else ""
    identity = {"id": draft_id(key), "instance_id": locked.instance_id, "step": step}
    envelope = {"thread_id": locked.thread_id, "recipient": recipient, "who": by, "why": "rendered and frozen"}
    await connection.execute(_INSERT, identity | envelope | draft._asdict())
    shared = {name: getattr(draft, name) for name in ("sender", "content", "state", "channel", "fingerprint")}
    return StoredDraft(id=draft_id(key), recipient=recipient, **shared)


class Claim(NamedTuple):
    """Who claims a draft, and for how long the claim can act."""

    token: uuid.UUID
    run: str  # the workflow run of the attempt
    by: str  # the worker's identity
    lease: timedelta  # within it the claim reaches the point of no return, or never
    send_timeout: timedelta  # from there on its answer comes within this


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
    )
)


async def claim_draft(connection: AsyncConnection, draft_id: str, claim: Claim) -> bool:
    """I2: take `pending -> sending`; False when somebody else has. IntegrityError: the thread is busy (I5)."""
    overdue = claim.lease + claim.send_timeout
    values = {"draft_id": draft_id, "token": claim.token, "run": claim.run, "overdue": overdue, "by": claim.by}
    return (await connection.execute(_CLAIM, values)).rowcount == 1


_HOLDS = select(Draft.id).where(
    Draft.id == bindparam("draft_id"), Draft.state == DraftState.SENDING, Draft.claim_token == bindparam("token")
)


async def holds_claim(connection: AsyncConnection, draft_id: str, token: uuid.UUID) -> bool:
    """Say whether the claim with this token still holds the draft: nobody has settled it meanwhile."""
    return (await connection.execute(_HOLDS, {"draft_id": draft_id, "token": token})).one_or_none() is not None


_MOVE = (
    update(Draft)
    .where(
        Draft.id == bindparam("draft_id"),
        Draft.state == bindparam("from_state"),
        Draft.claim_token.is_not_distinct_from(bindparam("token", type_=Draft.claim_token.type)),
    )
    .values(state=bindparam("to_state"), code=bindparam("a_code"), reply=bindparam("a_reply"))
    .values(who=bindparam("by"), why=bindparam("a_why"))
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
    }
    if (await connection.execute(_move(draft.state, to), values)).rowcount != 1:
        raise RuntimeError(f"draft {draft.id} changed under the lead's lock")


async def stop_pending(connection: AsyncConnection, instance_id: str, by: str, why: str) -> None:
    """Take every draft that was not claimed yet out of reach of a claim, and leave its sender's slots to others.

    Nobody has to approve or do anything of it any more; what is unknown has still to be settled.
    """
    waiting = (DraftState.PENDING, DraftState.AWAITING_APPROVAL)
    statement = update(Draft).where(Draft.instance_id == instance_id, Draft.state.in_(waiting))
    await connection.execute(statement.values(state=DraftState.STOPPED, who=by, why=why))
    await connection.execute(delete(SenderSlot).where(SenderSlot.instance_id == instance_id, ~SenderSlot.taken))
    await close_waiting(connection, instance_id, by=by, why=why)
