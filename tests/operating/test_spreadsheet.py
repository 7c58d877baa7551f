"""CSV of ours in a spreadsheet: no cell is a formula, and reading it back gives what was written."""

import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from operating.spreadsheet import as_written, guarded

# OWASP, "CSV Injection": what a cell must not begin with
_BEGINS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_CELLS = some.text(
    some.sampled_from([*_BEGINS_A_FORMULA, "'", '"', ",", "a", " ", "|", "é"]) | some.characters(codec="utf-8")
)


@given(_CELLS)
@example("=cmd|'/C calc'!A0@x.test")
@example("'=1+1")
@example("''@example.org")
def test_a_cell_never_begins_like_a_formula_and_is_read_back_as_it_was_written(cell: str) -> None:
    written = guarded(cell)
    assert not written.startswith(_BEGINS_A_FORMULA)
    assert as_written(written) == cell


@given(some.lists(_CELLS, min_size=2, max_size=4))
def test_rows_of_such_cells_are_read_back_by_any_reader_of_csv(cells: list[str]) -> None:
    file = io.StringIO(newline="")
    csv.writer(file).writerow([guarded(cell) for cell in cells])
    [read] = csv.reader(io.StringIO(file.getvalue(), newline=""), strict=True)
    assert [as_written(cell) for cell in read] == cells


@pytest.mark.parametrize(
    "cell", ["ada@example.com", "o'neill@example.com", "", "'", "sha256:00", "2026-11-30T10:00:00"]
)
def test_a_cell_that_begins_like_no_formula_stays_as_it_is(cell: str) -> None:
    assert (guarded(cell), as_written(cell)) == (cell, cell)
