"""CSV that a spreadsheet may open: no cell of it is taken for a formula.

What leads and operators wrote may begin like a formula, which a spreadsheet would run (OWASP, "CSV Injection"). Such a
cell gets an apostrophe in front, which a spreadsheet shows as text. `as_written` takes it away again.
"""

import csv
import io
import re
import sys
from collections.abc import Sequence
from typing import Any

# Full-width signs count in spreadsheets of East Asian locales. An apostrophe before one is guarded too, so that what
# was written can be told from what was put in front.
_LIKE_A_FORMULA = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_GUARD = "'"


def guarded(cell: str) -> str:
    """Return a cell as a spreadsheet takes it for text."""
    return _GUARD + cell if _LIKE_A_FORMULA.match(cell) else cell


def as_written(cell: str) -> str:
    """Invert `guarded`. A cell that no formula begins in is returned as it is."""
    return cell[len(_GUARD) :] if cell.startswith(_GUARD) and _LIKE_A_FORMULA.match(cell) else cell


class CsvRows:
    """Rows for spreadsheets and programs, printed as they come: in UTF-8 whatever the locale, for so they are read."""

    def __init__(self, headings: Sequence[str]) -> None:
        self._headings: list[Sequence[str]] = [headings]

    def add(self, page: Sequence[Any]) -> None:
        """Print further rows."""
        lines = io.StringIO()
        csv.writer(lines).writerows([[guarded(str(cell)) for cell in row] for row in [*self._headings, *page]])
        self._headings = []
        sys.stdout.flush()
        sys.stdout.buffer.write(lines.getvalue().encode("utf-8", "backslashreplace"))

    def end(self) -> None:
        """Print the headings where there was no row."""
        self.add([])
