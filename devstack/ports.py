"""Free local ports."""

import os
import random
import socket
from collections.abc import Sequence
from contextlib import ExitStack

# Below every system's ephemeral range (Linux: from 32768): a port we let go of for a restart must not be taken by
# somebody's outgoing connection, nor by a client's that, while we are down, connects to itself (a simultaneous open).
RANDOM_PORTS = range(20_000, 32_000)
# A port is free again between our look and the server's start, and another process may look then. Each looks among a
# share of its own, by its number: two that run at once seldom have the same.
_SHARES = 64


def free_ports(usual: Sequence[int | None]) -> list[int]:
    """For each usual port that port if it is free, else (and for None) a random free one. All are distinct."""
    with ExitStack() as held:
        return [_hold(held, port) for port in usual]


def _hold(held: ExitStack, usual: int | None) -> int:
    share = RANDOM_PORTS[os.getpid() % _SHARES :: _SHARES]
    candidates = random.sample(share, len(share))
    for port in [usual, *candidates] if usual else candidates:
        held_socket = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        # as the servers do: connections of a server that just ended (TIME_WAIT) don't make its port taken
        held_socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            held_socket.bind(("127.0.0.1", port))
            held_socket.listen()  # with SO_REUSEADDR several may bind a port, but only one listen on it
        except OSError:
            continue
        return port
    raise OSError("no free port found")
