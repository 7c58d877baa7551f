"""`make mutate`: break each guard, one at a time, in a copy of the checkout; a named test must fail each time.

Exits 1 when a broken guard goes unnoticed, or when a test fails without any guard being broken.
"""

import argparse
import asyncio
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from xml.etree import ElementTree

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from proof.guards import (
    claiming,
    commands,
    committing,
    doors,
    files,
    inbound,
    recipients,
    restoring,
    schema,
    sending,
    settling,
    tenants,
)
from proof.guards.broken import Break
from proof.rig.command import run_command

_HOME = Path(__file__).parents[2]
BREAKS = [
    *claiming.BREAKS,
    *commands.BREAKS,
    *committing.BREAKS,
    *doors.BREAKS,
    *files.BREAKS,
    *inbound.BREAKS,
    *recipients.BREAKS,
    *restoring.BREAKS,
    *sending.BREAKS,
    *settling.BREAKS,
    *tenants.BREAKS,
    *schema.BREAKS,
]
# Each needs a PostgreSQL and a Temporal of its own, for seconds.
_AT_ONCE = 2
_TIMED_OUT = "from pytest-timeout"  # a test that hangs may do so for another reason


class Verdict(StrEnum):
    """What became of tests. DID_NOT_RUN: one ended before it could fail by itself, in a fixture or for want of time."""

    PASSED = "NOT FOUND"
    FAILED = "found"
    DID_NOT_RUN = "the test did not run"


async def _run(checkout: Path, *tests: str) -> Verdict:
    """Run tests in a checkout until one fails."""
    report = checkout / "report.xml"
    report.unlink(missing_ok=True)
    command = (sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", f"--junitxml={report}", *tests)
    process = await asyncio.create_subprocess_exec(
        *command, cwd=checkout, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        code = await process.wait()
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
    return judge(code, report.read_text() if report.exists() else "<testsuites/>")


def judge(code: int, report: str) -> Verdict:
    """Judge by pytest's exit code and its JUnit report, in which a fixture's failure is an error."""
    if code == 0:
        return Verdict.PASSED
    failures = ElementTree.fromstring(report).iter("failure")  # noqa: S314  # pytest's own
    failed = any(_TIMED_OUT not in one.get("message", "") for one in failures)
    return Verdict.FAILED if failed else Verdict.DID_NOT_RUN


async def _broken(checkout: Path, one: Break) -> str:
    """Break a guard, run its test, mend the guard; returns what became of it."""
    file = checkout / one.file
    whole = file.read_text()
    if whole.count(one.before) != 1:
        return f"can't be broken: its words stand {whole.count(one.before)} times in {one.file}"
    file.write_text(whole.replace(one.before, one.after))
    verdict = await _run(checkout, one.test)
    file.write_text(whole)
    return verdict


async def _each(breaks: list[Break], folder: Path, done: Progress) -> dict[Break, str]:
    found: dict[Break, str] = {}
    waiting = list(breaks)
    bar = done.add_task("breaking", total=len(breaks))

    async def work(number: int) -> None:
        checkout = folder / str(number)
        _copy(checkout)
        while waiting:
            one = waiting.pop(0)
            found[one] = await _broken(checkout, one)
            done.advance(bar)

    await asyncio.gather(*(work(number) for number in range(_AT_ONCE)))
    return found


def _copy(to: Path) -> None:
    """Copy what git knows of this checkout, as it stands."""
    listed = subprocess.run(("git", "ls-files", "-z"), cwd=_HOME, check=True, capture_output=True)  # noqa: S607
    for name in listed.stdout.decode().split("\0"):
        if name and (_HOME / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(_HOME / name, to / name)


def _table(breaks: list[Break], found: dict[Break, str]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("GUARD BROKEN", "BECAME", "BY THE TEST"):
        table.add_column(name, overflow="fold")
    for one in breaks:
        table.add_row(one.guard, found[one], one.test.removeprefix("tests/"))
    return table


async def _main(breaks: list[Break]) -> int:
    screen = Console(stderr=True)
    with tempfile.TemporaryDirectory() as folder, Progress(console=screen, disable=not screen.is_terminal) as done:
        whole = Path(folder) / "whole"
        _copy(whole)
        if await _run(whole, *{one.test for one in breaks}) is not Verdict.PASSED:
            sys.stderr.write("mutate: a test fails without any guard being broken: run `make test`\n")
            return 1
        found = await _each(breaks, Path(folder), done)
    Console(width=None if screen.is_terminal else 200, markup=False).print(_table(breaks, found))
    noticed = sum(became == Verdict.FAILED for became in found.values())
    print(f"{noticed} of {len(breaks)} broken guards were found")
    return 0 if noticed == len(breaks) else 1


def main() -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m proof.guards.mutate", description=__doc__)
    parser.add_argument("wanted", nargs="?", default="", help="only guards or files whose name contains this")
    wanted = parser.parse_args().wanted
    breaks = [one for one in BREAKS if wanted in one.guard or wanted in one.file]
    if not breaks:
        parser.error(f"no guard and no file of one is called {wanted}; without a name, all are broken")
    return run_command("mutate", _main(breaks))


if __name__ == "__main__":
    sys.exit(main())
