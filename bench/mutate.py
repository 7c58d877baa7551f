"""`make mutate`: break each guard, one at a time, in a copy of the checkout; a named test must fail each time.

Exits 1 when a broken guard goes unnoticed, or when a test fails without any guard being broken.
"""

import argparse
import asyncio
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bench.breaks import claiming, restoring, schema, sending, settling
from bench.breaks.broken import Break

_HOME = Path(__file__).parents[1]
BREAKS = [*claiming.BREAKS, *restoring.BREAKS, *sending.BREAKS, *settling.BREAKS, *schema.BREAKS]
# Each needs a PostgreSQL and a Temporal of its own, for seconds.
_AT_ONCE = 2
_PASSED, _FAILED = 0, 1


async def _run(checkout: Path, *tests: str) -> int:
    """Run tests in a checkout; returns pytest's exit code."""
    command = (sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests)
    process = await asyncio.create_subprocess_exec(
        *command, cwd=checkout, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    return await process.wait()


async def _broken(checkout: Path, one: Break) -> str:
    """Break a guard, run its test, mend the guard; returns what became of it."""
    file = checkout / one.file
    whole = file.read_text()
    if whole.count(one.before) != 1:
        return f"can't be broken: its words stand {whole.count(one.before)} times in {one.file}"
    file.write_text(whole.replace(one.before, one.after))
    code = await _run(checkout, one.test)
    file.write_text(whole)
    if code == _FAILED:
        return "found"
    return "NOT FOUND" if code == _PASSED else f"the test did not run (pytest's exit code {code})"


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


async def _main(wanted: str) -> int:
    breaks = [one for one in BREAKS if wanted in one.guard or wanted in one.file]
    screen = Console(stderr=True)
    with tempfile.TemporaryDirectory() as folder, Progress(console=screen, disable=not screen.is_terminal) as done:
        whole = Path(folder) / "whole"
        _copy(whole)
        if await _run(whole, *{one.test for one in breaks}) != _PASSED:
            sys.stderr.write("mutate: a test fails without any guard being broken: run `make test`\n")
            return 1
        found = await _each(breaks, Path(folder), done)
    Console(width=None if screen.is_terminal else 200).print(_table(breaks, found))
    noticed = sum(became == "found" for became in found.values())
    print(f"{noticed} of {len(breaks)} broken guards were found")
    return 0 if noticed == len(breaks) else 1


def main() -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.mutate", description=__doc__)
    parser.add_argument("wanted", nargs="?", default="", help="only guards or files whose name contains this")
    return asyncio.run(_main(parser.parse_args().wanted))


if __name__ == "__main__":
    sys.exit(main())
