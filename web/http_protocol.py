"""HTTP of one connection: uvicorn's own, made to wait for nobody for ever and to read no body in crumbs."""

import asyncio
import socket
from typing import Any, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from web.connections import Bounds, Connections
from web.lingering import LingeringTransport

# As h11 has it by default; no request to these doors has a head of 2 KB.
_LONGEST_HEAD = 16 * 1024
# A chunk takes 5 microseconds to be read, however little it holds. The first 20 milliseconds are free: whoever writes
# JSON into a connection piece by piece sends chunks of a few bytes.
_FREE_CHUNKS = 4096
_FEWEST_BYTES_A_CHUNK = 64
_BUSY = b'{"problems":["there are too many connections now: try again"]}'
_NO_ROOM = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nconnection: close\r\nretry-after: 5\r\n"
    b"content-length: %d\r\n\r\n%s" % (len(_BUSY), _BUSY)
)


class _Http(h11.Connection):
    """h11's own, which refuses a body that comes in crumbs."""

    def __init__(self) -> None:
        super().__init__(h11.SERVER, _LONGEST_HEAD)
        self._chunks = self._bytes = 0

    def next_event(self) -> Any:
        """Return what happens next. Raises h11.RemoteProtocolError."""
        event = super().next_event()
        if isinstance(event, h11.Request):
            self._chunks = self._bytes = 0
        elif isinstance(event, h11.Data):
            self._chunks += event.chunk_start
            self._bytes += len(event.data)
            if self._chunks > _FREE_CHUNKS + self._bytes // _FEWEST_BYTES_A_CHUNK:
                raise h11.RemoteProtocolError("the body comes in too many chunks")
        return event


class ImpatientProtocol(H11Protocol):
    """uvicorn's own, which bounds neither the wait for a head nor that for an answer to be read, nor how many wait.

    `address` is the peer's. A connection waits for the head of a request, or it is busy with that request until it is
    answered; whoever still sends then is listened to for a while (LingeringTransport).
    """

    def __init__(self, *arguments: Any, bounds: Bounds, connections: Connections, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.conn = _Http()
        self.timeout_keep_alive = bounds.idle.total_seconds()  # type: ignore[assignment]  # it is given to call_later
        self.address = ""
        self._bounds = bounds
        self._all = connections
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        self._plain = transport
        self._lingering = LingeringTransport(transport, self._bounds.linger, self._is_sending)
        super().connection_made(cast("asyncio.Transport", self._lingering))
        self.address = self.client[0] if self.client else ""
        _bound_unread_answers(transport, self._bounds)
        if not self._all.admit(self):
            transport.write(_NO_ROOM)
            transport.close()
            return
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._all.leave(self)
        self._await_nothing()
        self._lingering.forget()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._lingering.lingers:
            self._lingering.let_go_by(data)
            return
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        self._all.is_waiting(self)
        super().on_response_complete()  # which takes the next request, if it is there already
        if self._is_busy():
            self._look()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no request; where an answer is under way already, just close."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:
            self.transport.close()
        if self._is_busy():  # what deals with the request must not wait for the rest of it, or answer it
            self.cycle.disconnected = True
            self.cycle.message_event.set()

    def give_way(self) -> None:
        """Be closed at once, in favour of another connection."""
        self._plain.abort()

    def _look(self) -> None:
        """See what this connection is in, after something came."""
        if self._is_busy():
            self._await_nothing()
            self._all.is_busy(self)
        elif self._head_timer is None and not self.transport.is_closing():
            self._await_head()

    def _is_busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _is_sending(self) -> bool:
        return self.conn.their_state in (h11.SEND_BODY, h11.ERROR)

    def _await_head(self) -> None:
        """Give up on a head that is not complete in time; what comes of it meanwhile changes nothing."""
        self._head_timer = self.loop.call_later(self._bounds.head.total_seconds(), self._plain.abort)

    def _await_nothing(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


def _bound_unread_answers(transport: asyncio.Transport, bounds: Bounds) -> None:
    """Let the system close a connection whose peer takes nothing of what was written, where it can (Linux)."""
    opened = transport.get_extra_info("socket")
    if opened is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
        milliseconds = int(bounds.unread.total_seconds() * 1000)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
