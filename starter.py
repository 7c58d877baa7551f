"""The one door in: app events -> facts -> workflows. As a command: `python starter.py --help`."""

import json
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from temporalio.service import RPCError

from connect import UnreachableError, open_database, open_temporal, run
from intake.enrolment import Enroller
from intake.event_reading import read_event
from intake.events import EventAnswer, EventDoor, EventError, EventResult, NotTakenError
from intake.files.column_options import ColumnOptions, LiteralColumns, MapColumns, read_column_options
from intake.files.file_error import FileError, read_whole
from intake.files.lead_file import read_leads
from intake.files.sequence_file import find_sequence, read_for_enrolment
from intake.files.tally import EnrolmentTally
from intake.inbound.command import InboundReach, inbound
from intake.inbound.mailbox import ImapError
from intake.inbound.taking import InboundDoor
from operating import terminal
from operating.log import start_log
from operating.progress import progress_bar
from operating.terminal import complain
from settings import login_name, read_settings

# As over HTTP, and room for whoever wraps lines.
_MOST_BYTES = 1024 * 1024
app = typer.Typer(
    add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode="markdown"
)


@app.callback()
def starter(context: typer.Context) -> None:
    """Brings in leads, events and mail: facts in the database first, then follow-ups in Temporal."""
    context.obj = InboundReach(_with_inbound_door)


def _key(written: str) -> str:
    # it becomes part of workflow ids, which everybody may read in Temporal, so an address must not be one
    if re.fullmatch(r"[A-Za-z0-9_.-]{0,40}", written):
        return written
    raise typer.BadParameter("at most 40 letters, digits, and _ . - may make a key")


@app.command()
def enroll(
    leads: Annotated[
        Path,
        typer.Argument(
            metavar="LEADS",
            help="A .csv, .tsv, .jsonl or .json file: lead_id, email, name, timezone; further columns are variables.",
        ),
    ],
    sequence: Annotated[
        str, typer.Option(metavar="NAME_OR_FILE", help="The name of a sequence in FOLLOWUP_SEQUENCES, or a file.")
    ],
    enrolment_key: Annotated[
        str,
        typer.Option(
            metavar="KEY", callback=_key, help="Enrol once more, as far as the sequence's `enroll` allows it."
        ),
    ] = "",
    map_: MapColumns = None,
    literal: LiteralColumns = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of sentences.")] = False,
) -> None:
    """Enrol leads in a sequence, each once: running it again changes nothing.

    A bad row is refused, with its number and the remedy, and the good ones are enrolled even so. The exit code is 0
    only when every row is followed up, now or since earlier, and with the data that it gives.

    Example: `python starter.py enroll --sequence no-reply sequences/leads.csv`
    """
    tally, options = EnrolmentTally(), read_column_options(map_, literal)
    try:
        run(_enroll(tally, sequence, leads, options, enrolment_key), name="starter", also=(FileError,))
    except SystemExit:
        if tally.rows:
            complain("starter", "what was done before is below; run the same command again to do the rest")
            _say(tally, as_json=as_json)
        raise
    _say(tally, as_json=as_json)
    raise typer.Exit(1 if tally.noted else 0)


async def _enroll(tally: EnrolmentTally, name_or_file: str, leads: Path, options: ColumnOptions, key: str) -> None:
    """Read and reach everything before the first write, so that what is wrong changes nothing."""
    settings = read_settings()
    has_links = settings.public_url is not None
    sequence = read_for_enrolment(find_sequence(name_or_file, settings.sequences), has_links=has_links)
    rows = read_leads(leads, options)
    client = await open_temporal()
    async with open_database(settings) as engine:
        enroller = Enroller(
            engine,
            client,
            workspace=settings.workspace,
            task_queue=settings.task_queue,
            by=f"starter:{login_name()}",
            public_url=settings.public_url,
        )
        with progress_bar() as progress:
            bar = progress.add_task("enrolling", total=_about(leads))
            try:
                async for result in enroller.enroll(sequence, rows, key):
                    tally.add(result)
                    progress.advance(bar)
            except RPCError as error:
                raise UnreachableError(f"Temporal went away ({error.message}): see that it runs") from None


def _about(leads: Path) -> int:
    """Count a file's lines: about as many as its rows."""
    with leads.open("rb") as file:
        return sum(1 for _ in file)


def _say(tally: EnrolmentTally, *, as_json: bool) -> None:
    print(json.dumps(tally.as_facts()) if as_json else "\n".join(tally.as_sentences()))


@app.command()
def event(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            allow_dash=True,
            help='One event as JSON: {"id", "type", "timestamp", "data"}; `-` is stdin.',
        ),
    ],
    event_id: Annotated[str | None, typer.Option("--id", metavar="ID", help="Its id, where it names none.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a sentence.")] = False,
) -> None:
    """Deliver one app event, which may be delivered any number of times: the first counts.

    The exit code is 1 when it could not be taken, or a lead may not be enrolled once more.

    Example: `python starter.py event reply.json`
    """
    answer = run(_event(file, event_id), name="starter", also=(FileError, EventError, NotTakenError))
    print(answer.model_dump_json() if as_json else answer.sentence)
    raise typer.Exit(1 if answer.done is EventResult.NOT_ENROLLED else 0)


async def _event(file: Path, event_id: str | None) -> EventAnswer:
    said = read_event(read_whole(file, _MOST_BYTES), event_id)
    async with _doors() as (door, _):
        return await door.deliver(said)


@asynccontextmanager
async def _doors() -> AsyncIterator[tuple[EventDoor, InboundDoor]]:
    settings = read_settings()
    workspace = settings.workspace
    client = await open_temporal()
    async with open_database(settings) as engine:
        events = EventDoor(
            engine,
            client,
            workspace=workspace,
            task_queue=settings.task_queue,
            sequences=settings.sequences,
            public_url=settings.public_url,
        )
        yield events, InboundDoor(engine, events, workspace=workspace)


app.command()(inbound)


def _with_inbound_door(work: Callable[[InboundDoor], Awaitable[Any]]) -> Any:
    async def within() -> Any:
        async with _doors() as (_, door):
            return await work(door)

    return run(within(), name="starter", also=(FileError, EventError, NotTakenError, ImapError))


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on; 0 takes a free one.", min=0, max=65535)] = 8000,
    sequences: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            exists=True,
            file_okay=False,
            help="The folder whose sequences the app may name. Not given: FOLLOWUP_SEQUENCES, else sequences/ here.",
        ),
    ] = None,
) -> None:
    """Take app events over HTTP, signed with FOLLOWUP_EVENT_SECRET, until SIGTERM or Ctrl-C.

    `POST /events` takes them, `POST /inbound` takes mail that came in, signed with FOLLOWUP_INBOUND_SECRET, `/healthz`
    and `/readyz` tell how it is, and `/openapi.json` describes all of it.
    """
    from ingress import serve as serve_events  # a web framework, which the other commands can do without

    start_log()
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    run(serve_events(host, port, sequences), name="starter")


def main() -> None:
    """Run the command of this process."""
    terminal.main(app, "starter")


if __name__ == "__main__":
    main()
