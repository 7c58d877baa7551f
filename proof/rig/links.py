"""A TCP proxy between two parts, which cuts, refuses, delays, freezes and half-closes what goes through it."""

import asyncio
import random
from contextlib import suppress
from types import TracebackType
from typing import Self

from devstack.ports import free_ports


class Link:
    """Passes 127.0.0.1:`port` on to another local port while entered."""

    def __init__(self, target_port: int) -> None:
        self.port = free_ports([None])[0]
        self.refuses = False
        self.delay = 0.0  # seconds at most, for each piece of what passes
        self._target_port = target_port
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._connections: dict[asyncio.Task[None], tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = {}

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", self.port)
        return self

    async def __aexit__(self, _: type[BaseException] | None, __: object, ___: TracebackType | None) -> None:
        self._server.close()
        self.cut()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def freeze(self) -> None:
        """Let nothing pass until `heal`."""
        self._flowing.clear()

    def heal(self) -> None:
        """Be a good network again; what was held back comes first."""
        self.refuses, self.delay = False, 0.0
        self._flowing.set()

    def cut(self) -> bool:
        """Reset every connection; what was under way is lost. Returns whether there was one."""
        for connection in self._connections:
            connection.cancel()
        return bool(self._connections)

    def half_close(self, dice: random.Random) -> bool:
        """Tell one side of each connection that the other says nothing more; the other direction goes on.

        Returns whether there was one.
        """
        for sides in self._connections.values():
            with suppress(OSError, RuntimeError):
                dice.choice(sides).write_eof()
        return bool(self._connections)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or self.refuses:
            writer.transport.abort()
            return
        with suppress(OSError, RuntimeError, asyncio.CancelledError):
            await self._pass_on(task, reader, writer)
        writer.transport.abort()
        self._connections.pop(task, None)

    async def _pass_on(
        self, task: asyncio.Task[None], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        there_reader, there = await asyncio.open_connection("127.0.0.1", self._target_port)
        self._connections[task] = (writer, there)
        pumps = [asyncio.ensure_future(self._pump(*ends)) for ends in ((reader, there), (there_reader, writer))]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            there.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            if self.delay:
                await asyncio.sleep(random.uniform(0, self.delay))
            await self._flowing.wait()
            writer.write(data)
            await writer.drain()
        writer.write_eof()
