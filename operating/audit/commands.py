"""`followup audit`: what was sent twice, what is stuck, which counts do not match."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from domain.duration import read_duration
from intake.files.file_error import FileError
from operating.audit.finding import Report, as_facts
from operating.audit.html import report_html
from operating.audit.matching import audit_received
from operating.audit.old_table import read_old_table
from operating.audit.page import report_lines
from operating.audit.received import Received, read_received, received_findings
from operating.audit.sending import sending_findings, task_findings
from operating.audit.tables import World, audit_tables
from operating.options import AsJson
from operating.progress import progress_bar
from operating.reach import Reach, Reached, reach
from operating.terminal import OutputError
from store.counting import count_expected

app = typer.Typer()
# 1 says that something was found, so what kept us from looking, or from saying so, has to be another.
_COULD_NOT_LOOK = 2


def _duration(written: str) -> timedelta:
    try:
        return read_duration(written)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


@app.command()
def audit(
    context: typer.Context,
    received: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="What was really received: an mbox, a Maildir, a folder of .eml files."),
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Look at an older system's table, a .csv, instead of ours."),
    ] = None,
    burst: Annotated[
        timedelta,
        typer.Option(metavar="DURATION", parser=_duration, help="Messages of one thread this close are a burst."),
    ] = "10m",  # type: ignore[assignment]  # typer parses the default as it parses what is written
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a page with a timeline picture for each finding.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look for what must not be: duplicates, bursts, stuck sends, doubled tasks, steps that count as nothing,
    workflows without rows and rows without workflows.

    Exit code 0: nothing is wrong. 1: something was found. 2: it could not look, or not say what it found.

    For example:

    * `followup audit` - the tables and Temporal
    * `followup audit --received ~/Maildir --html report.html` - beside what a mailbox holds
    * `followup audit --table docs/example/old-system.csv` - columns lead, instance, step, time, message_id; kind
    """  # noqa: D205  # the first sentence is a list
    try:
        report = _report(reach(context), received, table, burst)
        if html is not None:
            _write(html, report_html(report, datetime.now(UTC)))
    except SystemExit:
        raise typer.Exit(_COULD_NOT_LOOK) from None
    except FileError as error:
        for problem in error.problems:
            typer.echo(f"followup: {problem}", err=True)
        raise typer.Exit(_COULD_NOT_LOOK) from None
    _print(report, as_json=as_json)
    raise typer.Exit(0 if report.clean else 1)


def _print(report: Report, *, as_json: bool) -> None:
    try:
        for line in [json.dumps(as_facts(report), indent=2)] if as_json else report_lines(report):
            typer.echo(line)
    except OutputError as error:
        if not error.closed_by_its_reader:
            error.code = _COULD_NOT_LOOK
        raise


def _report(reached_by: Reach, received: Path | None, table: Path | None, burst: timedelta) -> Report:
    report = Report()
    messages = list(read_received(received)) if received else []  # first: what is unreadable changes nothing
    if table is not None:
        _audit_table(table, burst, report)
    else:
        _audit_ours(reached_by, messages, burst, report)
    if received is not None:
        report.looked_at["messages received"] += len(messages)
        report.add(received_findings(messages, burst))
    return report


def _audit_table(table: Path, burst: timedelta, report: Report) -> None:
    old = read_old_table(table)
    report.looked_at["messages sent"] += len(old.sent)
    report.looked_at["tasks"] += len(old.tasks)
    report.add(sending_findings(old.sent, burst))
    report.add(task_findings(old.tasks))


def _audit_ours(reached_by: Reach, messages: list[Received], burst: timedelta, report: Report) -> None:
    async def work(reached: Reached) -> None:
        client = await reached.connect()
        async with reached.engine.connect() as connection:
            instances, _ = await count_expected(connection, reached.workspace)
        with progress_bar() as progress:
            bar = progress.add_task("auditing", total=instances)
            world = World(reached.engine, client, reached.workspace, burst, lambda count: progress.advance(bar, count))
            await audit_tables(world, report)
        await audit_received(reached.engine, reached.workspace, messages, report)

    reached_by.run(work)


def _write(path: Path, page: str) -> None:
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise FileError([f"{path}: can't be written ({error.strerror})"]) from None
