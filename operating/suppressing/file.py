"""A CSV of addresses, read whole before anything of it is used: a bad one among them, and nothing is done."""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from domain.address import suppression_entry
from intake.files.file_error import FileError, require_utf8
from operating.spreadsheet import as_written

_COLUMNS = ("address", "email")


def count_lines(path: Path) -> int:
    """Count a file's lines: about as many as its rows. Raises FileError for one that can't be read."""
    require_utf8(path)
    with path.open("rb") as file:
        return sum(1 for _ in file)


def read_entries(path: Path, read: Callable[[], Any]) -> list[str]:
    """Read the entries of a CSV, each once, as the suppression list has them; `read` is called after each row.

    They stand in the column `address` or `email`, or in the only one there is, guarded from spreadsheets or not.
    Raises FileError with every problem and its row (the line it begins on, from 1).
    """
    entries: dict[str, None] = {}
    problems: list[str] = []
    for row, cell in _cells(path):
        read()
        try:
            entries[suppression_entry(cell)] = None
        except ValueError as error:
            problems.append(f"{path}:{row}: {error}")
    if problems:
        raise FileError([*problems, f"{path}: nothing was changed: fix these rows, then run it again"])
    return list(entries)


def _cells(path: Path) -> Iterator[tuple[int, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader, column = csv.reader(file, strict=True), None
        row = 1
        try:
            for cells in reader:
                if column is None:
                    column, is_heading = _column(path, cells)
                    if is_heading:
                        row = reader.line_num + 1
                        continue
                if any(cell.strip() for cell in cells):
                    yield row, as_written(cells[column]) if column < len(cells) else ""
                row = reader.line_num + 1
        except csv.Error as error:
            raise FileError([f"{path}:{row}: is not CSV ({error}): close its quotes"]) from None


def _column(path: Path, first: list[str]) -> tuple[int, bool]:
    """Say which column holds the addresses, and whether the first row is a heading."""
    heading = [cell.strip().lower() for cell in first]
    named = [heading.index(name) for name in _COLUMNS if name in heading]
    if named:
        return named[0], True
    if len(first) == 1:
        return 0, False
    raise FileError([f"{path}:1: address: this column is missing: name the one with addresses so"])
