"""A real server of an application, and clients that speak to it byte by byte."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from web.connections import Bounds
from web.http_server import make_server

Address = tuple[str, int]
# Nothing here takes seconds. What is waited for longer does not happen any more, and the test fails.
GIVEN_UP_AFTER = 60


@asynccontextmanager
async def served(application: FastAPI, bounds: Bounds | None = None) -> AsyncIterator[Address]:
    """Serve an application; gives where it listens."""
    server = make_server(application, bounds)
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield listening.getsockname()
        finally:
            server.should_exit = True
            await serving


class Client:
    """A connection of one's own."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def says(self, words: bytes) -> None:
        """Send, without waiting for anything."""
        self.writer.write(words)

    async def until(self, words: bytes) -> bytes:
        """Listen until something was said."""
        async with asyncio.timeout(GIVEN_UP_AFTER):
            return await self.reader.readuntil(words)

    async def to_the_end(self) -> bytes:
        """Listen until the server has closed its half of the connection, or all of it."""
        heard = b""
        try:
            async with asyncio.timeout(GIVEN_UP_AFTER):
                while part := await self.reader.read(65536):
                    heard += part
        except ConnectionResetError:
            pass  # what is closed while there is something unread is reset
        return heard


@asynccontextmanager
async def connected(address: Address, come_from: str = "127.0.0.1") -> AsyncIterator[Client]:
    """Connect; `come_from` is one of this machine's own addresses."""
    reader, writer = await asyncio.open_connection(*address, local_addr=(come_from, 0))
    try:
        yield Client(reader, writer)
    finally:
        writer.close()


async def speak(address: Address, words: bytes) -> bytes:
    """Say something on a connection of one's own, then listen until it is closed."""
    async with connected(address) as client:
        client.says(words)
        return await client.to_the_end()


def head(method: str = "POST", path: str = "/events", **headers: str) -> bytes:
    """The head of a request; `_` in a header's name stands for `-`."""
    lines = [f"{name.replace('_', '-')}: {text}" for name, text in headers.items()]
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: ingress", *lines, "", ""]).encode()
