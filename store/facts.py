"""What is true of a step and of its thread, read after the lead's lock was granted."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Select,
    Text,
    any_,
    bindparam,
    case,
    cast,
    exists,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by, array
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.cause import Cause
from domain.draft import Channel, DraftState
from domain.instance import FINAL, InstanceStatus, Reason
from domain.sequence import REPLY, StopKind
from store.drafts import StoredDraft
from store.leads import LockedLead, lock_lead
from store.recipients import domain_of, plain, recipient_key
from store.suppressions import covering, in_force
from store.tables import Draft, Instance, StoredLead, StoredStop

# Written out in the statement: a plan kept for all values of a parameter could not use the indexes of these states.
_SENT: ColumnElement[str] = literal_column(f"'{DraftState.SENT}'")
_IN_FLIGHT: list[ColumnElement[str]] = [
    literal_column(f"'{state}'") for state in (DraftState.SENDING, DraftState.UNKNOWN)
]


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
    heard_from_us_at: datetime | None  # the recipient, in another thread, or may have
    quiet_until: datetime | None  # the recipient is out of office until then, as was said last
    stops: tuple[StopKind, ...]  # of the recipient, none older than the word that enrolled the instance
    recipient_in_use: bool  # somebody else's follow-up of the same address has not ended
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
    # the lead's address may have changed since the draft was frozen: what is true of either counts
    frozen_to = recipient_key(wanted.c.recipient)
    recipients = _array(bindparam("address", type_=Text), frozen_to)
    stopped = _array(bindparam("address", type_=Text), plain(frozen_to))
    domain = literal_column("'@'").concat(domain_of(plain(frozen_to)))
    entries = [bindparam(name, type_=Text) for name in ("address", "domain", "forgotten")]
    suppressed = in_force(bindparam("workspace"), [*entries, plain(frozen_to), domain])
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
            _heard_from_us(other, recipients).label("heard_from_us_at"),
            _quiet_until().label("quiet_until"),
            _stops(stopped).label("stops"),
            _in_use(recipients).label("recipient_in_use"),
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


def _array(*recipients: ColumnElement[str]) -> ColumnElement[Any]:
    return cast(array(recipients), ARRAY(Text))


def _heard_from_us(other: Any, recipients: Any) -> ColumnElement[Any]:
    """When the recipient was, or may have been, written to last in another thread."""
    its = Instance.__table__.alias("its")
    return (
        select(func.max(func.coalesce(other.c.sent_at, other.c.claimed_at)))
        .join(its, its.c.id == other.c.instance_id)
        .where(recipient_key(other.c.recipient) == any_(recipients), other.c.state.in_([_SENT, *_IN_FLIGHT]))
        .where(its.c.workspace == bindparam("workspace"), other.c.thread_id != bindparam("thread_id"))
        .scalar_subquery()
    )


def _quiet_until() -> ColumnElement[Any]:
    """Until when the recipient is away: of all leads with the address, the newest word counts."""
    of_recipient = (StoredLead.workspace == bindparam("workspace")) & (
        recipient_key(StoredLead.email) == bindparam("address")
    )
    newest = select(StoredLead.quiet_until).where(of_recipient, StoredLead.quiet_at.is_not(None))
    return newest.order_by(StoredLead.quiet_at.desc(), StoredLead.quiet_until.desc()).limit(1).scalar_subquery()


def _stops(recipients: Any) -> ColumnElement[Any]:
    kinds = func.array_agg(StoredStop.kind.distinct(), type_=ARRAY(Text))
    reaching = (StoredStop.workspace == bindparam("workspace")) & StoredStop.recipients.overlap(recipients)
    # as `transactions.stop.ends` has it: a stop of whole seconds is no older than the second it is of
    whole = StoredStop.occurred_at == func.date_trunc("second", StoredStop.occurred_at)
    since = case((whole, func.date_trunc("second", Instance.said_at)), else_=Instance.said_at)
    return select(kinds).where(reaching, StoredStop.occurred_at >= since).scalar_subquery()


def _in_use(recipients: Any) -> ColumnElement[bool]:
    lead, its = StoredLead.__table__.alias("sharing"), Instance.__table__.alias("shared")
    same_lead = (its.c.workspace == lead.c.workspace) & (its.c.lead_id == lead.c.lead_id)
    return (
        exists()
        .select_from(lead.join(its, same_lead))
        .where(lead.c.workspace == bindparam("workspace"), recipient_key(lead.c.email) == any_(recipients))
        .where(lead.c.lead_id != bindparam("lead_id"), bindparam("address") != "")
        .where(its.c.status.not_in(FINAL), its.c.sequence != REPLY)
    )


_FACTS = _facts()


async def read_facts(connection: AsyncConnection, locked: LockedLead, step: int) -> StepFacts:
    """Read what is true of a step now."""
    values = {
        "instance_id": locked.instance_id,
        "thread_id": locked.thread_id,
        "step": step,
        "workspace": locked.workspace,
        "lead_id": locked.lead.lead_id,
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
        heard_from_us_at=row["heard_from_us_at"],
        quiet_until=row["quiet_until"],
        stops=tuple(StopKind(kind) for kind in row["stops"] or ()),
        recipient_in_use=row["recipient_in_use"],
        references=tuple(row["references"] or ()),
        thread_sender=row["thread_sender"],
        now=row["now"],
        version=row["version"],
        own_subject=row["own_subject"],
    )


def _stored(row: dict[str, Any]) -> StoredDraft:
    return StoredDraft(**row)._replace(
        state=DraftState(row["state"]), channel=Channel(row["channel"]), cause=Cause(row["cause"])
    )


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
