"""The text of a file, however a spreadsheet has saved it: its encoding, told before anything of it is used."""

import codecs
from pathlib import Path

from intake.files.file_error import LONGEST_LINE, FileError, cannot_be_read

_CHUNK = 65_536
# UTF-32 first: its little-endian mark begins with that of UTF-16.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_UTF8 = "utf-8-sig"
# How a workbook begins: a ZIP archive (.xlsx, .ods, .numbers), or the older compound file (.xls).
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")


def text_encoding(path: Path) -> str:
    """Return how to decode a file of text: UTF-8, or UTF-16 or UTF-32 with its mark.

    Raises FileError for one that can't be read, is empty, or is no text.
    """
    try:
        with path.open("rb") as file:
            head = file.read(4)
    except OSError as error:
        raise cannot_be_read(path, error) from None
    if not head:
        raise FileError([f"{path}: is empty; check that it was saved"])
    if head in _WORKBOOKS:
        raise FileError([f"{path}: is a workbook and not its text; save the sheet as CSV (UTF-8)"])
    found = next((encoding for mark, encoding in _MARKS.items() if head.startswith(mark)), _UTF8)
    if found == _UTF8 and b"\0" in head:
        raise FileError([f"{path}:1: is UTF-16 without its mark; save the file as UTF-8"])
    return found


def require_text(path: Path, encoding: str, longest_line: int | None = LONGEST_LINE) -> None:
    """Require that all of a file, however large, can be decoded, before anything of it is used. Raises FileError."""
    decoder = codecs.getincrementaldecoder(encoding)()
    line, length = 1, 0
    with path.open("rb") as file:
        while True:
            chunk = file.read(_CHUNK)
            try:
                first, *others = decoder.decode(chunk, final=not chunk).split("\n")
            except UnicodeError as error:
                line += chunk[: getattr(error, "start", 0)].count(b"\n")
                raise FileError([f"{path}:{line}: {_undecodable(encoding)}"]) from None
            for number, length_here in enumerate((length + len(first), *map(len, others)), start=line):
                if longest_line is not None and length_here > longest_line:
                    raise FileError([f"{path}:{number}: the line is longer than {longest_line} characters; part it"])
                length = length_here
            line += len(others)
            if not chunk:
                return


def _undecodable(encoding: str) -> str:
    if encoding == _UTF8:
        return "is not UTF-8; save the file as UTF-8"
    return f"is not the {encoding.upper()} that it begins as; save the file as UTF-8"
