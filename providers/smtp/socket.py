"""What lies between our words and the server: the buffers of this process and of its kernel, and what becomes of them.

Bytes that were written are not bytes that were sent. They wait in asyncio's buffers (two of them with TLS), then in the
kernel, which goes on handing them over after the connection was closed, or while this process is suspended. A
terminator that waits there can still be taken back; one that the server's machine has acknowledged can't.
"""

import asyncio
import fcntl
import select
import socket
import struct
import sys
from contextlib import suppress
from datetime import timedelta
from typing import cast

# linux/sockios.h: how many bytes of a socket the kernel has never put on the wire. What it has put there need not be
# acknowledged: waiting for that would cost each message the 40 ms by which most systems delay it.
_SIOCOUTQNSD = 0x894B


def reset_on_close(transport: asyncio.BaseTransport, *, reset: bool) -> None:
    """Say what any end of the connection does with what was not handed over: a reset discards it (SO_LINGER 0).

    An end is `abort`, Python's own close when the server hangs up, and the death of this process alike.
    """
    with suppress(OSError):  # it has ended already
        _socket(transport).setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", reset, 0))


def discard_after(transport: asyncio.BaseTransport, stalled: timedelta) -> None:
    """Let the kernel itself end a connection whose peer takes nothing for so long, though this process is suspended.

    RFC 5482; on Linux alone, whose kernel counts a window that stays closed too.
    """
    if sys.platform == "linux":
        with suppress(OSError):
            _socket(transport).setsockopt(
                socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(stalled.total_seconds() * 1000)
            )


def unsent(transport: asyncio.Transport) -> int:
    """Count the bytes that were written and are not on the wire; those in the kernel on Linux alone."""
    waiting = sum(layer.get_write_buffer_size() for layer in _layers(transport))
    if sys.platform == "linux":
        with suppress(OSError, ValueError):  # it has ended, and holds nothing
            waiting += struct.unpack("i", fcntl.ioctl(_socket(transport).fileno(), _SIOCOUTQNSD, bytes(4)))[0]
    return waiting


def has_unread(transport: asyncio.BaseTransport) -> bool:
    """Whether the kernel holds something that came in, or the connection's end, of which we were not told yet."""
    poll = select.poll()
    with suppress(OSError, ValueError):
        poll.register(_socket(transport).fileno(), select.POLLIN)
        return bool(poll.poll(0))
    return True


def _layers(transport: asyncio.Transport) -> list[asyncio.Transport]:
    # asyncio has no public way from TLS to the transport beneath it, which keeps up to 64 KiB in a buffer of its own
    beneath = getattr(getattr(transport, "_ssl_protocol", None), "_transport", None)
    return [transport] if beneath is None else [transport, beneath]


def _socket(transport: asyncio.BaseTransport) -> socket.socket:
    return cast("socket.socket", transport.get_extra_info("socket"))
