"""The connections of a server: how many there may be, and which one gives way when there are too many.

A connection that waits for a request, or whose request is answered, gives way to a new one: who opens connections and
says nothing keeps nobody out. Only when all of them carry requests is a new one refused.
"""

import resource
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from web.clients import Network, client_of, is_among

# Each may hold a body, a place in the line for PostgreSQL, and some 50 KB of Python's.
_MOST = 1000
# Descriptors for what is no client: PostgreSQL (20), Temporal, files, and the connection that is refused.
_OTHER_DESCRIPTORS = 100


def _most_connections() -> int:
    """As many as there are descriptors for: `accept` fails without one, for everybody."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if descriptors == resource.RLIM_INFINITY:
        return _MOST
    return max(10, min(_MOST, descriptors - _OTHER_DESCRIPTORS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a server allows its clients."""

    # From connecting, or from the first byte of a later request, to the end of its head
    head: timedelta = timedelta(seconds=20)
    # Between two requests of a connection
    idle: timedelta = timedelta(seconds=5)
    # How long somebody who is still sending when they are answered is listened to, so that they hear the answer
    linger: timedelta = timedelta(seconds=5)
    # How long an answer may lie unread
    unread: timedelta = timedelta(seconds=20)
    connections: int = field(default_factory=_most_connections)
    # How much of them one client may have. Half: mail providers unsubscribe many recipients from one address, at once
    share_of_one: float = 0.5
    # Whose connections carry the requests of many clients
    proxies: list[Network] = field(default_factory=list)


class Connection(Protocol):
    """A connection, as far as it is counted."""

    address: str

    def give_way(self) -> None:
        """Be closed at once."""


class Connections:
    """The open connections of a server."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._open: set[Connection] = set()
        self._by_client: Counter[str] = Counter()
        # those that give way, the one that has waited longest first
        self._waiting: dict[Connection, None] = {}

    def admit(self, connection: Connection) -> bool:
        """Count a new connection, which waits; says whether there is room for it."""
        client = client_of(connection.address)
        most_of_one = max(1, int(self._bounds.connections * self._bounds.share_of_one))
        shared = is_among(connection.address, self._bounds.proxies)
        if not shared and self._by_client[client] >= most_of_one and not self._make_room(client):
            return False
        if len(self._open) >= self._bounds.connections and not self._make_room():
            return False
        self._open.add(connection)
        self._by_client[client] += 1
        self._waiting[connection] = None
        return True

    def is_busy(self, connection: Connection) -> None:
        """Note that a request of this connection is being dealt with."""
        self._waiting.pop(connection, None)

    def is_waiting(self, connection: Connection) -> None:
        """Note that this connection has been given its answer."""
        if connection in self._open:
            self._waiting.pop(connection, None)
            self._waiting[connection] = None

    def leave(self, connection: Connection) -> None:
        """Count this connection no more."""
        if connection not in self._open:
            return
        self._open.remove(connection)
        self._waiting.pop(connection, None)
        client = client_of(connection.address)
        self._by_client[client] -= 1
        if not self._by_client[client]:
            del self._by_client[client]

    def _make_room(self, client: str | None = None) -> bool:
        """Close the connection that has waited longest, of one client or of all; says whether there was one."""
        for connection in self._waiting:
            if client in (None, client_of(connection.address)):
                self.leave(connection)
                connection.give_way()
                return True
        return False
