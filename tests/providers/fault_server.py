"""An SMTP server on raw sockets that can go wrong in every phase, and keeps what it was given."""

import asyncio
import socket
import ssl
import struct
from collections.abc import Mapping
from contextlib import suppress
from enum import StrEnum
from types import TracebackType
from typing import NoReturn, Self, cast

PHASES = ("connect", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "body", "final", "quit")
_SAID = {
    "connect": b"220 fault.test ready\r\n",
    "starttls": b"220 go ahead\r\n",
    "auth": b"235 2.7.0 welcome\r\n",
    "mail": b"250 2.1.0 fine\r\n",
    "rcpt": b"250 2.1.5 fine\r\n",
    "data": b"354 go ahead\r\n",
    "final": b"250 2.0.0 queued as F1\r\n",
    "quit": b"221 bye\r\n",
}
_EXTENSIONS = ("SIZE 33554432", "8BITMIME", "SMTPUTF8", "PIPELINING", "ENHANCEDSTATUSCODES")


class Wrong(StrEnum):
    """What goes wrong instead of a reply. Bytes in its place are a reply, said as they are."""

    DROP = "drop"
    RESET = "reset"
    HANG = "hang"  # says nothing, until the client goes
    DEAF = "deaf"  # says nothing and reads nothing, so it doesn't notice that the client goes
    SLOW = "slow"  # a reply that never ends, one octet at a time
    HALF = "half"  # the beginning of the right reply, then the end of the connection


Fault = Wrong | bytes


class _OverError(Exception):
    """The session ends here."""


