"""Messages in files: of each its beginning is read, however large it is."""

import sys
from pathlib import Path
from typing import IO

from intake.files.file_error import FileError
from intake.inbound.mail import READ_BYTES

_CHUNK = 1024 * 1024


def read_beginning(path: Path) -> bytes:
    """Read the first bytes of a file, or of stdin as `-`. Raises FileError."""
    try:
        if str(path) == "-":
            return _read_all_of(sys.stdin.buffer)
        with path.open("rb") as opened:
            return opened.read(READ_BYTES)
    except OSError as error:
        raise FileError([f"{path}: can't be read ({error.strerror}); check the name and its permissions"]) from None


def _read_all_of(pipe: IO[bytes]) -> bytes:
    """Read to the end, so that no mail server that writes into it sees a broken pipe and returns the message."""
    beginning = pipe.read(READ_BYTES)
    while pipe.read(_CHUNK):
        continue
    return beginning
