"""Leads as a spreadsheet saves them: rows of cells, separated by ',', ';', tabs or '|', as the header tells."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from domain.given import given
from domain.lead import OWN_FIELDS
from intake.files.column_options import ColumnOptions
from intake.files.columns import Columns, absent, name_columns, similar_column
from intake.files.file_error import FileError
from intake.files.lead_row import BadRow, Row, bad

_SEPARATORS = {",": "commas", ";": "';'", "\t": "tabs", "|": "'|'"}
# How spreadsheets are told what separates the cells: a first line of its own.
_TOLD = re.compile(r'"?sep=(.)"?', re.IGNORECASE)


class Table(NamedTuple):
    """A file whose header was read: how its cells are separated, and what its columns are."""

    path: Path
    encoding: str
    separator: str
    skipped: int  # lines above the header
    columns: Columns


class _Header(NamedTuple):
    separator: str
    skipped: int
    columns: Columns
    problem: str = ""  # why it is not CSV


def open_table(path: Path, encoding: str, options: ColumnOptions) -> Table:
    """Read a table's header. Raises FileError for one that does not name the columns of leads."""
    header = _header(path, encoding, options)
    columns, where = header.columns, f"{path}:{header.skipped + 1}"
    if header.problem:
        raise FileError([f"{where}: the header is not CSV ({header.problem}); close its quotes"])
    problems = [*_missing(header), *absent(columns.written, options)]
    if not any("@" in column for column in columns.written):  # else a row of a person, which is not to be quoted
        said = tuple(f"did you mean {field}?" for field in columns.missing)
        problems += [problem for problem in columns.problems if not any(words in problem for words in said)]
    if problems:
        raise FileError(f"{where}: {problem}" for problem in problems)
    return Table(path, encoding, header.separator, header.skipped, columns)


def table_rows(table: Table) -> Iterator[Row | BadRow]:
    """Read the rows of a table, one at a time."""
    with table.path.open(encoding=table.encoding, newline="") as file:
        # strict: else a quote that is never closed would swallow the rows behind it without a word
        reader = csv.reader(file, strict=True, delimiter=table.separator)
        for _ in range(table.skipped + 1):
            next(reader)
        width = 0
        while True:
            row = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield bad(row, f"is not CSV ({error}); close its quotes; nothing was read up to line {reader.line_num}")
                continue
            if any(given(cell) for cell in cells):
                width = width or _width(table, cells)
                yield _row(row, table, cells, width)


def _width(table: Table, first: list[str]) -> int:
    """Return how many cells a row has: as many as the header, or empty ones behind, as the first row has them."""
    columns = len(table.columns.names)
    surplus = first[columns:]
    # a space behind a separator is one of a text that wants quotes, and then the cells behind it stand a column too far
    is_plain = not any(given(cell) for cell in surplus) and not any(cell[:1] == " " for cell in first)
    return len(first) if surplus and is_plain else columns


def _row(row: int, table: Table, cells: list[str], width: int) -> Row | BadRow:
    names = table.columns.names
    named = max((place for place, name in enumerate(names, start=1) if name), default=0)
    if not named <= len(cells) <= width or any(given(cell) for cell in cells[len(names) :]):
        separator = _SEPARATORS.get(table.separator, repr(table.separator))
        return bad(row, f"has {len(cells)} cells where the header has {named}; quote cells with {separator}")
    found: dict[str, object] = {}
    for place, (name, cell) in enumerate(zip(names, map(given, cells), strict=False), start=1):
        if cell and name is None:
            return bad(row, f"has a value in column {place}, which has no name; name the column, or remove it")
        if cell and name is not None:
            found[name] = cell
    variables = {name: found.pop(name) for name in list(found) if name not in OWN_FIELDS}
    return Row(row, {**found, "variables": variables})


def _header(path: Path, encoding: str, options: ColumnOptions) -> _Header:
    """Read the header by the separator by which it names the most of what a lead needs."""
    told, above = _told(path, encoding)
    found = [
        _by_separator(path, encoding, separator, options, above) for separator in ([told] if told else _SEPARATORS)
    ]
    best = min(found, key=lambda one: (len(one.columns.missing), -len(one.columns.written)))
    if best.columns.missing:
        best = next((one for one in found if one.problem), best)
    return best


def _told(path: Path, encoding: str) -> tuple[str, int]:
    with path.open(encoding=encoding, newline="") as file:
        told = _TOLD.fullmatch(file.readline(len('"sep=,"\r\n')).rstrip("\r\n"))
    return (told[1], 1) if told else ("", 0)


def _by_separator(path: Path, encoding: str, separator: str, options: ColumnOptions, above: int) -> _Header:
    with path.open(encoding=encoding, newline="") as file:
        for _ in range(above):
            file.readline()
        reader = csv.reader(file, strict=True, delimiter=separator)
        nothing, line = name_columns([], {}), 0
        try:
            for cells in reader:  # lines without anything may stand above it
                if any(given(cell) for cell in cells):
                    return _Header(separator, above + line, name_columns(cells, options.names))
                line = reader.line_num
        except csv.Error as error:
            return _Header(separator, above + line, nothing, str(error))
    return _Header(separator, above, nothing)


def _missing(header: _Header) -> Iterator[str]:
    written = header.columns.written
    for field in header.columns.missing:
        similar = similar_column(field, written)
        remedy = f"if it is {similar!r}, say --map {field}={similar!r}" if similar else f"add it{_separated(written)}"
        yield f"{field}: this column is missing; {remedy}"
    if header.columns.missing and any("@" in column for column in written):
        yield "the first line holds a lead already; put a line above it that names the columns: lead_id,email,name"


def _separated(written: tuple[str, ...]) -> str:
    """Say by what a header of one cell seems to be separated."""
    only = written[0] if len(written) == 1 else ""
    found = next((sign for sign in (":", "^", "~", "#", "/", " ") if only.count(sign) > 1), None)
    return f"; the line is separated by {found!r}: save it with commas" if found and "@" not in only else ""
