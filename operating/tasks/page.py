"""What `followup tasks` and `followup task` print for people: each task with its mail or instructions."""

from collections.abc import Iterator
from datetime import timedelta

from rich.text import Text

from domain.task import TaskKind
from operating.looking.page import console, printable
from operating.looking.story import instant
from operating.tasks.todo import Todo

_WHAT = {
    TaskKind.SETTLE_OUTCOME: "find out whether it was sent, and say so",
    TaskKind.APPROVE_DRAFT: "read the message, and approve, edit or reject it",
    TaskKind.MANUAL_STEP: "do this, and say that it is done",
    TaskKind.ALARM: "look into what was seen of the message outside",
}


def print_todos(todos: list[Todo]) -> None:
    """Print a paragraph for each task."""
    screen = console()
    for number, todo in enumerate(todos):
        for line in (*([Text()] if number else []), *_lines(todo)):
            # a terminal breaks long lines by itself; a break of ours would be copied along
            screen.print(line, soft_wrap=True)


def _lines(todo: Todo) -> Iterator[Text]:
    task = todo.task
    age = f", {_age(todo.age)} old" + (", overdue" if todo.overdue else "")
    yield Text.assemble((task.instance_id, "bold"), f", step {task.step}: {_WHAT[todo.kind]}{age}")
    if todo.kind is TaskKind.SETTLE_OUTCOME:
        yield Text(f"  The message {printable(task.message_id or '')} to {printable(task.recipient or '')},")
        yield Text(f"  sent, if at all, between {instant(task.claimed_at)} and {instant(task.overdue_at)}: {task.why}")
    elif todo.kind is TaskKind.ALARM:
        yield Text(f"  {printable(task.why)}")
    elif todo.mail is not None:
        yield Text(f"  From: {printable(todo.mail.sender)}")
        yield Text(f"  To: {printable(todo.mail.recipient)}")
        yield Text(f"  Subject: {printable(todo.mail.subject)}")
    for line in (todo.mail.body if todo.mail else task.instructions).splitlines():
        yield Text(f"  | {printable(line)}".rstrip())
    if todo.mail is not None:
        yield Text(f"  fingerprint {task.fingerprint}")
    for command in todo.commands:
        yield Text(f"  {command}", "dim")


def _age(age: timedelta) -> str:
    if age >= timedelta(days=1):
        return f"{age.days} d"
    minutes = int(age.total_seconds()) // 60
    return f"{minutes // 60} h" if minutes >= 60 else f"{minutes} min"
