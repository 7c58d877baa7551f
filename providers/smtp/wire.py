"""One SMTP connection whose session stands: strict replies, and a body whose end is known.

The library that made the connection answers to exceptions by class and keeps what a server says too early; what is
decided here, sent or not sent, bears neither. So after the session is set up we read and write for ourselves.
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import NamedTuple, cast

from providers.smtp import socket as smtp_socket

# RFC 5321, 4.2: three digits, a space or hyphen, text. A bare LF is taken as a line's end: the reply is clear without.
_REPLY_LINE = re.compile(rb"([1-5][0-9]{2})(?:([ -])(.*))?\r?\n")
# RFC 5321, 4.5.3.1.5 says 512 octets a line; the longest honest replies (to EHLO) stay far below this bound of memory
_LONGEST_REPLY = 64 * 1024
# small enough that a server that stops reading is noticed early, large enough to cost nothing
_CHUNK = 64 * 1024
# No event tells that the kernel has put the last of a body on the wire. One that the server reads is there at once.
_LOOK_AGAIN = timedelta(milliseconds=5)
_QUIT_ANSWERED, _CLOSING = 221, b"421"
# A server that has answered QUIT with anything but 221 goes at once, or has more to say at once.
_AFTERWORD = timedelta(seconds=1)
# Of a server that says one thing after another nothing more need be heard to know that it does.
_MOST_AFTERWORDS = 3


class SmtpReply(NamedTuple):
    """What a server answered: the code, and the text of all lines without it."""

    code: int
    text: str

    @property
    def digit(self) -> int:
        """The first digit, which alone says what was done (RFC 5321, 4.2.1)."""
        return self.code // 100


class GarbledReplyError(Exception):
    """The server said something that is no reply."""


class StrayReplyError(GarbledReplyError):
    """The server said something that nothing had asked for, so no reply can be told from an answer."""


def take_reply(received: bytearray) -> SmtpReply | None:
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


def _reply(codes: set[int], texts: list[str]) -> SmtpReply:
    if len(codes) != 1:
        raise GarbledReplyError("lines of one reply differ in their codes")
    return SmtpReply(codes.pop(), "\n".join(texts))


class Wire(asyncio.Protocol):
    """A connection that takes over a transport, for one message.

    `unasked`: the server has said something that nothing had asked for.
    """

    def __init__(self, transport: asyncio.BaseTransport, extensions: Mapping[str, str]) -> None:
        self.extensions = extensions
        self.unasked = False
        self._transport = cast("asyncio.Transport", transport)
        self._received = bytearray()
        self._ended = False
        self._paused = False
        self._news = asyncio.Event()
        # paused from the first byte that the layer below has not taken
        self._transport.set_write_buffer_limits(high=1, low=0)
        self._transport.set_protocol(self)
        smtp_socket.reset_on_close(self._transport, reset=True)

    def interrupted(self) -> bool:
        """Whether the server spoke or hung up, though nothing was asked, also if only the kernel knows of it yet."""
        return self._heard_of() or smtp_socket.has_unread(self._transport)

    async def ask(self, command: bytes, within: timedelta) -> SmtpReply:
        """Send one command line and await its reply.

        Raises ConnectionError, TimeoutError, GarbledReplyError (StrayReplyError when one stood there before it).
        """
        if self._received:
            self.unasked = True
            raise StrayReplyError("a reply came before its command")
        self.write(command + b"\r\n")
        return await self.reply(within)

    async def reply(self, within: timedelta) -> SmtpReply:
        """Await one reply, `within` being the time for all of it. Raises as `ask` does."""
        async with asyncio.timeout(within.total_seconds()):
            while (reply := take_reply(self._received)) is None:
                await self._until(self._silent_no_more(len(self._received)))
        return reply

    async def put(self, body: bytes, within: timedelta) -> None:
        """Write a body and see all of it on the wire, or stop early when the server spoke or hung up.

        Whatever is written next stands behind nothing. Raises TimeoutError when the server doesn't take it in time.
        """
        smtp_socket.discard_after(self._transport, within)
        async with asyncio.timeout(within.total_seconds()):
            for start in range(0, len(body), _CHUNK):
                if self._heard_of():
                    return
                self.write(body[start : start + _CHUNK])
                await self._until(lambda: not self._paused or self._heard_of())
            while not self._heard_of() and smtp_socket.unsent(self._transport):
                await self._news_or(_LOOK_AGAIN)

    def write(self, data: bytes) -> None:
        """Hand bytes to the transport, at once. Raises ConnectionError when it is known to be dead."""
        if self._ended or self._transport.is_closing():
            raise ConnectionResetError("the server hung up")
        self._transport.write(data)

    async def quit(self, within: timedelta) -> tuple[SmtpReply, ...]:
        """Say QUIT, and return what is heard until its 221, or until the server goes or falls silent.

        A server answers one command after the other: a reply that comes before the 221 answers what was asked before.
        Raises StrayReplyError when one stood there before QUIT was said.
        """
        # RFC 5321, 3.8 lets a server say 421, and nothing else, without having been asked
        if self._received and not self._received.startswith(_CLOSING):
            self.unasked = True
            raise StrayReplyError("a reply came behind the last one")
        heard: list[SmtpReply] = []
        with suppress(ConnectionError, TimeoutError, GarbledReplyError):
            self.write(b"QUIT\r\n")
            while len(heard) < _MOST_AFTERWORDS and (not heard or heard[-1].code != _QUIT_ANSWERED):
                heard.append(await self.reply(_AFTERWORD if heard else within))
        self.unasked |= len(heard) > 1
        smtp_socket.reset_on_close(self._transport, reset=not heard or heard[-1].code != _QUIT_ANSWERED)
        return tuple(heard)

    def drop(self) -> None:
        """End the connection now, by a reset unless it was left in peace: what the server doesn't have, it won't get.

        What its machine has acknowledged is out of our hands: it may read that on, and take a message from it.
        """
        self._transport.abort()

    async def _until(self, happened: Callable[[], bool]) -> None:
        while not happened():
            self._news.clear()
            await self._news.wait()

    async def _news_or(self, pause: timedelta) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(pause.total_seconds()):
                await self._until(self._heard_of)

    def _heard_of(self) -> bool:
        return bool(self._received) or self._ended or self._transport.is_closing()

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

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._news.set()
