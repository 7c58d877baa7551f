"""What a list prints, a page at a time: rows come as they are read, and memory stays flat however many there are."""

import json
from collections.abc import AsyncIterator, Sequence
from textwrap import indent
from typing import Any, NamedTuple, Protocol

import typer
from rich.text import Text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.instance import InstanceStatus
from operating.looking.page import console, style_of
from store.listing import Listed, list_instances

# A page is read within a few milliseconds, so the first rows come at once; and it is a round trip for so many rows.
PAGE = 500
_HEADINGS = ("INSTANCE", "STATUS", "REASON", "STEP", "UNTIL (UTC)")
_STATUS = 1  # the cell that is coloured
_GAP = "  "


class ListFilter(NamedTuple):
    """Which instances are listed, and how many of them."""

    status: InstanceStatus | None
    sequence: str | None
    limit: int


async def read_pages(engine: AsyncEngine, workspace: str, wanted: ListFilter) -> AsyncIterator[list[Listed]]:
    """Read instances page by page, the newest first. No connection is held while a page is printed."""
    last, left = None, wanted.limit
    while left:
        most = min(PAGE, left)
        async with engine.connect() as connection:
            page = await list_instances(connection, workspace, wanted.status, most, wanted.sequence, last)
        if page:
            yield page
        if len(page) < most:
            return
        last, left = page[-1], left - len(page)


class Rows:
    """Instances for people, a line each. The first page says how wide each column is."""

    def __init__(self) -> None:
        self._screen = console()
        self._widths: list[int] = []

    def add(self, page: Sequence[Listed]) -> None:
        """Print a page."""
        rows = [_cells(one) for one in page]
        if not self._widths:
            self._widths = [max(map(len, column)) for column in zip(_HEADINGS, *rows, strict=True)]
            self._print([Text(self._line(_HEADINGS), "bold")])
        self._print([self._styled(row) for row in rows])

    def end(self) -> None:
        """Print the headings where there was no page."""
        if not self._widths:
            self.add([])

    def _line(self, cells: Sequence[str]) -> str:
        padded = (cell.ljust(width) for cell, width in zip(cells, self._widths, strict=True))
        return _GAP.join(padded).rstrip()

    def _styled(self, row: Sequence[str]) -> Text:
        line, begin = Text(self._line(row)), max(self._widths[0], len(row[0])) + len(_GAP)
        line.stylize(style_of(row[_STATUS]), begin, begin + len(row[_STATUS]))
        return line

    def _print(self, lines: list[Text]) -> None:
        if self._screen.is_terminal:
            # a terminal breaks long lines by itself; a break of ours would be copied along
            self._screen.print(Text("\n").join(lines), soft_wrap=True)
        else:
            typer.echo("\n".join(line.plain for line in lines))


def _cells(one: Listed) -> tuple[str, ...]:
    reason = "" if one.reason == "none" else one.reason
    until = f"{one.until:%Y-%m-%d %H:%M:%S}" if one.until and one.status in ("active", "held") else ""
    return (one.instance_id, one.status, reason, f"{one.step}/{one.steps}", until)


class Printed(Protocol):
    """What is printed a page at a time."""

    def add(self, page: Sequence[Any]) -> None:
        """Print a page."""

    def end(self) -> None:
        """Print what comes behind the last page."""


class Lines:
    """Sentences, a line each."""

    def add(self, page: Sequence[str]) -> None:
        """Print further lines."""
        typer.echo("\n".join(page))

    def end(self) -> None:
        """Print nothing more."""


class JsonArray:
    """Values for programs: an array as `json.dumps` writes it, printed as its values come."""

    def __init__(self) -> None:
        self._begun = False

    def add(self, page: Sequence[Any]) -> None:
        """Print further values."""
        values = ",\n".join(indent(json.dumps(value, indent=2), "  ") for value in page)
        if values:
            typer.echo((",\n" if self._begun else "[\n") + values, nl=False)
            self._begun = True

    def end(self) -> None:
        """Print the end of the array."""
        typer.echo("\n]" if self._begun else "[]")
