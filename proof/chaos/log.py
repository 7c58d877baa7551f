"""Reading what the SMTP peer wrote down."""

from pathlib import Path
from typing import NamedTuple


class Taken(NamedTuple):
    """A message that the peer took: when (Unix time), from whom to whom, and what it is.

    `mark` is `WORKSPACE:SEQUENCE:LEAD/STEP` by its body, `text` a hash of what it says beside that. Addresses are those
    of the envelope, in lower case.
    """

    at: float
    sender: str
    recipient: str
    message_id: str
    mark: str
    text: str = ""

    @property
    def instance_id(self) -> str:
        """The follow-up, by its body."""
        return self.mark.rpartition("/")[0]

    @property
    def step(self) -> int:
        """The step, by its body; 0 where it tells none."""
        step = self.mark.rpartition("/")[2]
        return int(step) if step.isdecimal() else 0

    @property
    def workspace(self) -> str:
        """The workspace, by its body."""
        return self.mark.partition(":")[0]

    @property
    def person(self) -> str:
        """Whom it went to, as workspaces have them."""
        return f"{self.workspace}/{self.recipient}"


class Wrong(NamedTuple):
    """A time that the peer went wrong: with whose message to whom (`-`: before any was named), where and how."""

    at: float
    sender: str
    recipient: str
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
