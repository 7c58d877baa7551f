"""`followup tasks` and `followup task`: what needs a person, and what a person says of it. `edit` is beside."""

import json
from typing import Annotated

import typer

from domain.command import Approve, Command, Decision, Done, Reject, Resume, read_command
from domain.task import TaskKind
from operating.acting.act import CommandAnswer, act
from operating.acting.ended import stop_ended
from operating.looking.facts import facts
from operating.looking.finding import find_instance, find_whole, whole_id
from operating.options import AsJson, By, Note, Which, Whole
from operating.reach import Reach, Reached, reach
from operating.tasks.finding import close_alarms_of, find_mail, find_todos
from operating.tasks.page import print_todos
from operating.tasks.todo import Todo, read_todos, todo_facts
from operating.terminal import can_ask

all_tasks = typer.Typer()
app = typer.Typer(
    help="What one follow-up needs a person for: read it, and say what becomes of it.", no_args_is_help=True
)


def _fingerprint(written: str | None) -> str | None:
    try:
        return written if written is None else read_command(Approve, written).fingerprint
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


Kind = Annotated[TaskKind | None, typer.Option(help="Only those of this kind.")]
Limit = Annotated[int, typer.Option(min=1, max=100_000, help="At most N.")]


@all_tasks.command("tasks")
def tasks(context: typer.Context, kind: Kind = None, limit: Limit = 100, as_json: AsJson = False) -> None:
    """List what needs a person, the oldest first: approvals, manual steps, sends of unknown outcome, alarms.

    Example: `followup tasks --kind approve_draft`
    """
    reached = reach(context)

    async def work(at: Reached) -> list[Todo]:
        return await read_todos(at.engine, at.workspace, reached.program(), kind, limit)

    found: list[Todo] = reached.run(work)
    if _close_ended(reached, found):
        found = reached.run(work)
    _print(found, as_json=as_json)
    if not found:
        typer.echo("no open tasks", err=True)
    elif len(found) == limit:
        typer.echo(f"these are the oldest {limit}; --limit shows more", err=True)


def _close_ended(reached: Reach, found: list[Todo]) -> list[str]:
    """Close what waits for a person though its workflow was ended from outside; returns the follow-ups' ids."""

    async def work(at: Reached) -> list[str]:
        return await stop_ended(at, found, reached.login_name())

    ended: list[str] | None = reached.look(work)
    if ended is None:
        typer.echo("Temporal does not answer: some of these may belong to workflows that were ended", err=True)
    for one in ended or []:
        typer.echo(f"{one}: its workflow was ended from outside, so it is stopped and needs nobody", err=True)
    return ended or []


@app.command()
def show(context: typer.Context, instance: Which, as_json: AsJson = False) -> None:
    """Show what a follow-up needs a person for: a mail as its recipient would see it, or what is to be done.

    Example: `followup task show no-reply:lead-4`
    """
    reached = reach(context)

    async def work(at: Reached) -> list[Todo]:
        of = await find_instance(at.engine, at.workspace, instance)
        return await find_todos(at, of, reached.program())

    found: list[Todo] = reached.run(work)
    _print(found, as_json=as_json)


@app.command()
def approve(
    context: typer.Context,
    instance: Whole,
    fingerprint: Annotated[
        str | None,
        typer.Option(
            metavar="HEX",
            callback=_fingerprint,
            help="8 or more characters: what you have read. Without, you are asked.",
        ),
    ] = None,
    note: Note = "",
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Let the message that waits be sent. Stops, suppressions, windows and caps hold it even so.

    Example: `followup task approve no-reply:lead-4 --fingerprint 0123abcd`
    """
    reached = reach(context)
    instance = whole_id(reached, instance)
    seen = fingerprint or _ask_for_approval(reached, instance)
    _say(reached, instance, Approve(fingerprint=seen, by=by or reached.login_name()), note, as_json=as_json)


@app.command()
def reject(context: typer.Context, instance: Whole, note: Note = "", by: By = None, as_json: AsJson = False) -> None:
    """Go on without the step that waits: its message is never sent.

    Example: `followup task reject no-reply:lead-4 --note 'she wrote to support'`
    """
    reached = reach(context)
    _say(reached, whole_id(reached, instance), Reject(by=by or reached.login_name()), note, as_json=as_json)


@app.command()
def done(context: typer.Context, instance: Whole, note: Note = "", by: By = None, as_json: AsJson = False) -> None:
    """Say that the manual step that waits was done: the follow-up goes on.

    Example: `followup task done no-reply:lead-4 --note 'called, she will answer'`
    """
    reached = reach(context)
    _say(reached, whole_id(reached, instance), Done(by=by or reached.login_name()), note, as_json=as_json)


@app.command()
def skip(context: typer.Context, instance: Whole, note: Note = "", by: By = None, as_json: AsJson = False) -> None:
    """Go on without the step that waits, as `followup resume --decision skip` does.

    Example: `followup task skip no-reply:lead-4 --note 'no telephone'`
    """
    reached = reach(context)
    command = Resume(decision=Decision.SKIP, by=by or reached.login_name())
    _say(reached, whole_id(reached, instance), command, note, as_json=as_json)


@app.command()
def close(context: typer.Context, instance: Whole, note: Note = "", by: By = None) -> None:
    """Say that an alarm was looked into, whose step waits for nothing any more. Nothing else changes.

    Example: `followup task close no-reply:lead-4 --note 'she got it twice, and knows'`
    """
    reached = reach(context)
    instance = whole_id(reached, instance)

    async def work(at: Reached) -> str:
        return await close_alarms_of(at, instance, by or reached.login_name(), note)

    closed: str = reached.run(work)
    typer.echo(f"{closed}: closed")


def _ask_for_approval(reached: Reach, instance: str) -> str:
    todo = find_mail(reached, instance)
    print_todos([todo])
    if not can_ask():
        typer.echo("followup: there is no terminal to ask you on: give --fingerprint with what you have read", err=True)
        raise typer.Exit(2)
    typer.confirm("Send this?", abort=True)
    return todo.task.fingerprint or ""


def _say(reached: Reach, instance: str, command: Command, note: str, *, as_json: bool) -> None:
    async def work(at: Reached) -> CommandAnswer:
        found = await find_whole(at.engine, at.workspace, instance)
        client = await at.connect()  # before the words are kept: where it is down, nothing is changed
        return await act(at.engine, client, found, command, note)

    answer: CommandAnswer = reached.run(work)
    if as_json:
        typer.echo(json.dumps(facts(answer), indent=2))
    else:
        typer.echo(f"{answer.instance_id}: {answer.answer}", err=not answer.done)
    raise typer.Exit(0 if answer.done else 1)


def _print(todos: list[Todo], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([todo_facts(todo) for todo in todos], indent=2))
    else:
        print_todos(todos)
