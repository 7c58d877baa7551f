"""`python -m proof.load.inbound FOLDER...`: what the messages of each folder are taken for, and which took longest.

A folder holds messages, one a file, as anybody's corpus of mail does; give one folder for each kind that is in it.
"""

import argparse
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from intake.files.file_error import FileError
from intake.inbound.dry_run import NOTHING, dry_run
from intake.inbound.message_class import InboundKind
from proof.rig.command import run_command

_COLUMNS = (*InboundKind, NOTHING)


class Measured(NamedTuple):
    """What the messages of a folder would be taken for, how many would suppress an address, and the slowest."""

    kinds: Counter[str]
    suppressed: int
    slowest: float  # seconds
    slowest_file: str


def _files(folder: Path) -> list[Path]:
    return sorted(one for one in folder.rglob("*") if one.is_file())


async def measure(folder: Path) -> Measured:
    """Read all files of a folder, each by itself."""
    files = _files(folder)
    kinds: Counter[str] = Counter()
    suppressed, slowest, began = 0, (0.0, ""), time.perf_counter()
    async for one in dry_run(files):
        took, began = time.perf_counter() - began, time.perf_counter()
        if isinstance(one, FileError):
            continue
        if kinds:  # the first one waits for the process that reads it
            slowest = max(slowest, (took, one.file))
        kinds[one.kind] += 1
        suppressed += one.suppress
    return Measured(kinds, suppressed, *slowest)


def rows(measured: dict[Path, Measured]) -> Iterator[list[str]]:
    """Write a row for each folder."""
    for folder, found in measured.items():
        counts = [str(found.kinds[kind] or "") for kind in _COLUMNS]
        time_taken = f"{found.slowest * 1000:.0f} ms, {Path(found.slowest_file).name}"
        yield [folder.name, str(found.kinds.total()), *counts, str(found.suppressed or ""), time_taken]


async def _measure(console: Console, folders: list[Path]) -> int:
    table = Table("folder", "messages", *(kind.replace("_", " ") for kind in _COLUMNS), "suppress", "slowest", box=None)
    for row in rows({folder: await measure(folder) for folder in folders}):
        table.add_row(*row)
    console.print(table)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m proof.load.inbound", description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(run_command("bench", _measure(Console(width=200), _arguments().folders)))
