"""What a person has to do, with all they need for it: the mail as its recipient would see it, and what to type."""

import shlex
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy.ext.asyncio import AsyncEngine

from domain.command import APPROVE, DONE, REJECT
from domain.draft import DraftState
from domain.task import REMIND_AFTER, TaskKind
from mail.rewriting import SeenMessage, read_message
from operating.looking.facts import facts
from store.tasks import PAGE, OpenTask, read_open, read_open_of


class Todo(NamedTuple):
    """A task for a person. `mail` is what waits to be approved; `commands` can be pasted into a shell."""

    task: OpenTask
    age: timedelta
    overdue: bool
    mail: SeenMessage | None
    commands: list[str]

    @property
    def kind(self) -> TaskKind:
        """What has to be done."""
        return TaskKind(self.task.kind)


async def read_todos(
    engine: AsyncEngine, workspace: str, program: str, kind: TaskKind | None, limit: int
) -> list[Todo]:
    """Read what is to be done in a workspace, the oldest first."""
    found: list[OpenTask] = []
    async with engine.connect() as connection:
        while len(found) < limit:
            page = await read_open(connection, workspace, found[-1] if found else None, kind)
            found += page
            if len(page) < PAGE:
                break
    return [as_todo(one, program) for one in found[:limit]]


async def read_todos_of(engine: AsyncEngine, instance_id: str, program: str) -> list[Todo]:
    """Read what is to be done for one follow-up."""
    async with engine.connect() as connection:
        return [as_todo(one, program) for one in await read_open_of(connection, instance_id)]


def as_todo(task: OpenTask, program: str) -> Todo:
    """Say what is to be done; `program` is how the `followup` command is called here."""
    now = datetime.now(UTC)
    awaited = task.kind in (TaskKind.APPROVE_DRAFT, TaskKind.MANUAL_STEP)
    since = max(task.opened_at, task.due_at or task.opened_at) if awaited else task.opened_at
    approvable = task.state == DraftState.AWAITING_APPROVAL and task.content is not None
    mail = read_message(task.content or b"") if approvable else None
    return Todo(task, now - task.opened_at, now - since >= REMIND_AFTER, mail, _commands(task, program))


def _commands(task: OpenTask, program: str) -> list[str]:
    instance = shlex.quote(task.instance_id)
    match TaskKind(task.kind):
        case TaskKind.APPROVE_DRAFT:
            fingerprint = f"--fingerprint {(task.fingerprint or '')[:8]}"
            said = [f"{APPROVE} {instance} {fingerprint}", f"edit {instance}", f"{REJECT} {instance}"]
        case TaskKind.MANUAL_STEP:
            said = [f"{DONE} {instance}", f"skip {instance}"]
        case TaskKind.ALARM:
            said = [f"close {instance} --note '...'"]
        case TaskKind.SETTLE_OUTCOME:
            return [f"{program} show {instance}"]
    return [f"{program} task {one}" for one in said]


_SHOWN = ("instance_id", "lead_id", "sequence", "step", "kind", "opened_at", "why", "status", "reason", "instructions")
_LOOK_FOR = ("message_id", "recipient", "claimed_at", "overdue_at")


def todo_facts(todo: Todo) -> dict[str, Any]:
    """A task for programs; `mail` and `fingerprint` of one to approve, `look_for` of an uncertain send."""
    task = facts(todo.task)
    uncertain = todo.kind is TaskKind.SETTLE_OUTCOME
    return {
        **{name: task[name] for name in _SHOWN},
        "overdue": todo.overdue,
        "fingerprint": task["fingerprint"] if todo.mail else None,
        "mail": facts(todo.mail) if todo.mail else None,
        "look_for": {name: task[name] for name in _LOOK_FOR} if uncertain else None,
        "commands": todo.commands,
    }
