"""What an audit reads: pages of instances, of what was sent, and the few rows that are wrong by themselves.

Everything is read a page at a time, each page beginning behind the last row of the one before, so that neither we nor
PostgreSQL ever hold a whole table.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import exists, func, literal_column, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.draft import DraftState
from domain.instance import FINAL, InstanceStatus
from store.recipients import recipient_key
from store.tables import Draft, Instance, LedgerEntry, SequenceVersion, Task

# Written into the statements: a plan made without it would sort the table, and then leave all but a page of it.
PAGE = 1000
_PAGE: Any = literal_column(str(PAGE))
_BEGINNING = ("", datetime.min.replace(tzinfo=UTC), "")
_SENT: Any = literal_column(f"'{DraftState.SENT}'")
_SENDING: Any = literal_column(f"'{DraftState.SENDING}'")
_UNKNOWN: Any = literal_column(f"'{DraftState.UNKNOWN}'")


class AuditedInstance(NamedTuple):
    """An instance as an audit sees it."""

    enrolled_at: datetime
    instance_id: str
    status: str
    reason: str
    step: int
    started_at: datetime | None


async def read_instances(
    connection: AsyncConnection, workspace: str, after: AuditedInstance | None
) -> list[AuditedInstance]:
    """Read the next page of a workspace's instances, in the order of their enrolment."""
    columns = (Instance.enrolled_at, Instance.id, Instance.status, Instance.reason, Instance.step, Instance.started_at)
    statement = select(*columns).where(Instance.workspace == workspace)
    if after is not None:
        statement = statement.where(tuple_(Instance.enrolled_at, Instance.id) > tuple_(*after[:2]))
    statement = statement.order_by(Instance.enrolled_at, Instance.id).limit(_PAGE)
    return [AuditedInstance(*row) for row in await connection.execute(statement)]


class SentDraft(NamedTuple):
    """A draft that went out, and which sequence version it is of."""

    thread_id: str
    sent_at: datetime
    id: str
    instance_id: str
    step: int
    message_id: str
    sequence: str
    version: str


async def read_sent(connection: AsyncConnection, workspace: str, after: SentDraft | None) -> list[SentDraft]:
    """Read the next page of what a workspace sent, thread by thread, each in the order of time."""
    of_draft = (Draft.thread_id, Draft.sent_at, Draft.id, Draft.instance_id, Draft.step, Draft.message_id)
    columns: tuple[Any, ...] = (*of_draft, Instance.sequence, Instance.version)
    statement = select(*columns).join(Instance, Instance.id == Draft.instance_id)
    statement = statement.where(Draft.state == _SENT, Instance.workspace == workspace)
    last = after[:3] if after else _BEGINNING
    # said of the index's own columns too: three columns can't lead into an index of two
    near = tuple_(Draft.thread_id, Draft.sent_at) >= tuple_(*last[:2])
    statement = statement.where(near, tuple_(Draft.thread_id, Draft.sent_at, Draft.id) > tuple_(*last))
    statement = statement.order_by(Draft.thread_id, Draft.sent_at, Draft.id).limit(_PAGE)
    return [SentDraft(*row) for row in await connection.execute(statement)]


@dataclass(frozen=True, slots=True, kw_only=True)
class SentTo:
    """A message that went out, by whom it went to; `recipient` as recipients are compared."""

    recipient: str
    sent_at: datetime
    draft_id: str
    instance_id: str
    step: int
    message_id: str


async def read_sent_to(connection: AsyncConnection, workspace: str, after: SentTo | None) -> list[SentTo]:
    """Read the next page of what a workspace sent, recipient by recipient, each in the order of time."""
    recipient = recipient_key(Draft.recipient)
    columns = (
        recipient.label("recipient"),
        Draft.sent_at,
        Draft.id.label("draft_id"),
        Draft.instance_id,
        Draft.step,
        Draft.message_id,
    )
    statement = select(*columns).join(Instance, Instance.id == Draft.instance_id)
    # whoever was forgotten has no address
    statement = statement.where(Draft.state == _SENT, recipient > "", Instance.workspace == workspace)
    if after is not None:
        # said of the index's own columns too: three columns can't lead into an index of two
        near = tuple_(recipient, Draft.sent_at) >= tuple_(after.recipient, after.sent_at)
        place = tuple_(recipient, Draft.sent_at, Draft.id) > tuple_(after.recipient, after.sent_at, after.draft_id)
        statement = statement.where(near, place)
    statement = statement.order_by(recipient, Draft.sent_at, Draft.id).limit(_PAGE)
    return [SentTo(**row) for row in (await connection.execute(statement)).mappings()]


