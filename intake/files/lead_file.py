"""Lead files, CSV or JSON, read row by row: a bad row is reported, and the others go on."""

from collections.abc import Iterator
from pathlib import Path

from intake.files.column_options import ColumnOptions
from intake.files.file_error import LONGEST_LINE, FileError
from intake.files.file_text import require_text, text_encoding
from intake.files.lead_csv import open_table, table_rows
from intake.files.lead_json import array_rows, begins_an_array, json_row, line_rows
from intake.files.lead_row import BadRow, LeadRow, Row, bad, lead_of_row

__all__ = ["BadRow", "ColumnOptions", "LeadRow", "read_lead", "read_leads"]
_TABLES = frozenset({".csv", ".tsv", ".tab"})
_JSON = frozenset({".jsonl", ".ndjson", ".json"})
_NO_OPTIONS = ColumnOptions()


def read_leads(path: Path, options: ColumnOptions = _NO_OPTIONS) -> Iterator[LeadRow | BadRow]:
    """Read the leads of a file, one at a time. The first row of a lead counts; a later one is bad, even if equal.

    Memory grows by about 150 bytes a row, to know the lead ids read so far, and by nothing else. Raises FileError
    at once, before any lead is returned, for a file that can't be used: unreadable, no text, with a bad header.
    """
    ending = path.suffix.lower()
    if ending not in _TABLES | _JSON:
        raise FileError(
            [f"{path}: leads are read from .csv or .jsonl (or .tsv, .json); convert it, or give it its right ending"]
        )
    return _leads(_rows(path, text_encoding(path), options), options)


def read_lead(text: str, options: ColumnOptions = _NO_OPTIONS) -> LeadRow | BadRow:
    """Read one lead of JSON, written as in a line of a `.jsonl` file; it is row 1."""
    row = json_row(1, text, options)
    return row if isinstance(row, BadRow) else lead_of_row(row, options.literal)


def _rows(path: Path, encoding: str, options: ColumnOptions) -> Iterator[Row | BadRow]:
    is_table = path.suffix.lower() in _TABLES
    is_array = not is_table and begins_an_array(path, encoding)
    require_text(path, encoding, None if is_array else LONGEST_LINE)
    if is_table:
        return table_rows(open_table(path, encoding, options))
    return (array_rows if is_array else line_rows)(path, encoding, options)


def _leads(rows: Iterator[Row | BadRow], options: ColumnOptions) -> Iterator[LeadRow | BadRow]:
    # 64-bit hashes: among a million leads the odds of refusing one for another's are below one in ten million.
    first_rows: dict[int, int] = {}
    for row in rows:
        found = row if isinstance(row, BadRow) else lead_of_row(row, options.literal)
        if isinstance(found, BadRow):
            yield found
            continue
        first = first_rows.setdefault(hash(found.lead.lead_id), found.row)
        if first == found.row:
            yield found
        else:
            yield bad(found.row, f"lead_id: is that of row {first} too; remove one", found.lead.lead_id)
