"""`followup suppress`: the list of addresses and domains that nothing is sent to."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress

from domain.address import suppression_entry
from operating.looking.facts import facts
from operating.looking.listing import JsonArray, Lines, Printed
from operating.options import AsJson, By, Note
from operating.progress import progress_bar
from operating.reach import Reached, reach
from operating.spreadsheet import CsvRows
from operating.suppressing.file import count_lines, read_entries
from store.suppressions import Suppressed, list_suppressions
from transactions.suppress import Change, Changed, SuppressionWords, change_entries

app = typer.Typer(help="The list of addresses and domains that nothing is sent to.", no_args_is_help=True)
# A page of a list however long it is
_PAGE = 1000


def _entries(written: list[str] | None) -> list[str]:
    problems, entries = [], []
    for number, one in enumerate(written or [], start=1):
        try:
            entries.append(suppression_entry(one))
        except ValueError as error:
            problems.append(f"address {number} {error}")
    if problems:
        raise typer.BadParameter("; ".join(problems))
    return entries


Addresses = Annotated[
    list[str] | None,
    typer.Argument(metavar="ADDRESS|@DOMAIN...", callback=_entries, help="An address, or @ and a whole domain."),
]
File = Annotated[
    Path | None, typer.Option("--csv", metavar="FILE", help="A CSV with a column `address` or `email`, one a row.")
]


@app.command()
def add(
    context: typer.Context,
    addresses: Addresses = None,
    file: File = None,
    note: Note = "",
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Send nothing to these any more. Adding what is there changes nothing.

    Where one row of a CSV is bad, every problem is said, and nothing is written.

    Example: `followup suppress add ada@example.com @example.org --note 'asked by phone'`
    """
    changed = _change(context, Change.ADD, addresses, file, note, by)
    if as_json:
        typer.echo(json.dumps({"added": changed.changed, "already": changed.same}))
    else:
        typer.echo(f"{changed.changed} added, {changed.same} suppressed already")


@app.command()
def remove(
    context: typer.Context,
    addresses: Addresses = None,
    file: File = None,
    note: Note = "",
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Allow sending to these again. Follow-ups that ended stay so, and a later reason counts again.

    Says what still covers an address, such as its domain, and ends with 1 where there is such.

    Example: `followup suppress remove ada@example.com --note 'asked to hear from us again'`
    """
    changed = _change(context, Change.REMOVE, addresses, file, note, by)
    still = [{"address": address, "by": entry} for address, entry in changed.covered]
    if as_json:
        typer.echo(json.dumps({"removed": changed.changed, "not_there": changed.same, "still_suppressed": still}))
    else:
        typer.echo(f"{changed.changed} removed, {changed.same} not on the list")
        if changed.changed:
            typer.echo("That somebody unsubscribed before now does not count again; whoever does so later, does.")
        for address, entry in changed.covered:
            typer.echo(f"{address}: still suppressed by {entry}: remove that too", err=True)
    raise typer.Exit(1 if still else 0)


def _change(
    context: typer.Context, change: Change, addresses: list[str] | None, file: Path | None, note: str, by: str | None
) -> Changed:
    if not addresses and file is None:
        raise typer.BadParameter("give addresses, or --csv FILE")
    reached = reach(context)
    who = by or reached.login_name()

    async def work(at: Reached) -> Changed:
        with progress_bar() as progress:
            read = _read(file, progress) if file else []
            entries = [*(addresses or []), *read]
            bar = progress.add_task("storing", total=len(entries))
            said = SuppressionWords(who, note or "by hand")
            return await change_entries(
                at.engine, at.workspace, change, entries, said, lambda count: progress.advance(bar, count)
            )

    changed: Changed = reached.run(work)
    return changed


def _read(file: Path, progress: Progress) -> list[str]:
    bar = progress.add_task("reading", total=count_lines(file))
    return read_entries(file, lambda: progress.advance(bar))


@app.command("list")
def list_(
    context: typer.Context,
    prefix: Annotated[str, typer.Argument(help="Only those that begin so: @ shows domains.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most N.")] = 1_000_000,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, which `add --csv` takes.")] = False,
) -> None:
    """List what is suppressed, in order, with who said so, when and why.

    Example: `followup suppress list --csv > suppressed.csv`
    """
    if as_json and as_csv:
        raise typer.BadParameter("--json and --csv exclude each other")
    printed: Printed = JsonArray() if as_json else CsvRows(Suppressed._fields) if as_csv else Lines()
    shown = facts if as_json else _row if as_csv else _sentence

    async def work(at: Reached) -> int:
        listed = 0
        async for page in _pages(at, prefix.lower(), limit):
            printed.add([shown(one) for one in page])
            listed += len(page)
        return listed

    listed: int = reach(context).run(work)
    printed.end()
    if not listed:
        typer.echo("there are none", err=True)
    elif listed == limit:
        typer.echo(f"these are the first {limit}; --limit shows more", err=True)


def _row(one: Suppressed) -> tuple[Any, ...]:
    return tuple(facts(one).values())


def _sentence(one: Suppressed) -> str:
    return f"{one.at:%Y-%m-%d %H:%M} UTC  {one.address}  {one.why} (by {one.who})"


async def _pages(at: Reached, prefix: str, limit: int) -> AsyncIterator[list[Suppressed]]:
    after, left = "", limit
    while left:
        most = min(_PAGE, left)
        async with at.engine.connect() as connection:
            page = await list_suppressions(connection, at.workspace, prefix=prefix, after=after, limit=most)
        if page:
            yield page
        if len(page) < most:
            return
        after, left = page[-1].address, left - len(page)
