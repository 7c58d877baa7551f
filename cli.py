"""The operator's `followup` command: reads the store, acts through workflows. `followup --help` shows examples."""

import asyncio
import json
import shutil
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.service import RPCError

from connect import (
    EXPECTED,
    UnreachableError,
    connect_temporal,
    database_errors,
    open_database,
    open_temporal,
    run,
)
from intake.files.file_error import FileError
from intake.replying import ReplyError
from operating import terminal
from operating.acting import commands as acting_commands
from operating.acting import reply_commands
from operating.audit import commands as audit_commands
from operating.looking import commands as looking_commands
from operating.looking import stats_commands, why_commands
from operating.looking.doctor import EnvironmentCheck, check_postgresql
from operating.looking.finding import NotFoundError
from operating.options import AsJson
from operating.people import commands as person_commands
from operating.reach import Reach, Reached
from operating.sequences import commands as sequence_commands
from operating.suppressing import commands as suppress_commands
from operating.tasks import commands as task_commands
from operating.tasks import edit_command as task_edit_command
from settings import (
    Settings,
    SettingsError,
    login_name,
    read_public_url,
    read_sender,
    read_sequences,
    read_settings,
    temporal_connection,
)
from store.engine import open_engine
from store.grants import APPLICATION, READER
from store.grants import grant as grant_role
from store.schema import migrate as migrate_schema
from transactions.edit import EditError
from transactions.forget import NotForgottenError

app = typer.Typer(
    add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode="markdown"
)


@app.callback()
def followup(context: typer.Context) -> None:
    """See follow-ups, and tell them what to do.

    INSTANCE is a follow-up's id, as `list` shows it; to read about one, as much of its beginning as no other shares.

    For example:

    * `followup list --status paused` - what waits for a person
    * `followup show no-reply:lead-4` - everything about one, and how to go on with it
    * `followup resume no-reply:lead-4 --decision sent --note 'found it in the Sent folder'`
    * `followup pause --sequence no-reply` - all of a sequence at a time; `resume` and `stop` take this too
    """
    context.obj = Reach(_reached, login_name, _program, _look, read_sender, _sequences, read_public_url)


@app.command()
def migrate(
    grant: Annotated[
        str | None, typer.Option(metavar="ROLE", help="Let this role of PostgreSQL run the application, and no more.")
    ] = None,
    grant_read: Annotated[
        str | None, typer.Option(metavar="ROLE", help="Let this one read all but the key of the links, and no more.")
    ] = None,
) -> None:
    """Bring the database's schema up to date. Does nothing when it is.

    Wants the tables' owner. Who runs the application need not be, and then can't switch the guards off. Grant again
    after each migration.

    Example: `followup migrate --grant followup_app`
    """

    async def work() -> None:
        settings = read_settings()
        url = settings.database_url.get_secret_value()
        with database_errors(settings):
            typer.echo(f"the schema is at revision {await migrate_schema(url)}")
            for role, grants, may in ((grant, APPLICATION, "run the application"), (grant_read, READER, "read")):
                if role is not None:
                    await grant_role(url, role, grants)
                    typer.echo(f"{role} may {may}")

    _run(work)


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Look at what everything stands on: PostgreSQL's settings and schema, Temporal and its search attributes.

    Says what was found, and the remedy where something is wrong; the exit code is then 1.

    Example: `followup doctor`
    """
    checked = _run(_checked)
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in checked], indent=2))
    else:
        typer.echo("\n".join(one.line for one in checked))
    raise typer.Exit(any(one.problem for one in checked))


async def _checked() -> list[EnvironmentCheck]:
    settings = read_settings()
    with database_errors(settings):
        engine = open_engine(settings.database_url.get_secret_value(), 1)
        try:
            database = await check_postgresql(engine)
        finally:
            await engine.dispose()
    where = temporal_connection()["target_host"]
    try:
        client = await open_temporal()
    except UnreachableError as error:
        return [*database, EnvironmentCheck(what="Temporal", found=str(where), problem=str(error))]
    return [
        *database,
        EnvironmentCheck(what="Temporal", found=f"{where}, namespace {client.namespace}, search attributes"),
    ]


app.add_typer(looking_commands.app)  # list, show
app.add_typer(acting_commands.app)  # pause, resume, stop
app.add_typer(reply_commands.app)
app.add_typer(audit_commands.app)
app.add_typer(why_commands.app)
app.add_typer(stats_commands.app)
app.add_typer(person_commands.app)  # export, forget
app.add_typer(suppress_commands.app, name="suppress")
app.add_typer(task_commands.all_tasks)
task_commands.app.add_typer(task_edit_command.app)
app.add_typer(task_commands.app, name="task")
app.add_typer(sequence_commands.app, name="sequence")


async def _with_database(work: Callable[[AsyncEngine, Settings], Awaitable[Any]]) -> Any:
    settings = read_settings()
    async with open_database(settings) as engine:
        return await work(engine, settings)


def _reached(work: Callable[[Reached], Awaitable[Any]]) -> Any:
    return _run(lambda: _within_reach(work))


def _look(work: Callable[[Reached], Awaitable[Any]]) -> Any:
    try:
        return asyncio.run(_within_reach(work))
    except EXPECTED:
        return None


async def _within_reach(work: Callable[[Reached], Awaitable[Any]]) -> Any:
    async def within(engine: AsyncEngine, settings: Settings) -> Any:
        try:
            return await work(Reached(engine, settings.workspace, settings.task_queue, connect_temporal))
        except RPCError as error:
            raise UnreachableError(f"Temporal does not answer ({error.message}): see that it runs") from None

    return await _with_database(within)


def _run(work: Callable[[], Any]) -> Any:
    return run(work(), name="followup", also=(NotFoundError, NotForgottenError, FileError, ReplyError, EditError))


def _sequences() -> Path:
    try:
        return read_sequences()
    except SettingsError as error:
        terminal.complain("followup", str(error))
        raise SystemExit(1) from None


def _program() -> str:
    """Say how this command was called, so that what is shown can be pasted."""
    called = sys.argv[0]
    return called if Path(called).name == "followup" and shutil.which("followup") != called else "followup"


def main() -> None:
    """Run the command of this process."""
    terminal.main(app, "followup")


if __name__ == "__main__":
    main()
