"""What is wrong with a file of sequences or leads."""

import sys
from collections.abc import Iterable
from pathlib import Path

# A longer line is no row of a lead: somebody else's file, or one whose line ends were lost.
LONGEST_LINE = 1_000_000


class FileError(Exception):
    """A file can't be used. Each of `problems` is one line for people: `FILE:LINE: field: what is wrong; remedy`."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(self.problems))


def cannot_be_read(path: Path, error: OSError) -> FileError:
    """Say that a file can't be read."""
    return FileError([f"{path}: can't be read ({error.strerror}); check the name and its permissions"])


def read_whole(path: Path, most_bytes: int) -> bytes:
    """Read a file, or stdin as `-`. Raises FileError."""
    try:
        with sys.stdin.buffer if str(path) == "-" else path.open("rb") as opened:
            content = opened.read(most_bytes + 1)
    except OSError as error:
        raise cannot_be_read(path, error) from None
    if len(content) > most_bytes:
        raise FileError([f"{path}: is larger than {most_bytes} bytes; shorten it"])
    return content


def require_utf8(path: Path, *, most_bytes: int | None = None, longest_line: int = LONGEST_LINE) -> None:
    """Require a readable, not empty file of UTF-8, however large, before anything of it is used. Raises FileError."""
    try:
        with path.open("rb") as file:
            lines = enumerate(iter(lambda: file.readline(longest_line + 1), b""), start=1)
            total = sum(_checked(path, number, line, longest_line) for number, line in lines)
    except OSError as error:
        raise cannot_be_read(path, error) from None
    if not total:
        raise FileError([f"{path}: is empty; check that it was saved"])
    if most_bytes is not None and total > most_bytes:
        raise FileError([f"{path}: is larger than {most_bytes} bytes; shorten it"])


def _checked(path: Path, number: int, line: bytes, longest_line: int) -> int:
    if len(line) > longest_line:
        raise FileError([f"{path}:{number}: the line is longer than {longest_line} bytes; part it, or check the file"])
    try:
        line.decode()
    except UnicodeDecodeError:
        raise FileError([f"{path}:{number}: is not UTF-8; save the file as UTF-8"]) from None
    return len(line)
