"""The operator's `followup` command: reads the store, acts through workflows. `followup --help` shows examples."""

import json
import shutil
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.service import RPCError

from connect import UnreachableError, connect_temporal, database_errors, leave, open_database, run
from domain.command import Command, Decision, Pause, Resume, Stop
from domain.instance import InstanceStatus
from intake.file_error import FileError
from operating.acting import Answer, act
from operating.facts import facts, listed_facts, story_facts
from operating.finding import NotFoundError, find_instance
from operating.options import AsJson, By, Note, Which
from operating.page import print_list, print_story
from operating.reach import Reach, Reached
from operating.story import Story, read_story
from settings import Settings, login_name, read_settings
from store.instances import Listed, list_instances
from store.schema import migrate as migrate_schema

app = typer.Typer(
    add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode="markdown"
)


@app.callback()
def followup(context: typer.Context) -> None:
    """See follow-ups, and tell them what to do.

    INSTANCE is a follow-up's id, or as much of its beginning as no other shares; `list` shows ids.

    For example:

    * `followup list --status paused` - what waits for a person
    * `followup show no-reply:lead-4` - everything about one, and how to go on with it
    * `followup resume no-reply:lead-4 --decision sent --note 'found it in the Sent folder'`
    """
    context.obj = Reach(_reached, login_name, _program)


@app.command()
def migrate() -> None:
    """Bring the database's schema up to date. Does nothing when it is."""

    async def work() -> str:
        settings = read_settings()
        with database_errors(settings):
            return await migrate_schema(settings.database_url.get_secret_value())

    typer.echo(f"the schema is at revision {_run(work)}")


@app.command("list")
def list_(
    status: Annotated[InstanceStatus | None, typer.Option(help="Only those of this status.")] = None,
    sequence: Annotated[str | None, typer.Option(metavar="NAME", help="Only those of this sequence.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="At most so many.")] = 1000,
    as_json: AsJson = False,
) -> None:
    """List follow-ups, the newest first.

    Example: `followup list --status paused`
    """

    async def work(engine: AsyncEngine, settings: Settings) -> list[Listed]:
        async with engine.connect() as connection:
            return await list_instances(connection, settings.workspace, status, limit, sequence)

    found = _run(lambda: _with_database(work))
    if as_json:
        _print_json([listed_facts(one) for one in found])
        return
    print_list(found)
    if not found:
        typer.echo("there are none", err=True)
    elif len(found) == limit:
        typer.echo(f"these are the newest {limit}; --limit shows more", err=True)


@app.command()
def show(instance: Which, as_json: AsJson = False) -> None:
    """Show everything about one follow-up: where it stands, its messages, what happened, and how to go on.

    Example: `followup show no-reply:lead-4`
    """

    async def work(engine: AsyncEngine, settings: Settings) -> Story:
        return await read_story(engine, await find_instance(engine, settings.workspace, instance), _program())

    story = _run(lambda: _with_database(work))
    if as_json:
        _print_json(story_facts(story))
    else:
        print_story(story)


@app.command()
def pause(instance: Which, note: Note = "", by: By = None, as_json: AsJson = False) -> None:
    """Send nothing of a follow-up until it is resumed. A send that has begun is finished.

    Example: `followup pause no-reply:lead-4 --note 'she is on holiday'`
    """
    _act(instance, Pause(by=by or login_name()), note, as_json=as_json)


@app.command()
def resume(
    instance: Which,
    decision: Annotated[Decision, typer.Option(help="What is known of the step it waits at.")] = Decision.RESUME,
    note: Note = "",
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Go on with a paused follow-up.

    Decisions on a send whose outcome is unknown: `sent` (it did go out; a plain resume means this too, because a
    duplicate is worse than a miss), `not_sent` (it surely did not: the same message is sent now), `skip` (go on without
    this step), `stop` (end the follow-up).

    Example: `followup resume no-reply:lead-4 --decision sent --note 'found it in the Sent folder'`
    """
    _act(instance, Resume(decision=decision, by=by or login_name()), note, as_json=as_json)


@app.command()
def stop(instance: Which, note: Note = "", by: By = None, as_json: AsJson = False) -> None:
    """End a follow-up; nothing more is sent. A send that has begun is finished.

    Example: `followup stop no-reply:lead-4 --note 'wrong person'`
    """
    _act(instance, Stop(by=by or login_name()), note, as_json=as_json)


def _act(instance: str, command: Command, note: str, *, as_json: bool) -> None:
    async def work(engine: AsyncEngine, settings: Settings) -> Answer:
        client = await connect_temporal()  # before the words are kept: where it is down, nothing is changed
        found = await find_instance(engine, settings.workspace, instance)
        try:
            return await act(engine, client, found, command, note)
        except RPCError as error:
            raise UnreachableError(f"Temporal did not take it ({error.message}): say it again later") from None

    answer = _run(lambda: _with_database(work))
    if as_json:
        _print_json(facts(answer))
    else:
        typer.echo(f"{answer.instance_id}: {answer.answer}", err=not answer.done)
    raise typer.Exit(0 if answer.done else 1)


async def _with_database(work: Callable[[AsyncEngine, Settings], Awaitable[Any]]) -> Any:
    settings = read_settings()
    async with open_database(settings) as engine:
        return await work(engine, settings)


def _reached(work: Callable[[Reached], Awaitable[Any]]) -> Any:
    async def within(engine: AsyncEngine, settings: Settings) -> Any:
        try:
            return await work(Reached(engine, settings.workspace, settings.task_queue, connect_temporal))
        except RPCError as error:
            raise UnreachableError(f"Temporal does not answer ({error.message}): see that it runs") from None

    return _run(lambda: _with_database(within))


def _run(work: Callable[[], Any]) -> Any:
    return run(work(), name="followup", also=(NotFoundError, FileError))


def _print_json(values: object) -> None:
    typer.echo(json.dumps(values, indent=2))


def _program() -> str:
    """Say how this command was called, so that what is shown can be pasted."""
    called = sys.argv[0]
    return called if Path(called).name == "followup" and shutil.which("followup") != called else "followup"


def main() -> None:
    """Run the command of this process."""
    try:
        app()
    except SystemExit as end:
        leave(end.code)


if __name__ == "__main__":
    main()
