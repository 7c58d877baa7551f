"""Tasks: opened by a cause, closed when it is gone."""

from sqlalchemy import func, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.task import TaskKind, TaskState
from store.tables import Task


async def open_task(
    connection: AsyncConnection, instance_id: str, step: int, kind: TaskKind, *, by: str, why: str
) -> None:
    """Open the one task of this kind for a step; where it is open already, nothing happens."""
    statement = insert(Task).values(instance_id=instance_id, step=step, kind=kind, who=by, why=why)
    reopened = {"state": TaskState.OPEN, "who": by, "why": why, "opened_at": func.now()}
    closed = Task.state == TaskState.CLOSED
    await connection.execute(
        statement.on_conflict_do_update(index_elements=["instance_id", "step", "kind"], set_=reopened, where=closed)
    )


async def close_tasks(connection: AsyncConnection, instance_id: str, step: int, *, by: str, why: str) -> None:
    """Close what was open for a step: its cause is gone."""
    statement = update(Task).where(Task.instance_id == instance_id, Task.step == step, Task.state == TaskState.OPEN)
    await connection.execute(statement.values(state=TaskState.CLOSED, who=by, why=why))
