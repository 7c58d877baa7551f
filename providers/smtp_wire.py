"""One SMTP connection whose session stands: strict replies, and a body whose end is known.

The library that made the connection answers to exceptions by class and keeps what a server says too early; what is
decided here, sent or not sent, bears neither. So after the session is set up we read and write for ourselves.
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import NamedTuple, cast

# RFC 5321, 4.2: three digits, a space or hyphen, text. A bare LF is taken as a line's end: the reply is clear without.
_REPLY_LINE = re.compile(rb"([1-5][0-9]{2})(?:([ -])(.*))?\r?\n")
# RFC 5321, 4.5.3.1.5 says 512 octets a line; the longest honest replies (to EHLO) stay far below this bound of memory
_LONGEST_REPLY = 64 * 1024
# small enough that a server that stops reading is noticed early, large enough to cost nothing
_CHUNK = 64 * 1024


class Reply(NamedTuple):
    """What a server answered: the code, and the text of all lines without it."""

    code: int
    text: str

    @property
    def digit(self) -> int:
        """The first digit, which alone says what was done (RFC 5321, 4.2.1)."""
        return self.code // 100


class GarbledReplyError(Exception):
    """The server said something that is no reply, or said it out of turn."""


def take_reply(received: bytearray) -> Reply | None:
    """Take the first whole reply out of what was received; None while it is unfinished.

    Raises GarbledReplyError for what can't become one, lines of differing codes included.
    """
    texts, codes, start = [], set(), 0
    while (end := received.find(b"\n", start) + 1) > 0:
        line = _REPLY_LINE.fullmatch(received[start:end])
        if line is None:
            raise GarbledReplyError("no reply line")
        codes.add(int(line[1]))
        texts.append((line[3] or b"").decode(errors="replace"))
        if line[2] != b"-":
            del received[:end]
            return _reply(codes, texts)
        start = end
    if len(received) > _LONGEST_REPLY:
        raise GarbledReplyError("an endless reply")
    return None


def _reply(codes: set[int], texts: list[str]) -> Reply:
    if len(codes) != 1:
        raise GarbledReplyError("lines of one reply differ in their codes")
    return Reply(codes.pop(), "\n".join(texts))


class Wire(asyncio.Protocol):
    """A connection that takes over a transport; used by one send at a time."""

    def __init__(self, transport: asyncio.BaseTransport, extensions: Mapping[str, str]) -> None:
        self.extensions = extensions
        self.letters = 0
        self.gone = asyncio.Event()
        self._transport = cast("asyncio.Transport", transport)
        self._received = bytearray()
        self._ended = False
        self._paused = False
        self._news = asyncio.Event()
        # paused from the first byte the kernel has not taken: "drained" means all of it is out of our hands
        self._transport.set_write_buffer_limits(high=1, low=0)
        self._transport.set_protocol(self)

    def interrupted(self) -> bool:
        """Whether the server spoke or hung up, though nothing was asked."""
        return bool(self._received) or self._ended or self._transport.is_closing()

    async def ask(self, command: bytes, within: timedelta) -> Reply:
        """Send one command line and await its reply.

        Raises ConnectionError, TimeoutError, GarbledReplyError (also when an answer stood there before the question).
        """
        if self._received:
            raise GarbledReplyError("a reply came before its command")
        self.write(command + b"\r\n")
        return await self.reply(within)

    async def reply(self, within: timedelta) -> Reply:
        """Await one reply, `within` being the time for all of it. Raises as `ask` does."""
        async with asyncio.timeout(within.total_seconds()):
            while (reply := take_reply(self._received)) is None:
                await self._until(self._silent_no_more(len(self._received)))
        return reply

    async def put(self, body: bytes, within: timedelta) -> None:
        """Write a body and see it drained, or stop early when the connection is `interrupted`. Raises TimeoutError."""
        async with asyncio.timeout(within.total_seconds()):
            for start in range(0, len(body), _CHUNK):
                if self.interrupted():
                    return
                self.write(body[start : start + _CHUNK])
                await self._until(lambda: not self._paused or self.interrupted())

    def write(self, data: bytes) -> None:
        """Hand bytes to the transport, at once. Raises ConnectionError when it is known to be dead."""
        if self._ended or self._transport.is_closing():
            raise ConnectionResetError("the server hung up")
        self._transport.write(data)

    def drop(self) -> None:
        """End the connection now; what was not yet sent never is."""
        self._transport.abort()

    def quit(self) -> None:
        """Take leave without waiting for an answer; a server that doesn't let go is dropped a second later."""
        if not self._transport.is_closing():
            self._transport.write(b"QUIT\r\n")
            self._transport.close()
            asyncio.get_running_loop().call_later(1, self._transport.abort)

    async def _until(self, happened: Callable[[], bool]) -> None:
        while not happened():
            self._news.clear()
            await self._news.wait()

    def _silent_no_more(self, heard: int) -> Callable[[], bool]:
        def happened() -> bool:
            if len(self._received) == heard and self._ended:
                raise ConnectionResetError("the server hung up")
            return len(self._received) > heard

        return happened

    # what follows is called by the transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        self._news.set()

    def eof_received(self) -> None:
        self._ended = True
        self._news.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the transport's signature
        self._ended = True
        self._news.set()
        self.gone.set()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._news.set()
