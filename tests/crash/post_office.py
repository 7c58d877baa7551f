"""An SMTP server that stands still where it is told to, and keeps every message it was given whole."""

import asyncio
import re
import socket
from collections import Counter
from enum import StrEnum
from types import TracebackType
from typing import Self

from providers.scripted import Halt


class Place(StrEnum):
    """Where it can stand still: before its greeting, after the body's first octet, before it answers that or QUIT."""

    GREETING = "greeting"
    BODY = "body"
    REPLY = "reply"
    QUIT = "quit"


class PostOffice:
    """Listens on 127.0.0.1 while entered. `accepted` holds each message from the moment its last octet was read."""

    def __init__(self) -> None:
        self.accepted: list[bytes] = []
        self.port = 0
        self._halts: dict[Place, Halt] = {}
        self._sessions: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        listening = socket.create_server(("127.0.0.1", 0))
        # small segments and a small receive buffer: the kernels take less than a megabyte of a body that isn't read,
        # so that its writer stands still (on loopback's usual ones they take three, and a terminator with them)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1000)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.port = listening.getsockname()[1]
        self._server = await asyncio.start_server(self._serve, sock=listening)
        return self

    async def __aexit__(self, _: type[BaseException] | None, __: object, ___: TracebackType | None) -> None:
        self._server.close()
        for session in self._sessions:
            session.cancel()
        await asyncio.gather(*self._sessions, return_exceptions=True)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def stand_at(self, place: Place) -> Halt:
        """Let the next session that comes there stand still until told to go."""
        self._halts[place] = self._halt = Halt.new()
        return self._halt

    def go_on(self) -> None:
        """Let the session go that stands still."""
        self._halt.go.set()

    async def all_left(self) -> None:
        """Wait until every client has gone: what they had sent has been read by then."""
        while self._sessions:
            await asyncio.wait(self._sessions)

    def received(self) -> Counter[str]:
        """How often each message was given to us whole, by its Message-ID."""
        found = (re.search(rb"^Message-ID:\s*(<[^>]+>)", message, re.MULTILINE) for message in self.accepted)
        return Counter(each[1].decode() if each else "(none)" for each in found)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._sessions.add(task)
        try:
            await self._converse(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client left, or the test is over
        finally:
            writer.close()
            self._sessions.discard(task)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._stand(Place.GREETING)
        await _say(writer, b"220 office.test ready")
        while verb := (await reader.readline())[:4].upper():
            match verb:
                case b"EHLO":
                    await _say(writer, b"250-office.test\r\n250 8BITMIME")
                case b"DATA":
                    await _say(writer, b"354 go ahead")
                    await self._take(reader)
                    await self._stand(Place.REPLY)
                    await _say(writer, b"250 2.0.0 taken")
                case b"QUIT":
                    await self._stand(Place.QUIT)
                    await _say(writer, b"221 bye")
                    break
                case _:
                    await _say(writer, b"250 fine")

    async def _take(self, reader: asyncio.StreamReader) -> None:
        message = bytearray(await reader.readexactly(1))  # its writer is past the invitation
        await self._stand(Place.BODY)
        while (line := await reader.readuntil(b"\r\n")) != b".\r\n":
            message += line
        self.accepted.append(bytes(message))

    async def _stand(self, place: Place) -> None:
        halt = self._halts.pop(place, None)
        if halt is not None:
            halt.reached.set()
            await halt.go.wait()


async def _say(writer: asyncio.StreamWriter, words: bytes) -> None:
    writer.write(words + b"\r\n")
    await writer.drain()
