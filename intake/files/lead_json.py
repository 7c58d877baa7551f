"""Leads as programs write them: JSON, one object a line, or all of them in one array."""

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from io import TextIOBase
from pathlib import Path

from domain.given import given_fields
from domain.lead import OWN_FIELDS
from intake.files.column_options import ColumnOptions
from intake.files.columns import Columns, name_columns
from intake.files.file_error import LONGEST_LINE, FileError
from intake.files.json_text import read_json
from intake.files.lead_row import BadRow, Row, bad

_CHUNK = 65_536
_SPACES = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


def begins_an_array(path: Path, encoding: str) -> bool:
    """Say whether a file holds one JSON array, and not an object a line. Raises FileError for another form."""
    with path.open(encoding=encoding, errors="replace") as file:
        first = next((line.strip() for line in iter(lambda: file.readline(_CHUNK), "") if line.strip()), "")
    if first == "{":
        raise FileError([f"{path}: holds an object over several lines; write one object a line, or an array of them"])
    return first.startswith("[")


def array_rows(path: Path, encoding: str, options: ColumnOptions) -> Iterator[Row | BadRow]:
    """Read the objects of an array, one at a time. Rows are counted by them: all may stand on one line.

    Raises FileError at once when it is broken anywhere.
    """
    for _ in _elements(path, encoding):
        pass
    return _array_rows(path, encoding, options)


def _array_rows(path: Path, encoding: str, options: ColumnOptions) -> Iterator[Row | BadRow]:
    for row, text in enumerate(_elements(path, encoding), start=1):
        yield json_row(row, text, options)


def line_rows(path: Path, encoding: str, options: ColumnOptions) -> Iterator[Row | BadRow]:
    """Read the objects of a file, one a line."""
    with path.open(encoding=encoding) as file:
        for row, line in enumerate(file, start=1):
            if line.strip():
                yield json_row(row, line, options)


def json_row(row: int, text: str, options: ColumnOptions) -> Row | BadRow:
    """Read an object: its keys are columns, but `variables`, whose own keys are names of variables."""
    try:
        found = read_json(text)
    except ValueError as error:
        return bad(row, f"{error}; write one object a line")
    if not isinstance(found, dict):
        return bad(row, "is not an object; write one object a line")
    nested = found.pop("variables", None)
    if nested is not None and not isinstance(nested, dict):
        return bad(row, 'variables: must be an object; write it as {"name": "text"}')
    columns = _columns(tuple(found), tuple(options.names.items()))
    if columns.problems:
        return bad(row, "; ".join(columns.problems))
    if "" in found:
        return bad(row, "has a key without a name; name it, or remove it")
    named = given_fields({name or "": found[key] for key, name in zip(found, columns.names, strict=True)})
    further = {name: named.pop(name) for name in list(named) if name not in OWN_FIELDS}
    variables = given_fields(nested or {})
    if twice := sorted(variables.keys() & further.keys()):
        return bad(row, f"{twice[0]}: is given twice, once in variables; remove one")
    return Row(row, {**named, "variables": {**variables, **further}})


# The rows of a file mostly have the same keys.
@lru_cache(maxsize=64)
def _columns(keys: tuple[str, ...], mapping: tuple[tuple[str, str], ...]) -> Columns:
    return name_columns(keys, dict(mapping))


def _elements(path: Path, encoding: str) -> Iterator[str]:
    """Return the elements of an array as they are written; at most one is held at a time."""
    with path.open(encoding=encoding) as file:
        text = _Text(path, file)
        text.take("[")
        separator = "[" if not text.comes("]") else "]"
        while separator != "]":
            yield text.value()
            separator = "]" if text.comes("]") else ","
            if separator == ",":
                text.take(",")
        text.take("]")
        if not text.at_end():
            raise text.error("something follows the array")


class _Text:
    """The text of a file, read by and by."""

    def __init__(self, path: Path, file: TextIOBase) -> None:
        self._path = path
        self._file = file
        self._text = ""
        self._ended = False
        self._line = 1

    def error(self, problem: str) -> FileError:
        """Say what is wrong here; the whole file can't be used then."""
        return FileError([f"{self._path}:{self._line}: is not a JSON array ({problem}); export the file again"])

    def comes(self, sign: str) -> bool:
        """Say whether a sign comes next, behind spaces."""
        self._skip_spaces()
        return self._text.startswith(sign)

    def take(self, sign: str) -> None:
        """Go on behind a sign."""
        if not self.comes(sign):
            raise self.error(f"{sign!r} is missing")
        self._advance(len(sign))

    def value(self) -> str:
        """Take a value, as it is written."""
        self._skip_spaces()
        while True:
            try:
                _, end = _DECODER.raw_decode(self._text)
            except RecursionError:
                raise self.error("it is nested too deeply") from None
            except ValueError as error:
                if not self._read_more():
                    raise self.error(getattr(error, "msg", "a number is too long")) from None
            else:
                found = self._text[:end]
                self._advance(end)
                return found

    def at_end(self) -> bool:
        """Say whether nothing but spaces is left."""
        self._skip_spaces()
        return not self._text

    def _skip_spaces(self) -> None:
        while True:
            end = _end_of_spaces(self._text)
            self._advance(end)
            if self._text or not self._read_more():
                return

    def _advance(self, count: int) -> None:
        self._line += self._text.count("\n", 0, count)
        self._text = self._text[count:]

    def _read_more(self) -> bool:
        if self._ended or len(self._text) > LONGEST_LINE:
            return False
        more = self._file.read(_CHUNK)
        self._ended = not more
        self._text += more
        return bool(more)


def _end_of_spaces(text: str) -> int:
    found = _SPACES.match(text)
    return found.end() if found else 0
