"""Turns: how many of one key are under way at once, so that one that is stuck holds nothing that others need."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

# One holds the lock of its lead, the next has its connection and waits for the lock: more would wait in PostgreSQL for
# what they can't have yet. So ten leads must be stuck at once before an ingress has no connection left for the others.
_AT_ONCE = 2
# As many as an ingress has connections. What waits here holds a few KB.
_MOST_WAITING = 1000
# Longer than a transaction may wait for a lock (5 s), so that each that is stuck makes room; whoever delivers events
# waits no longer for an answer, as a rule, but delivers again.
_PATIENCE = timedelta(seconds=10)


class NoTurnError(Exception):
    """Too many of one key are under way, or have been for too long."""


class _Line:
    def __init__(self, at_once: int) -> None:
        self.free = asyncio.Semaphore(at_once)
        self.members = 0


class Turns:
    """Gives turns, first come, first served, by key."""

    def __init__(
        self, *, at_once: int = _AT_ONCE, most_waiting: int = _MOST_WAITING, patience: timedelta = _PATIENCE
    ) -> None:
        self._at_once, self._most, self._patience = at_once, at_once + most_waiting, patience
        self._lines: dict[str, _Line] = {}

    def __len__(self) -> int:
        """Count the keys that have something under way."""
        return len(self._lines)

    @asynccontextmanager
    async def turn(self, key: str) -> AsyncIterator[None]:
        """Wait for a turn, and have it until the context ends. Raises NoTurnError."""
        line = self._lines.setdefault(key, _Line(self._at_once))
        if line.members >= self._most:
            raise NoTurnError
        line.members += 1
        try:
            await self._wait(line)
            try:
                yield
            finally:
                line.free.release()
        finally:
            line.members -= 1
            if not line.members:
                del self._lines[key]

    async def _wait(self, line: _Line) -> None:
        try:
            async with asyncio.timeout(self._patience.total_seconds()):
                await line.free.acquire()
        except TimeoutError:
            raise NoTurnError from None
