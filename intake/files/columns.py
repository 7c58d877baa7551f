"""Which field of a lead a column is: by what people call it, and by `--map`. What is nearly a field is no variable."""

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from domain.given import trimmed
from domain.lead import OWN_FIELDS, UNSUBSCRIBE_URL, check_variable_name, spelling_key
from domain.lead_fields import REQUIRED
from intake.files.column_options import ColumnOptions

# What else the four are called, by `spelling_key`. A word is here only where it can hardly mean another thing.
_ALIASES = {
    "leadid": "lead_id",
    **dict.fromkeys(("email", "mail", "emailaddress", "mailaddress", "emailadress", "emailadresse"), "email"),
    "name": "name",
    **dict.fromkeys(("timezone", "tz", "timezonename", "ianatimezone"), "timezone"),
}
# What a slip of the finger makes another word of: `emial`. Of `name` only its own letters in another order: lname is
# no slip.
_SLIPPERY = ("leadid", "email", "timezone")
_SLIP = 0.8
_MOST_SHOWN = 12


class Columns(NamedTuple):
    """The columns of a file, or the keys of an object: what each is, None where it has no name; and what is wrong."""

    written: tuple[str, ...]
    names: tuple[str | None, ...]
    problems: tuple[str, ...]

    @property
    def missing(self) -> list[str]:
        """The fields that every lead needs and none of them is."""
        return [required for required in REQUIRED if required not in self.names]


def name_columns(header: Sequence[str], mapping: Mapping[str, str]) -> Columns:
    """Name the columns of a header. Columns of `mapping` that are not there are left out: see `absent`."""
    written = tuple(trimmed(column) for column in header)
    by_hand = {place: name for name, column in mapping.items() if (place := _place(written, column)) is not None}
    fields = _fields(written, by_hand)
    names: list[str | None] = []
    problems = [*_doubled(written, fields, by_hand)]
    for place, column in enumerate(written):
        name = by_hand.get(place) or fields.get(place) or _variable(column)
        names.append(name or None)
        if name and place in by_hand:
            problems += _unfit_name(name)
        elif name and place not in fields:
            problems += _unfit_column(column, name, {*fields.values(), *by_hand.values()})
    return Columns(written, tuple(names), tuple(dict.fromkeys([*problems, *_alike(written, names)])))


def absent(written: Sequence[str], options: ColumnOptions) -> Iterator[str]:
    """Say which columns a person named that are not there."""
    there = ", ".join(repr(column) for column in written[:_MOST_SHOWN] if column)
    for name, column in options.names.items():
        if _place(written, column) is None:
            yield f"--map {name}={column!r}: there is no such column; there are {there}"
    known = {spelling_key(column) for column in (*written, *options.names)}
    for column in options.literal:
        if spelling_key(column) not in known:
            yield f"--literal {column!r}: there is no such column; there are {there}"


def similar_column(field: str, written: Sequence[str]) -> str | None:
    """Return the column that may be meant by a field that is missing."""
    keys = {column: spelling_key(column) for column in written if "@" not in column}
    ending = {"email": "mail", "lead_id": "id"}[field]
    found = [column for column, key in keys.items() if _meant(key, ()) == field]
    found += [column for column, key in keys.items() if key.endswith(ending)]
    found += [column for column, key in keys.items() if field == "email" and ending in key]
    return found[0] if found else None


def _place(written: Sequence[str], column: str) -> int | None:
    if trimmed(column) in written:
        return written.index(trimmed(column))
    keys = [spelling_key(one) for one in written]
    key = spelling_key(column)
    return keys.index(key) if key and keys.count(key) == 1 else None


def _fields(written: Sequence[str], by_hand: Mapping[int, str]) -> dict[int, str]:
    found = {place: _ALIASES.get(spelling_key(column)) for place, column in enumerate(written) if place not in by_hand}
    return {place: field for place, field in found.items() if field is not None}


def _doubled(written: Sequence[str], fields: Mapping[int, str], by_hand: Mapping[int, str]) -> Iterator[str]:
    mapped = {name: place for place, name in by_hand.items()}
    for field in OWN_FIELDS:
        columns = [written[place] for place, found in fields.items() if found == field]
        if field in mapped and columns:
            taken, other = written[mapped[field]], columns[0]
            yield (
                f"column {other!r}: {taken!r} is the {field} by --map; give this one another name,"
                f" --map NAME={other!r}, or remove it"
            )
        elif len(set(columns)) > 1:
            listed = " and ".join(map(repr, dict.fromkeys(columns)))
            yield (
                f"{field}: {listed} may both be it; say which, --map {field}={columns[0]!r}, and give the other"
                f" another name, --map NAME={columns[1]!r}, or remove it"
            )


def _variable(column: str) -> str:
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", column):
        return column
    plain = unicodedata.normalize("NFKC", column)
    snake = re.sub(r"\W+", "_", plain.casefold()).strip("_")
    return snake if re.fullmatch(r"[a-z_][a-z0-9_]*", snake) else column


def _unfit_name(name: str) -> Iterator[str]:
    if name not in OWN_FIELDS:
        yield from _unfit_variable(name)


def _unfit_column(column: str, name: str, taken: Collection[str]) -> Iterator[str]:
    meant = _meant(spelling_key(name), taken)
    if meant is None:
        yield from (f"{problem}, or say --map NAME={column!r}" for problem in _unfit_variable(name))
        return
    yield (
        f"column {column!r}: did you mean {meant}? rename it, or say what it is: --map {meant}={column!r}, or"
        f" --map NAME={column!r} for a variable"
    )


def _unfit_variable(name: str) -> Iterator[str]:
    try:
        check_variable_name(UNSUBSCRIBE_URL if spelling_key(name) == spelling_key(UNSUBSCRIBE_URL) else name)
    except ValueError as error:
        yield f"column {error}"


def _meant(key: str, taken: Collection[str]) -> str | None:
    """Return the field that a column which is none may be meant for. A second one (`email2`) is another column."""
    if "timezone" in key and "timezone" not in taken:
        return "timezone"
    if key == "id":  # whose it is, nobody can tell; a lead under another's id is one that no stop finds
        return "lead_id"
    if key[-1:].isdecimal():
        return None
    if sorted(key) == sorted("name"):
        return "name"
    return next((_ALIASES[word] for word in _SLIPPERY if _is_slip(key, word)), None)


def _is_slip(key: str, word: str) -> bool:
    return abs(len(key) - len(word)) <= 1 and SequenceMatcher(None, key, word).ratio() >= _SLIP


def _alike(written: Sequence[str], names: Sequence[str | None]) -> Iterator[str]:
    seen: dict[str, int] = {}
    for place, name in enumerate(names):
        first = seen.setdefault(spelling_key(name), place) if name else place
        if first == place or name is None:
            continue
        if written[first] == written[place]:
            yield f"{name}: there are two such columns; remove one"
        elif name not in OWN_FIELDS:
            one, other = written[first], written[place]
            yield f"columns {one!r} and {other!r}: are one name; give one another, --map NAME={other!r}, or remove it"
