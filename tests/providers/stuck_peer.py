"""An SMTP server that stops reading in the middle of a message, as a stuck process does, and reads on when told to."""

import asyncio
import socket
import ssl
from types import TracebackType
from typing import Self

_WINDOW = 4096


class StuckPeer:
    """Listens on 127.0.0.1 while entered; takes one connection, up to the first octet of its message."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.port = 0
        self.stuck = asyncio.Event()  # it reads no more
        self._tls = tls
        self._reading_on = asyncio.Event()
        self._rest: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def __aenter__(self) -> Self:
        listening = socket.create_server(("127.0.0.1", 0))
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _WINDOW)
        self.port = listening.getsockname()[1]
        self._server = await asyncio.start_server(self._serve, sock=listening, ssl=self._tls, limit=_WINDOW)
        return self

    async def __aexit__(self, _: type[BaseException] | None, __: object, ___: TracebackType | None) -> None:
        self._server.close()

    async def read_on(self) -> bytes:
        """Read on until the connection ends; all that came of the message."""
        self._reading_on.set()
        return await self._rest

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 stuck.test\r\n")
        while (line := await reader.readline())[:4].upper() != b"DATA":
            writer.write(b"250 fine\r\n" if line else b"")
        writer.write(b"354 go on\r\n")
        read = bytearray(await reader.readexactly(1))
        self.stuck.set()
        await self._reading_on.wait()
        try:
            while data := await reader.read(_WINDOW):
                read += data
        except (ConnectionError, ssl.SSLError):
            pass  # reset, as it should be; what had come was read before
        self._rest.set_result(bytes(read))
        writer.transport.abort()
