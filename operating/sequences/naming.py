"""Which sequence an operator means: a file, the name of one in the folder, or a stored version."""

from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncConnection

from domain.sequence import Sequence
from intake.files.sequence_file import ReadSequence, find_sequence, known_sequences, read_with_warnings
from operating.looking.finding import NotFoundError
from store.sequences import find_versions, newest_version
from transactions.drafting import parse_sequence

_MOST_SHOWN = 5


def is_stored(written: str) -> bool:
    """Say whether NAME@VERSION is meant, for which the database is needed, and not a file."""
    return "@" in written and not Path(written).is_file()


def is_file(written: str, folder: Path) -> bool:
    """Say whether a file is meant, or the name of one in the folder, and not a version."""
    return Path(written).is_file() or written in known_sequences(folder)


def read_file(written: str, folder: Path) -> Sequence:
    """Read the sequence of a file, or of a name in the folder. Raises FileError."""
    return read_file_with_warnings(written, folder).sequence


def read_file_with_warnings(written: str, folder: Path) -> ReadSequence:
    """Read the same, and what its file says that may not be meant so."""
    return read_with_warnings(find_sequence(written, folder))


async def find_stored(connection: AsyncConnection, workspace: str, written: str) -> Sequence:
    """Find a stored version: NAME@VERSION, or as much of its beginning as no other shares. Raises NotFoundError."""
    name, _, prefix = written.rpartition("@")
    found = await find_versions(connection, workspace, name, prefix, _MOST_SHOWN + 1) if prefix else []
    if len(found) == 1:
        return parse_sequence(found[0].definition)
    see = f"see `followup sequence list {name}`"
    if not found:
        raise NotFoundError(f"no version of {name} begins with {prefix or 'nothing'}: {see}")
    several = ", ".join(one.version for one in found[:_MOST_SHOWN])
    raise NotFoundError(f"several versions of {name} begin with {prefix} ({several}): write more of one, or {see}")


async def find_newest(connection: AsyncConnection, workspace: str, name: str) -> Sequence:
    """Find the version of a sequence that was stored last. Raises NotFoundError."""
    found = await newest_version(connection, workspace, name)
    if found is None:
        raise NotFoundError(f"no version of {name} is stored: nobody was enrolled in it yet")
    return parse_sequence(found.definition)
