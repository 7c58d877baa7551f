"""What clients may take: of our time, of our memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple

from web.rates import RateLimit

# Six messages of the largest size at a time. Python and the libraries take 100 MB, so a process needs 200 MB at most.
_MOST_BYTES = 64 * 1024 * 1024
# Bodies up to this size are always read: there are no more of them than connections. So large bodies, whoever sends
# them, keep out neither events (which have 1 KB, as a rule) nor most messages.
_SMALL_BODY = 64 * 1024


class HttpTimeouts(NamedTuple):
    """How long others are waited for."""

    body: timedelta = timedelta(seconds=10)  # for the whole of it: 26 KB a second are enough
    readiness: timedelta = timedelta(seconds=5)
    # Whoever asks whether we are ready is told what was found by then: nobody acts on it within a second
    fresh: timedelta = timedelta(seconds=1)


class NoRoomError(Exception):
    """The bodies that are being read, or dealt with, hold all of the memory there is for them."""


class BodyMemory:
    """The memory that all bodies in flight may hold together. One that finds too little left is refused at once.

    It does not wait: bodies that hold a part of the memory and wait for more would wait for each other.
    """

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self.left = most_bytes

    @contextmanager
    def share(self) -> Iterator["BodyShare"]:
        """Give one body its share, until the request is dealt with."""
        share = BodyShare(self)
        try:
            yield share
        finally:
            self.give_back(share.held)

    def take(self, more: int) -> None:
        """Take memory for a body. Raises NoRoomError, having taken none."""
        if more > self.left:
            raise NoRoomError
        self.left -= more

    def give_back(self, held: int) -> None:
        """Give back what a body has held."""
        self.left += held


class BodyShare:
    """What one body holds of the memory; `held` counts from where a body is no small one any more."""

    def __init__(self, memory: BodyMemory) -> None:
        self._memory = memory
        self.held = 0

    def grow_to(self, size: int) -> None:
        """Hold a body of this size. Raises NoRoomError."""
        more = max(0, size - _SMALL_BODY) - self.held
        self._memory.take(more)
        self.held += more


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorLimits:
    """The limits of all doors of one process."""

    patience: HttpTimeouts = field(default_factory=HttpTimeouts)
    bodies: BodyMemory = field(default_factory=BodyMemory)
    # of the doors at which nobody has to say who they are, and where asking costs more than being told
    unsigned: RateLimit = field(default_factory=RateLimit)
