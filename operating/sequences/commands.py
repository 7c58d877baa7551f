"""`followup sequence`: lint a sequence, preview its mails, compare its versions, and list what runs on which."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.headerregistry import Address
from typing import Annotated

import typer

from domain.sequence import Sequence
from intake.files.column_options import LiteralColumns, MapColumns, read_column_options
from intake.files.file_error import FileError
from mail.links import stand_in_url
from mail.message import MessageError
from mail.template import TemplateError
from operating.options import AsJson
from operating.reach import Reach, Reached, reach
from operating.sequences import page, upgrade_command
from operating.sequences.canonical import difference
from operating.sequences.checking import variables, warnings
from operating.sequences.mails import require_mails
from operating.sequences.naming import find_newest, find_stored, is_stored, read_file, read_file_with_warnings
from operating.sequences.planning import plan
from operating.sequences.rows import instant_of, lead_of
from store.sequences import CountedVersion, count_running, count_versions, find_versions

app = typer.Typer(help="Sequences: check, preview and compare them, and upgrade what runs.", no_args_is_help=True)
app.add_typer(upgrade_command.app)
_NOBODY = "Sender <sender@follow-up.test>"
FileOrName = Annotated[
    str,
    typer.Argument(metavar="FILE_OR_NAME", help="A file, or the name of a sequence in FOLLOWUP_SEQUENCES."),
]
_VERSION = "FILE, NAME (in FOLLOWUP_SEQUENCES) or NAME@VERSION (stored; the beginning of a version is enough)"


@contextmanager
def _told(*, as_json: bool = False) -> Iterator[None]:
    """Tell what is wrong with what was given, and end with exit code 1."""
    try:
        yield
    except (FileError, TemplateError, MessageError) as error:
        problems = error.problems if isinstance(error, FileError) else [str(error)]
        if as_json:
            typer.echo(json.dumps({"ok": False, "problems": problems}, indent=2))
        else:
            typer.echo("\n".join(problems), err=True)
        raise typer.Exit(1) from None


@app.command()
def check(context: typer.Context, sequence: FileOrName, as_json: AsJson = False) -> None:
    """Say every mistake of a sequence, with its line; without one, what it does, and what may not be meant so.

    The exit code is 1 when there is a mistake; a warning is none. It needs no database; where there is one, it says
    whether this version is stored and how many follow-ups run on it.

    Example: `followup sequence check sequences/no-reply.yaml`
    """
    reached = reach(context)
    with _told(as_json=as_json):
        found, of_the_file = read_file_with_warnings(sequence, reached.sequences())
    has_links = reached.public_url() is not None
    concerns = [*of_the_file, *warnings(found, datetime.now(UTC).date(), has_links=has_links)]
    checked = page.CheckedSequence(found, variables(found), concerns, _stored(reached, found))
    if as_json:
        typer.echo(json.dumps(page.check_facts(checked), indent=2))
    else:
        page.show(page.check_lines(checked))


def _stored(reached: Reach, sequence: Sequence) -> page.VersionUse | None:
    async def work(at: Reached) -> page.VersionUse:
        async with at.engine.connect() as connection:
            known = await find_versions(connection, at.workspace, sequence.name, sequence.version)
            running = await count_running(connection, at.workspace, sequence.name, sequence.version)
        return page.VersionUse(bool(known), running)

    found: page.VersionUse | None = reached.look(work)
    return found


@app.command()
def preview(
    context: typer.Context,
    sequence: FileOrName,
    lead: Annotated[
        str, typer.Option(metavar="ROW", help="leads.csv:3 (its row), leads.csv:LEAD_ID, or a JSON object.")
    ],
    at: Annotated[
        datetime | None,
        typer.Option(
            metavar="INSTANT",
            parser=datetime.fromisoformat,
            help="When the lead is enrolled, such as 2026-03-02T09:00; on the lead's own clock unless it says Z.",
            show_default="now",
        ),
    ] = None,
    map_: MapColumns = None,
    literal: LiteralColumns = None,
    as_json: AsJson = False,
) -> None:
    """Print every mail of a sequence as a lead would see it, and when each would go out as soon as it may.

    Nothing is sent, nothing is stored, and no database is needed.

    Example: `followup sequence preview no-reply --lead sequences/leads.csv:lead-1`
    """
    reached, options = reach(context), read_column_options(map_, literal)
    with _told(as_json=as_json):
        found, person = read_file(sequence, reached.sequences()), lead_of(lead, options)
        enrolled_at = instant_of(at, person)
        sender = reached.sender()
        planned = plan(found, person, enrolled_at, stand_in_url(reached.public_url()))
        require_mails(planned, found.name, person, sender or _NOBODY)
    if sender is None and not as_json:
        typer.echo(f"FOLLOWUP_SENDER is not set: {_NOBODY} stands for it", err=True)
    to = str(Address(person.name, addr_spec=person.email))
    shown = page.Preview(person, enrolled_at, sender or _NOBODY, to, planned)
    if as_json:
        typer.echo(json.dumps(page.preview_facts(shown), indent=2))
    else:
        page.show(page.preview_lines(shown))


@app.command()
def diff(
    context: typer.Context,
    before: Annotated[str, typer.Argument(metavar="A", help=_VERSION)],
    after: Annotated[
        str | None, typer.Argument(metavar="B", help="The same; without it, A is compared with what was stored last.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare two versions of a sequence, line by line, in a form that does not depend on how a file is written.

    Example: `followup sequence diff no-reply@1a2b sequences/no-reply.yaml`
    """
    reached = reach(context)
    with _told(as_json=as_json):
        old, new = _both(reached, before, after)
    labels = (f"{old.name}@{old.version}", f"{new.name}@{new.version}")
    lines = difference(old, new, labels)
    if as_json:
        typer.echo(json.dumps({"a": labels[0], "b": labels[1], "same": not lines, "diff": lines}, indent=2))
    else:
        page.show(lines or [f"the same: {labels[0]}"])


def _both(reached: Reach, before: str, after: str | None) -> tuple[Sequence, Sequence]:
    """Read both; the database is opened only where a stored version is meant. Raises FileError."""
    files = {one: read_file(one, reached.sequences()) for one in (before, after) if one and not is_stored(one)}
    if after is not None and len(files) == len({before, after}):
        return files[before], files[after]

    async def work(at: Reached) -> tuple[Sequence, Sequence]:
        async with at.engine.connect() as connection:

            async def one(written: str) -> Sequence:
                return files.get(written) or await find_stored(connection, at.workspace, written)

            if after is not None:
                return await one(before), await one(after)
            new = await one(before)
            return await find_newest(connection, at.workspace, new.name), new

    both: tuple[Sequence, Sequence] = reached.run(work)
    return both


@app.command("list")
def list_(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Only the versions of this sequence.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the stored versions of sequences, newest first, with how many follow-ups each has of every status.

    Example: `followup sequence list no-reply`
    """

    async def work(at: Reached) -> list[CountedVersion]:
        async with at.engine.connect() as connection:
            return await count_versions(connection, at.workspace, name)

    found: list[CountedVersion] = reach(context).run(work)
    if as_json:
        typer.echo(json.dumps([page.version_facts(one) for one in found], indent=2))
    elif found:
        page.print_versions(found)
    else:
        typer.echo("there are none: a version is stored when somebody is enrolled in it", err=True)
