"""The processes of a run, as something that can be killed, suspended, and started again."""

import asyncio
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import psutil

from devstack.child import Child, DevstackError
from devstack.temporal import Temporal

# a send takes at most the time-out of ten seconds, and some to be recorded
_DRAINED_WITHIN = timedelta(minutes=1)


class Server(Protocol):
    """What PostgreSQL, Temporal and our own processes have in common."""

    @property
    def pid(self) -> int | None: ...

    async def start(self) -> None: ...

    async def kill(self) -> None: ...


class Program:
    """A Python program of some checkout: a worker, the ingress."""

    def __init__(self, name: str, folder: Path, command: list[str], settings: Mapping[str, str]) -> None:
        self._child = Child(name, folder, last_signal=signal.SIGKILL)
        self._command, self._settings = command, settings

    @property
    def pid(self) -> int | None:
        """The process while it runs."""
        return self._child.pid

    @property
    def log(self) -> Path:
        """What it said."""
        return self._child.log

    async def start(self) -> None:
        """Start it; nobody waits until it is ready."""
        await self._child.start([sys.executable, *self._command], environment=self._settings)

    def become(self, command: list[str]) -> None:
        """Run this from the next start on."""
        self._command = command

    async def kill(self) -> None:
        """End it at once."""
        await self._child.end(signal.SIGKILL)

    async def drain(self) -> None:
        """End it as a deployment does: it may finish what it began."""
        await self._child.end(signal.SIGTERM, within=_DRAINED_WITHIN)


class Part:
    """A server under a supervisor: it is started again when it ends, as in production, unless it is to be down."""

    def __init__(self, name: str, server: Server) -> None:
        self.name, self.server = name, server
        self.ended_by_itself = 0
        self.lives: dict[int, tuple[float, float]] = {}  # by process id: from when to when, Unix time
        self._turn = asyncio.Lock()

    async def start(self) -> None:
        """Start it; again, when it fails at first, as a server does that was killed a moment ago."""
        for tries in range(4, -1, -1):
            try:
                await self.server.start()
                break
            except DevstackError:
                if not tries:
                    raise
                await asyncio.sleep(1)
        if self.server.pid:
            self.lives[self.server.pid] = (time.time(), float("inf"))

    async def down(self, lasts: float, how: Callable[[], Awaitable[None]] | None = None) -> None:
        """Kill it, and start it after so many seconds."""
        async with self._turn:
            await (how or self._kill)()
            self._note_end()
            await asyncio.sleep(lasts)
            await self.start()

    async def suspend(self, lasts: float) -> bool:
        """Let nothing in it move for so many seconds; False when it did not run."""
        async with self._turn:
            stopped = self._signal(signal.SIGSTOP, self._processes())
            try:
                await asyncio.sleep(lasts)
            finally:
                self._signal(signal.SIGCONT, reversed(stopped))
        return bool(stopped)

    async def watch(self) -> None:
        """Start it again whenever it ended by itself."""
        while True:
            await asyncio.sleep(0.5)
            async with self._turn:
                if self.server.pid is None:
                    self.ended_by_itself += 1
                    self._note_end()
                    await self.start()

    async def end(self) -> None:
        """End it for good."""
        async with self._turn:
            self._signal(signal.SIGCONT, self._processes())
            await self._kill()

    def kill_a_child(self) -> bool:
        """Kill one process that it started: the youngest; False when there is none."""
        children = self._processes()[1:]
        return bool(self._signal(signal.SIGKILL, children[-1:]))

    async def _kill(self) -> None:
        if not isinstance(self.server, Program | Temporal):
            self._signal(signal.SIGKILL, self._processes())
        await self.server.kill()

    def _note_end(self) -> None:
        now = time.time()
        self.lives = {pid: (begun, min(ended, now)) for pid, (begun, ended) in self.lives.items()}

    def _processes(self) -> list[psutil.Process]:
        with suppress(psutil.NoSuchProcess):
            if self.server.pid:
                parent = psutil.Process(self.server.pid)
                return [parent, *parent.children(recursive=True)]
        return []

    def _signal(self, number: signal.Signals, processes: Iterable[psutil.Process]) -> list[psutil.Process]:
        reached = []
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)
                reached.append(process)
        return reached
