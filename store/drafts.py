"""Drafts: the claim and everything else that may happen to one. Every function wants the lead's lock held."""

import uuid
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Interval, and_, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import aggregate_order_by, insert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import aliased

from domain.draft import Channel, DraftKey, DraftState, draft_id
from domain.instance import InstanceStatus, Reason
from store.leads import LockedLead
from store.tables import Draft, Instance, Suppression

_IN_FLIGHT = (DraftState.SENDING, DraftState.UNKNOWN)


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
    why: str = ""


class StepFacts(NamedTuple):
    """What is true of one step of an instance, read after the lead's lock was granted."""

    status: InstanceStatus
    reason: Reason
    current_step: int
    until: datetime | None
    suppressed: bool
    draft: StoredDraft | None
    thread_busy: bool  # another draft of the thread is in flight or unknown
    last_sent_at: datetime | None  # in the thread, whoever sent
    references: tuple[str, ...]  # Message-IDs sent in the thread, oldest first
    now: datetime


async def read_facts(connection: AsyncConnection, locked: LockedLead, step: int) -> StepFacts:
    """Read what is true of a step now."""
    wanted, other = aliased(Draft), aliased(Draft)
    of_thread = select(other).where(other.thread_id == locked.thread_id).correlate()
    busy = of_thread.where(other.state.in_(_IN_FLIGHT), other.id != _id(locked, step)).exists()
    sent = of_thread.where(other.state == DraftState.SENT)
    references = sent.with_only_columns(func.array_agg(aggregate_order_by(other.message_id, other.sent_at, other.step)))
    suppressed = select(Suppression).where(
        Suppression.workspace == locked.workspace, Suppression.address == locked.lead.email.lower()
    )
    statement = (
        select(
            Instance.status,
            Instance.reason,
            Instance.step,
            Instance.until,
            suppressed.exists().label("suppressed"),
            busy.label("busy"),
            sent.with_only_columns(func.max(other.sent_at)).scalar_subquery().label("last_sent_at"),
            references.scalar_subquery().label("references"),
            func.clock_timestamp().label("now"),
            wanted.id.label("draft_id"),
            *(getattr(wanted, name).label(f"draft_{name}") for name in StoredDraft._fields[1:]),
        )
        .outerjoin(wanted, and_(wanted.instance_id == Instance.id, wanted.id == _id(locked, step)))
        .where(Instance.id == locked.instance_id)
    )
    row = (await connection.execute(statement)).mappings().one()
    stored = {name: row[f"draft_{name}"] for name in StoredDraft._fields}
    return StepFacts(
        status=InstanceStatus(row["status"]),
        reason=Reason(row["reason"]),
        current_step=row["step"],
        until=row["until"],
        suppressed=row["suppressed"],
        draft=StoredDraft(**stored)._replace(state=DraftState(stored["state"])) if stored["id"] else None,
        thread_busy=row["busy"],
        last_sent_at=row["last_sent_at"],
        references=tuple(row["references"] or ()),
        now=row["now"],
    )


def _id(locked: LockedLead, step: int) -> str:
    return draft_id(DraftKey(locked.instance_id, step, Channel.EMAIL))


class NewDraft(NamedTuple):
    """A draft as it shall be stored: frozen."""

    message_id: str
    sender: str  # envelope
    subject: str
    content: bytes
    fingerprint: str


async def insert_draft(
    connection: AsyncConnection, locked: LockedLead, step: int, draft: NewDraft, by: str
) -> StoredDraft:
    """Store the draft of a step, frozen. I1: where there is one already, nothing happens."""
    statement = insert(Draft).values(
        id=_id(locked, step),
        instance_id=locked.instance_id,
        step=step,
        thread_id=locked.thread_id,
        recipient=locked.lead.email,
        **draft._asdict(),
        who=by,
        why="rendered and frozen",
    )
    await connection.execute(statement.on_conflict_do_nothing(index_elements=["instance_id", "step", "channel"]))
    return StoredDraft(id=_id(locked, step), sender=draft.sender, recipient=locked.lead.email, content=draft.content)


class Claim(NamedTuple):
    """Who claims a draft, and for how long the claim can act."""

    token: uuid.UUID
    run: str  # the workflow run of the attempt
    by: str  # the worker's identity
    lease: timedelta  # within it the claim reaches the point of no return, or never
    send_timeout: timedelta  # from there on its answer comes within this


async def claim_draft(connection: AsyncConnection, draft_id: str, claim: Claim) -> bool:
    """I2: take `pending -> sending`; False when somebody else has. IntegrityError: the thread is busy (I5)."""
    overdue = claim.lease + claim.send_timeout
    statement = (
        update(Draft)
        .where(Draft.id == draft_id, Draft.state == DraftState.PENDING)
        .values(
            state=DraftState.SENDING,
            claim_token=claim.token,
            claim_run=claim.run,
            claimed_at=func.clock_timestamp(),
            overdue_at=func.clock_timestamp() + bindparam("overdue", overdue, type_=Interval),
            who=claim.by,
            why="claimed",
        )
    )
    return (await connection.execute(statement)).rowcount == 1


async def holds_claim(connection: AsyncConnection, draft_id: str, token: uuid.UUID) -> bool:
    """Say whether the claim with this token still holds the draft: nobody has settled it meanwhile."""
    statement = select(Draft.id).where(
        Draft.id == draft_id, Draft.state == DraftState.SENDING, Draft.claim_token == token
    )
    return (await connection.execute(statement)).one_or_none() is not None


async def record_state(
    connection: AsyncConnection,
    draft: StoredDraft,
    to: DraftState,
    *,
    by: str,
    why: str,
    code: str | None = None,
    reply: str | None = None,
) -> None:
    """Move a draft on from the state and claim it was read with. `pending` is a release: the next generation.

    Raises RuntimeError when the draft is not as it was read; the lead's lock makes that impossible.
    """
    released = to is DraftState.PENDING
    values: dict[str, object] = {"state": to, "who": by, "why": why}
    values |= {"code": code} if code is not None else {}
    values |= {"reply": reply} if reply is not None else {}
    values |= {"sent_at": func.clock_timestamp()} if to is DraftState.SENT else {}
    if released:
        values |= {"generation": Draft.generation + 1, "claim_token": None, "claim_run": None}
        values |= {"claimed_at": None, "overdue_at": None}
    same_claim = Draft.claim_token.is_not_distinct_from(draft.claim_token)
    statement = update(Draft).where(Draft.id == draft.id, Draft.state == draft.state, same_claim).values(values)
    if (await connection.execute(statement)).rowcount != 1:
        raise RuntimeError(f"draft {draft.id} changed under the lead's lock")


async def stop_pending(connection: AsyncConnection, instance_id: str, by: str, why: str) -> None:
    """Take every draft that was not claimed yet out of reach of a claim."""
    waiting = (DraftState.PENDING, DraftState.AWAITING_APPROVAL)
    statement = update(Draft).where(Draft.instance_id == instance_id, Draft.state.in_(waiting))
    await connection.execute(statement.values(state=DraftState.STOPPED, who=by, why=why))
