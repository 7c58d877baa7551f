"""The sequences an app may name: those of one folder, read again now and then, so that a changed one is noticed."""

import asyncio
import time
from datetime import timedelta
from pathlib import Path

from domain.sequence import Sequence
from intake.files.sequence_file import known_sequences, read_for_enrolment

# Reading one costs as much as storing an enrolment; who changes a file can wait this long.
_KEPT_FOR = timedelta(seconds=5)


class SequenceFolder:
    """The sequences of a folder by name. `has_links`: each message has a link of its own."""

    def __init__(self, folder: Path, *, has_links: bool = False) -> None:
        self._folder = folder
        self._has_links = has_links
        self._read: dict[str, tuple[float, Sequence]] = {}

    async def find(self, name: str) -> Sequence | None:
        """Return a sequence; None when there is none of this name. Raises FileError when its file can't be used."""
        at, sequence = self._read.get(name, (0.0, None))
        if sequence is None or time.monotonic() - at > _KEPT_FOR.total_seconds():
            sequence = await asyncio.to_thread(self._find, name)
            if sequence is not None:
                self._read[name] = (time.monotonic(), sequence)
        return sequence

    def _find(self, name: str) -> Sequence | None:
        # by its name alone: a path, which a person may give, is not an app's to give
        path = known_sequences(self._folder).get(name)
        return read_for_enrolment(path, has_links=self._has_links) if path else None
