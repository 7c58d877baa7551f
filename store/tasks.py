"""Tasks: opened by a cause, closed when it is gone."""

from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import Select, bindparam, func, literal_column, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.cause import Cause
from domain.draft import DraftState
from domain.task import TaskKind, TaskState
from store.tables import Draft, Instance, Task

# Written into the statements: a plan made without them could not use the index of open tasks, or would sort them all.
_OPEN: Any = literal_column(f"'{TaskState.OPEN}'")
# Each brings its message along, so a page is small.
PAGE = 100
_PAGE: Any = literal_column(str(PAGE))
# What a stop takes away the cause of: nothing is to be approved or done any more.
_WAITING = (TaskKind.APPROVE_DRAFT, TaskKind.MANUAL_STEP, TaskKind.SHARED_RECIPIENT)


async def open_task(
    connection: AsyncConnection,
    instance_id: str,
    step: int,
    kind: TaskKind,
    *,
    by: str,
    why: str,
    cause: Cause,
    instructions: str = "",
) -> None:
    """Open the one task of this kind for a step; where it is open already, nothing happens."""
    said = {"who": by, "why": why, "cause": cause, "instructions": instructions}
    statement = insert(Task).values(instance_id=instance_id, step=step, kind=kind, **said)
    reopened = said | {"state": TaskState.OPEN, "opened_at": func.now()}
    closed = Task.state == TaskState.CLOSED
    await connection.execute(
        statement.on_conflict_do_update(index_elements=["instance_id", "step", "kind"], set_=reopened, where=closed)
    )


async def close_tasks(
    connection: AsyncConnection,
    instance_id: str,
    step: int,
    *,
    by: str,
    why: str,
    cause: Cause,
    kind: TaskKind | None = None,
) -> None:
    """Close what was open for a step, or what of one kind was: its cause is gone."""
    statement = update(Task).where(Task.instance_id == instance_id, Task.step == step, Task.state == TaskState.OPEN)
    if kind is not None:
        statement = statement.where(Task.kind == kind)
    await connection.execute(statement.values(state=TaskState.CLOSED, who=by, why=why, cause=cause))


_DECIDED = select(Task.state).where(
    Task.instance_id == bindparam("of_instance"), Task.step == bindparam("of_step"), Task.kind == bindparam("of_kind")
)


async def was_decided(connection: AsyncConnection, instance_id: str, step: int, kind: TaskKind) -> bool:
    """Say whether a person was asked this of a step, and has answered."""
    values = {"of_instance": instance_id, "of_step": step, "of_kind": kind}
    return (await connection.execute(_DECIDED, values)).scalar() == TaskState.CLOSED


_CLOSE_WAITING = (
    update(Task)
    .where(Task.instance_id == bindparam("of_instance"), Task.kind.in_(_WAITING), Task.state == TaskState.OPEN)
    .values(state=TaskState.CLOSED, who=bindparam("by"), why=bindparam("a_why"), cause=bindparam("a_cause"))
)


async def close_waiting(connection: AsyncConnection, instance_id: str, *, by: str, why: str, cause: Cause) -> None:
    """Close what an instance that ends asked a person to approve or to do."""
    await connection.execute(_CLOSE_WAITING, {"of_instance": instance_id, "by": by, "a_why": why, "a_cause": cause})


async def close_alarms(connection: AsyncConnection, instance_id: str, *, by: str, why: str) -> list[int]:
    """Close the alarms of an instance's steps that wait for nothing any more; returns which steps those were."""
    waits = (DraftState.PENDING, DraftState.AWAITING_APPROVAL, DraftState.SENDING, DraftState.UNKNOWN)
    draft = select(Draft.id).where(Draft.instance_id == Task.instance_id, Draft.step == Task.step)
    statement = update(Task).where(
        Task.instance_id == instance_id,
        Task.kind == TaskKind.ALARM,
        Task.state == TaskState.OPEN,
        ~draft.where(Draft.state.in_(waits)).exists(),
    )
    closed = statement.values(state=TaskState.CLOSED, who=by, why=why, cause=Cause.LOOKED_INTO).returning(Task.step)
    return list((await connection.execute(closed)).scalars())


class OpenTask(NamedTuple):
    """A task that a person has to do, with its step's draft; `state` and what follows are None where it has none."""

    opened_at: datetime
    instance_id: str
    step: int
    kind: str
    why: str
    instructions: str
    lead_id: str
    sequence: str
    status: str
    reason: str
    due_at: datetime | None  # of the step, or when a person looked last
    state: str | None
    fingerprint: str | None
    content: bytes | None
    message_id: str | None
    recipient: str | None
    claimed_at: datetime | None
    overdue_at: datetime | None


_OF_DRAFT = ("state", "fingerprint", "content", "message_id", "recipient", "claimed_at", "overdue_at")
_BEGINNING = (datetime.min.replace(tzinfo=UTC), "", 0, "")


def _open_tasks() -> Select[Any]:
    of_task = (Task.opened_at, Task.instance_id, Task.step, Task.kind, Task.why, Task.instructions)
    of_instance = (Instance.lead_id, Instance.sequence, Instance.status, Instance.reason, Instance.until)
    columns: tuple[Any, ...] = (*of_task, *of_instance, *(getattr(Draft, name) for name in _OF_DRAFT))
    return (
        select(*columns)
        .join(Instance, Instance.id == Task.instance_id)
        .outerjoin(Draft, (Draft.instance_id == Task.instance_id) & (Draft.step == Task.step))
        .where(Task.state == _OPEN)
    )


async def read_open(
    connection: AsyncConnection, workspace: str, after: OpenTask | None = None, kind: TaskKind | None = None
) -> list[OpenTask]:
    """Read the next page of a workspace's open tasks, the oldest first; those of one kind if asked."""
    place = tuple_(Task.opened_at, Task.instance_id, Task.step, Task.kind)
    last = after[:4] if after else _BEGINNING
    # said of the index's own column too: four columns can't lead into an index of one
    statement = _open_tasks().where(Task.opened_at >= last[0], place > tuple_(*last), Instance.workspace == workspace)
    if kind is not None:
        statement = statement.where(Task.kind == kind)
    statement = statement.order_by(*place.clauses).limit(_PAGE)
    return [OpenTask(*row) for row in await connection.execute(statement)]


async def read_open_of(connection: AsyncConnection, instance_id: str) -> list[OpenTask]:
    """Read the open tasks of an instance, in the order of its steps."""
    statement = _open_tasks().where(Task.instance_id == instance_id).order_by(Task.step, Task.opened_at)
    return [OpenTask(*row) for row in await connection.execute(statement)]
