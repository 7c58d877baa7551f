"""Reading what the SMTP peer wrote down."""

from pathlib import Path
from typing import NamedTuple


class Taken(NamedTuple):
    """A message that the peer took: when (Unix time), its Message-ID, and `LEAD/STEP` by its body."""

    at: float
    message_id: str
    mark: str


class Wrong(NamedTuple):
    """A time that the peer went wrong: with whose message (`-`: before any was named), where and how."""

    at: float
    lead_id: str
    phase: str
    how: str


def read_taken(folder: Path) -> list[Taken]:
    """Read the messages that were taken, in that order."""
    return [Taken(float(at), *more) for at, *more in _lines(folder / "taken")]


def read_wrong(folder: Path) -> list[Wrong]:
    """Read the times that it went wrong, in that order."""
    return [Wrong(float(at), *more) for at, *more in _lines(folder / "wrong")]


def _lines(file: Path) -> list[list[str]]:
    return [line.split() for line in file.read_text().splitlines()] if file.exists() else []