async def read_messages(connection: AsyncConnection, draft_ids: Sequence[str]) -> dict[str, bytes]:
    """Read what these drafts say; those that were emptied are left out."""
    statement = select(Draft.id, Draft.content).where(Draft.id.in_(draft_ids), Draft.content != b"")
    return {row.id: bytes(row.content) for row in await connection.execute(statement)}


async def read_definition(connection: AsyncConnection, workspace: str, name: str, version: str) -> str | None:
    """Read the JSON of a sequence version."""
    statement = select(SequenceVersion.definition).where(
        SequenceVersion.workspace == workspace, SequenceVersion.name == name, SequenceVersion.version == version
    )
    return (await connection.execute(statement)).scalar_one_or_none()


class Stuck(NamedTuple):
    """A draft whose claim is overdue: nobody has said what became of it."""

    instance_id: str
    step: int
    message_id: str
    claimed_at: datetime
    overdue_at: datetime


async def find_stuck(connection: AsyncConnection, workspace: str) -> list[Stuck]:
    """Find the first drafts that are being sent for longer than they can be; at most a page of them."""
    columns: tuple[Any, ...] = (Draft.instance_id, Draft.step, Draft.message_id, Draft.claimed_at, Draft.overdue_at)
    # the index of drafts in flight holds few rows, however many there ever were
    statement = select(*columns).join(Instance, Instance.id == Draft.instance_id)
    statement = statement.where(
        Draft.state == _SENDING, Draft.overdue_at < func.clock_timestamp(), Instance.workspace == workspace
    )
    rows = await connection.execute(statement.order_by(Draft.overdue_at, Draft.id).limit(_PAGE))
    return [Stuck(*row) for row in rows]


async def find_ended(
    connection: AsyncConnection, instance_ids: Sequence[str], before: datetime
) -> dict[str, InstanceStatus]:
    """Find which of these instances ended before an instant, nothing of them being sent or unknown; and how."""
    open_draft = exists().where(Draft.instance_id == Instance.id, Draft.state.in_((_SENDING, _UNKNOWN)))
    statement = (
        select(Instance.id, Instance.status)
        .join(LedgerEntry, LedgerEntry.instance_id == Instance.id)
        .where(
            Instance.id.in_(instance_ids), Instance.status.in_(FINAL), ~open_draft, LedgerEntry.subject == "instance"
        )
        .group_by(Instance.id)
        .having(func.max(LedgerEntry.at) < before)
    )
    return {row.id: InstanceStatus(row.status) for row in await connection.execute(statement)}


class GivenTask(NamedTuple):
    """A task a person was given."""

    instance_id: str
    step: int
    kind: str
    opened_at: datetime


async def find_doubled_tasks(connection: AsyncConnection, instance_ids: Sequence[str]) -> list[GivenTask]:
    """Find the tasks of these instances of which there are several. A constraint forbids them; an audit asks."""
    same = func.count().over(partition_by=(Task.instance_id, Task.step, Task.kind)).label("same")
    given = select(Task.instance_id, Task.step, Task.kind, Task.opened_at, same)
    given = given.where(Task.instance_id.in_(instance_ids))
    found = given.subquery()
    rows = await connection.execute(select(found).where(found.c.same > 1).order_by(found.c.opened_at))
    return [GivenTask(*row[:4]) for row in rows]


class KnownMessage(NamedTuple):
    """The draft whose message this is: the left part of its Message-ID, `<` included."""

    left: str
    instance_id: str
    step: int
    state: str


async def find_messages(connection: AsyncConnection, workspace: str, lefts: Sequence[str]) -> list[KnownMessage]:
    """Find the drafts of a workspace by the left parts of their Message-IDs."""
    left = func.split_part(Draft.message_id, literal_column("'@'"), literal_column("1"))
    statement = select(left, Draft.instance_id, Draft.step, Draft.state)
    statement = statement.join(Instance, Instance.id == Draft.instance_id)
    rows = await connection.execute(statement.where(left.in_(lefts), Instance.workspace == workspace))
    return [KnownMessage(*row) for row in rows]
