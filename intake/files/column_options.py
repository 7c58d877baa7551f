"""What a person says of the columns of a lead file, as options of a command."""

from collections.abc import Mapping, Sequence
from typing import Annotated, NamedTuple

import typer

from domain.given import trimmed

MapColumns = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="NAME=COLUMN", help="Take a column for a field or variable: email='E-Mail 1'."),
]
LiteralColumns = Annotated[
    list[str] | None,
    typer.Option("--literal", metavar="COLUMN", help="Take `None`, `null` and the like in a column as they stand."),
]


class ColumnOptions(NamedTuple):
    """What a person says of the columns of a file.

    `names`: the column that each field or variable is, where its own name does not tell. `literal`: the columns whose
    `None`, `null` and the like are meant as they stand.
    """

    names: Mapping[str, str] = {}
    literal: Sequence[str] = ()


def read_column_options(maps: Sequence[str] | None, literal: Sequence[str] | None = None) -> ColumnOptions:
    """Read what `--map NAME=COLUMN` and `--literal COLUMN` say. Raises typer.BadParameter."""
    names: dict[str, str] = {}
    for written in maps or ():
        name, _, column = map(trimmed, written.partition("="))
        if not name or not column:
            raise typer.BadParameter(f"{written!r} is not NAME=COLUMN, such as email='E-Mail 1'", param_hint="--map")
        if names.setdefault(name, column) != column:
            raise typer.BadParameter(f"{name} is mapped twice: say which column it is", param_hint="--map")
    return ColumnOptions(names, tuple(literal or ()))
