"""Follow-ups whose workflow was ended from outside, by *Terminate* for one: nobody else moves them on any more.

They are stopped in the tables, so that nobody is asked to approve or do what will never be sent. A send that may have
gone out stays a person's to settle, whose word is taken here.
"""

from collections.abc import Iterable

from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio.client import WorkflowExecutionStatus

from domain.command import Command, Decision, Resume, Stop
from domain.draft import DraftState
from domain.step import DecisionRefused, Held, SettleStep
from domain.task import TaskKind
from operating.audit.running import not_running
from operating.reach import Reached
from operating.tasks.todo import Todo
from store.facts import lock_step
from transactions.settle import settle
from transactions.stop import stop_row

_HOW = {
    WorkflowExecutionStatus.TERMINATED: "terminated",
    WorkflowExecutionStatus.CANCELED: "cancelled",
    WorkflowExecutionStatus.TIMED_OUT: "timed-out",
    WorkflowExecutionStatus.FAILED: "failed",
    WorkflowExecutionStatus.COMPLETED: "completed",  # while the store, restored to an earlier point, has forgotten that
}


async def stop_ended(at: Reached, todos: Iterable[Todo], by: str) -> list[str]:
    """Stop those that wait for a person though their workflow was ended; their tasks close. Returns their ids."""
    waiting = {todo.task.instance_id: todo.task.step for todo in todos if todo.kind is not TaskKind.SETTLE_OUTCOME}
    statuses = await not_running(await at.connect(), waiting) if waiting else {}
    ended = {one: _HOW[status] for one, status in statuses.items() if status in _HOW}
    for instance, how in ended.items():
        async with at.engine.begin() as connection:
            await stop_row(connection, instance, waiting[instance], by, how)
    return list(ended)


async def obey_ended(
    connection: AsyncConnection, instance_id: str, step: int, command: Command, status: WorkflowExecutionStatus | None
) -> str | None:
    """Do what a workflow that was ended from outside can't do any more: stop, or settle an uncertain send and stop.

    Returns what was done, for people; None when nothing could be. Raises ValueError for a word that is refused.
    """
    how = _HOW.get(status) if status else None
    if how is None or not isinstance(command, Stop | Resume):
        return None
    if isinstance(command, Resume) and not await _settled(connection, instance_id, step, command):
        return None
    await stop_row(connection, instance_id, step, command.by, how)
    settled = f"step {step} is settled as {command.decision}; " if isinstance(command, Resume) else ""
    return f"{settled}stopped, for its workflow was {how}"


async def _settled(connection: AsyncConnection, instance_id: str, step: int, command: Resume) -> bool:
    found = await lock_step(connection, instance_id, step)
    draft = found[1].draft if found else None
    if draft is None or draft.state not in (DraftState.UNKNOWN, DraftState.SENDING):
        return False
    if draft.state is DraftState.SENDING:  # its process is given up once it is overdue, and then it is unknown
        await _settle(connection, instance_id, step, None, command.by)
    await _settle(connection, instance_id, step, command.decision, command.by)
    return True


async def _settle(connection: AsyncConnection, instance_id: str, step: int, decision: Decision | None, by: str) -> None:
    call = SettleStep(instance_id=instance_id, step=step, decision=decision, by=by)
    match await settle(connection, call, run="", by=by):
        case DecisionRefused(sentence=sentence):
            raise ValueError(sentence)
        case Held(until=until):
            raise ValueError(f"step {step} may still be under way: say it again at {until:%H:%M:%S} UTC")
