"""Lead files, `.csv` or `.jsonl`, read row by row: a bad row is reported, and the others go on."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from domain.lead import RESERVED_VARIABLES, Lead, check_variable_name
from intake.file_error import FileError, require_utf8
from intake.lead_fields import LeadError, make_lead

_REQUIRED = ("lead_id", "email")


class BadRow(NamedTuple):
    """A row that is no lead. `row` is the line of the file it begins on, from 1; `problem` names row and remedy."""

    row: int
    problem: str
    lead_id: str = ""  # where it could be read


class LeadRow(NamedTuple):
    """A lead, and the line of the file its row begins on, from 1."""

    row: int
    lead: Lead


class _Row(NamedTuple):
    row: int
    fields: dict[str, Any]  # what the lead is made of, `variables` included


def read_leads(path: Path) -> Iterator[LeadRow | BadRow]:
    """Read the leads of a file, one at a time. The first row of a lead counts; a later one is bad, even if equal.

    Memory grows by about 150 bytes a row, to know the lead ids read so far, and by nothing else. Raises FileError
    at once, before any lead is returned, for a file that can't be used: unreadable, not UTF-8, with a bad header.
    """
    endings = {".csv": _csv_rows, ".jsonl": _json_rows}
    if path.suffix.lower() not in endings:
        raise FileError([f"{path}: leads are read from .csv or .jsonl; convert it, or give it its right ending"])
    require_utf8(path)
    if path.suffix.lower() == ".csv":
        _csv_header(path)
    return _leads(endings[path.suffix.lower()](path))


def read_lead(text: str) -> LeadRow | BadRow:
    """Read one lead of JSON, written as in a line of a `.jsonl` file; it is row 1."""
    row = _json_row(1, text)
    lead = row if isinstance(row, BadRow) else _lead(row)
    return lead if isinstance(lead, BadRow) else LeadRow(1, lead)


def _leads(rows: Iterator[_Row | BadRow]) -> Iterator[LeadRow | BadRow]:
    # 64-bit hashes: among a million leads the odds of refusing one for another's are below one in ten million.
    first_rows: dict[int, int] = {}
    for row in rows:
        lead = row if isinstance(row, BadRow) else _lead(row)
        if isinstance(lead, BadRow):
            yield lead
            continue
        first = first_rows.setdefault(hash(lead.lead_id), row.row)
        if first == row.row:
            yield LeadRow(row.row, lead)
        else:
            yield _bad(row.row, f"lead_id: is that of row {first} too; remove one", lead.lead_id)


def _lead(row: _Row) -> Lead | BadRow:
    lead_id = str(row.fields.get("lead_id", ""))
    for required in _REQUIRED:
        if not row.fields.get(required):
            return _bad(row.row, f"{required}: is missing; add it", lead_id)
    try:
        return make_lead(row.fields)
    except LeadError as error:
        return _bad(row.row, "; ".join(error.problems), lead_id)


def _csv_header(path: Path) -> list[str]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            header = [name.strip() for name in next(csv.reader(file, strict=True), [])]
        except csv.Error as error:
            raise FileError([f"{path}:1: the header is not CSV ({error}); mend it"]) from None
    problems = [f"{name}: this column is missing; add it, parted by commas" for name in _REQUIRED if name not in header]
    problems += [
        f"{name}: there are two such columns; remove one" for name in sorted(set(header)) if header.count(name) > 1
    ]
    problems += [problem for name in header if name not in RESERVED_VARIABLES for problem in _column_problem(name)]
    if problems:
        raise FileError(f"{path}:1: {problem}" for problem in problems)
    return header


def _column_problem(name: str) -> list[str]:
    try:
        check_variable_name(name)
    except ValueError as error:
        return [f"column {error}"]
    return []


def _csv_rows(path: Path) -> Iterator[_Row | BadRow]:
    header = _csv_header(path)
    with path.open(encoding="utf-8-sig", newline="") as file:
        # strict: else a quote that is never closed would swallow the rows behind it without a word
        reader = csv.reader(file, strict=True)
        next(reader)
        while True:
            row = reader.line_num + 1
            try:
                cells = [cell.strip() for cell in next(reader)]
            except StopIteration:
                return
            except csv.Error as error:
                yield _bad(
                    row, f"is not CSV ({error}); close its quotes; nothing was read up to line {reader.line_num}"
                )
                continue
            if len(cells) == len(header) and any(cells):
                yield _csv_row(row, header, cells)
            elif any(cells):
                yield _bad(row, f"has {len(cells)} cells where the header has {len(header)}; quote cells with commas")


def _csv_row(row: int, header: list[str], cells: list[str]) -> _Row:
    # an empty cell is nothing given: a template that needs it shall say so, not greet a blank
    given = {name: cell for name, cell in zip(header, cells, strict=True) if cell}
    variables = {name: given.pop(name) for name in list(given) if name not in RESERVED_VARIABLES}
    return _Row(row, {**given, "variables": variables})


def _json_rows(path: Path) -> Iterator[_Row | BadRow]:
    with path.open(encoding="utf-8-sig") as file:
        for row, line in enumerate(file, start=1):
            if line.strip():
                yield _json_row(row, line)


def _json_row(row: int, line: str) -> _Row | BadRow:
    try:
        found = json.loads(line, object_pairs_hook=_without_duplicates)
    except json.JSONDecodeError as error:
        return _bad(row, f"is not JSON ({error.msg}, character {error.pos + 1}); write one object a line")
    except RecursionError:
        return _bad(row, "is nested too deeply; make it plainer")
    except ValueError as error:
        return _bad(row, str(error))
    if not isinstance(found, dict):
        return _bad(row, "is not an object; write one object a line")
    given = _given(found)
    nested = given.pop("variables", {})
    further = {name: given.pop(name) for name in list(given) if name not in RESERVED_VARIABLES}
    if not isinstance(nested, dict):
        return _bad(row, 'variables: must be an object; write it as {"name": "text"}')
    if twice := sorted(nested.keys() & further.keys()):
        return _bad(row, f"{twice[0]}: is given twice, once in variables; remove one")
    return _Row(row, {**given, "variables": {**_given(nested), **further}})


def _given(found: dict[str, Any]) -> dict[str, Any]:
    # null is nothing given; a whole number has one way to be written, other values (1.0, true) have several
    return {name: str(value) if type(value) is int else value for name, value in found.items() if value is not None}


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{name}: is given twice; remove one")
        found[name] = value
    return found


def _bad(row: int, problem: str, lead_id: str = "") -> BadRow:
    return BadRow(row, f"row {row}: {problem}", lead_id)