class FaultServer:
    """Listens on 127.0.0.1 while entered. `faults` and `once` (each used up by its first use) may change meanwhile."""

    def __init__(
        self,
        faults: Mapping[str, Fault] | None = None,
        *,
        extensions: tuple[str, ...] = _EXTENSIONS,
        tls: ssl.SSLContext | None = None,
        tls_at_once: bool = False,
    ) -> None:
        self.faults = dict(faults or {})
        self.once: dict[str, Fault] = {}
        self.extensions = extensions
        self.messages: list[bytes] = []  # those it took responsibility for, un-stuffed
        self.takes: bool | None = None  # whether it takes a message; None: as its answer to the terminator says
        self.terminators = 0
        self.connections = 0
        self.plaintext = b""  # all that came before TLS, if any
        self.commands: list[bytes] = []
        self.port = 0
        self.stuck = asyncio.Event()  # set when it begins to hang
        self.terminated = asyncio.Event()  # set by the first terminator
        self._tls = tls
        self._tls_at_once = tls_at_once
        self.released = asyncio.Event()
        self._taken = asyncio.Condition()
        self._taken_octets = 0
        self._sessions: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def __aenter__(self) -> Self:
        # a small receive buffer, so that a body that isn't read is noticed by its writer
        listening = socket.create_server(("127.0.0.1", 0))
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.port = listening.getsockname()[1]
        at_once = self._tls if self._tls_at_once else None
        self._server = await asyncio.start_server(self._serve, sock=listening, ssl=at_once, limit=2**20)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, _: object, __: TracebackType | None) -> None:
        self._server.close()
        if kind is None:
            await self.settled()
        self.abandon()

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    async def settled(self) -> None:
        """Wait until every session has ended; idle ones end when the client does."""
        self.released.set()
        await self.left()

    async def left(self) -> None:
        """Wait until the client has gone from every session."""
        while self._sessions:
            await asyncio.wait(list(self._sessions))

    async def body_taken(self, octets: int) -> None:
        """Wait until this much of a message's body has been read."""
        async with self._taken:
            await self._taken.wait_for(lambda: self._taken_octets >= octets)

    async def hang_up(self) -> None:
        """Close every connection, as servers do with idle clients."""
        for writer in list(self._sessions.values()):
            writer.close()
            await writer.wait_closed()
        for _ in range(3):  # turns of the loop in which a client within it hears of that
            await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._sessions[task] = writer
        try:
            await _Session(self, reader, writer).run()
        except (_OverError, ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            writer.close()
            del self._sessions[task]

    def abandon(self) -> None:
        """Forget every connection, deaf ones too."""
        for session, writer in self._sessions.items():
            writer.transport.abort()
            session.cancel()

    def stop_listening(self) -> None:
        """Read nothing more on any connection, not even TLS's farewell."""
        for writer in self._sessions.values():
            cast("asyncio.Transport", writer.transport).pause_reading()

    async def take(self, octets: int) -> None:
        async with self._taken:
            self._taken_octets += octets
            self._taken.notify_all()

    def end(self, terminators: int) -> None:
        self.terminators += terminators
        if terminators:
            self.terminated.set()

    def fault(self, phase: str) -> Fault | None:
        return self.once.pop(phase, None) or self.faults.get(phase)


class _Session:
    def __init__(self, server: FaultServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer

    async def run(self) -> None:
        await self._answer("connect")
        while line := await self._line():
            self._server.commands.append(line)
            verb = line.split(b" ")[0].strip().decode().lower()
            phase = verb if verb in PHASES else "unknown"
            reply = await self._answer(phase)
            if phase == "quit":
                return
            if phase == "starttls" and reply.startswith(b"220"):
                await self._writer.start_tls(self._server._tls)  # type: ignore[arg-type] # None would be the test's bug
            if phase == "data" and reply.startswith(b"354"):
                await self._take_message()

    async def _line(self) -> bytes:
        try:
            line = await self._reader.readuntil(b"\r\n")
        except asyncio.IncompleteReadError:
            return b""
        if self._writer.get_extra_info("sslcontext") is None:
            self._server.plaintext += line
        return line

    async def _take_message(self) -> None:
        message = bytearray()
        if "body" in self._server.faults:
            await self._reader.readexactly(1)
            await self._answer("body")
            await self._go_wrong(Wrong.DEAF, b"")
        while (line := await self._reader.readuntil(b"\r\n")) != b".\r\n":
            message += line[1:] if line.startswith(b".") else line
            await self._server.take(len(line))
        self._server.end(1)
        reply = await self._answer("final")
        if reply.startswith(b"2") if self._server.takes is None else self._server.takes:
            self._server.messages.append(bytes(message))

    async def _answer(self, phase: str) -> bytes:
        fault = self._server.fault(phase)
        usual = self._usual(phase)
        if isinstance(fault, Wrong):
            await self._go_wrong(fault, usual)
        reply = usual if fault is None else fault
        self._writer.write(reply)
        await self._writer.drain()
        return reply

    def _usual(self, phase: str) -> bytes:
        if phase == "ehlo":
            offered = ["fault.test", *self._server.extensions]
            return (
                b"".join(b"250-%s\r\n" % each.encode() for each in offered[:-1]) + b"250 %s\r\n" % offered[-1].encode()
            )
        return _SAID.get(phase, b"500 5.5.1 what?\r\n")

    async def _go_wrong(self, how: Wrong, usual: bytes) -> NoReturn:
        if how is Wrong.RESET:
            raw = self._writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._writer.transport.abort()
        elif how is Wrong.HALF:
            self._writer.write(usual[: len(usual) // 2])
        elif how is Wrong.SLOW:
            await self._drip(usual)
        elif how is Wrong.HANG:
            self._server.stuck.set()
            self._server.end((b"\r\n" + await self._rest()).count(b"\r\n.\r\n"))
        elif how is Wrong.DEAF:
            self._server.stop_listening()
            await self._server.released.wait()
        raise _OverError

    async def _rest(self) -> bytes:
        """All that comes until the client goes, by a reset too."""
        read = bytearray()
        with suppress(ConnectionError):
            while data := await self._reader.read(65_536):
                read += data
        return bytes(read)

    async def _drip(self, usual: bytes) -> None:
        self._writer.write(usual[:4])
        while not self._writer.transport.is_closing():
            self._writer.write(b"x")
            # slowness is what this server offers here: faster than any timeout of one read, slower than their sum
            await asyncio.sleep(0.02)
