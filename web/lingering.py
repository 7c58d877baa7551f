"""Closing the connection of somebody who is still sending, so that they hear the answer.

Closing a connection whose data were not read resets it, and the answer may be lost with it. So the sending half is
closed first, and what still comes is let go by for a while (RFC 9112, 9.6).
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

# One and a half of the largest body; whoever sends more may miss the answer.
_MOST_BYTES = 16 * 1024 * 1024


class LingeringTransport:
    """Stands for a transport; `close` lingers while `is_sending` says that a request is not at its end."""

    def __init__(self, transport: asyncio.Transport, linger: timedelta, is_sending: Callable[[], bool]) -> None:
        self._transport = transport
        self._linger, self._is_sending = linger, is_sending
        self._left = _MOST_BYTES
        self._timer: asyncio.TimerHandle | None = None
        self.lingers = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        """Say whether nothing more can be sent."""
        return self.lingers or self._transport.is_closing()

    def close(self) -> None:
        """Close the connection, now or after what still comes."""
        if self.is_closing() or not self._is_sending() or not self._transport.can_write_eof():
            self._transport.close()
            return
        self.lingers = True
        self._transport.write_eof()
        self._transport.resume_reading()
        self._timer = asyncio.get_running_loop().call_later(self._linger.total_seconds(), self._transport.abort)

    def let_go_by(self, data: bytes) -> None:
        """Forget what came."""
        self._left -= len(data)
        if self._left < 0:
            self._transport.abort()

    def forget(self) -> None:
        """Wait for nothing any more: the connection is lost."""
        if self._timer is not None:
            self._timer.cancel()
