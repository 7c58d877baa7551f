"""A TCP relay between a worker and a server, which can be frozen and cut: the network, as far as both can tell."""

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Self

from devstack.ports import free_ports


class Relay:
    """Relays 127.0.0.1:`port` to `target` while entered; before, nobody answers there."""

    def __init__(self, target: str) -> None:
        """`target` is host:port."""
        self._host, _, port = target.rpartition(":")
        self._target_port = int(port)
        self.port = free_ports([None])[0]
        self.stuck = asyncio.Event()  # something wanted to pass while it was frozen
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", self.port)
        return self

    async def __aexit__(self, _: type[BaseException] | None, __: object, ___: TracebackType | None) -> None:
        self._server.close()
        await self.cut()

    def freeze(self) -> None:
        """Let nothing pass until `thaw`."""
        self.stuck.clear()
        self._flowing.clear()

    def thaw(self) -> None:
        """Let everything pass, what was held back first."""
        self._flowing.set()

    async def cut(self) -> None:
        """End every connection; what was under way is lost. New ones may be made."""
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        with suppress(OSError, asyncio.CancelledError, ExceptionGroup):
            await self._relay(reader, writer)
        writer.transport.abort()
        self._connections.discard(task)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(self._host, self._target_port)
        try:
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._pump(reader, there_writer))
                pumps.create_task(self._pump(there_reader, writer))
        finally:
            there_writer.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            if not self._flowing.is_set():
                self.stuck.set()
                await self._flowing.wait()
            writer.write(data)
            await writer.drain()
        raise ConnectionResetError("one side hung up, so the other is told")
