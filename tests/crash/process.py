"""The real `worker.py` as a process of its own, with what it says."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import psutil

from devstack.child import LEASH

ROOT = Path(__file__).parents[2]
# Far beyond anything a busy machine needs: reached only by what never happens.
PATIENCE = timedelta(seconds=150)
_FOREIGN = ("FOLLOWUP_", "TEMPORAL_", "PG")


class WorkerProcess:
    """One worker, of this code or of what lies under `root`. Its stderr is kept in `lines`."""

    def __init__(self, root: Path = ROOT) -> None:
        self._root = root
        self.lines: list[str] = []
        self._news = asyncio.Condition()
        self._over = False

    async def start(self, settings: Mapping[str, str]) -> None:
        """Start it with these variables and none of ours; it dies with the tests."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
        leash = [sys.executable, "-I", "-S", str(LEASH), str(os.getpid()), str(int(signal.SIGKILL)), ""]
        self._process = await asyncio.create_subprocess_exec(
            *leash,
            sys.executable,
            str(self._root / "worker.py"),
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env={**environment, **settings},
        )
        self._listening = asyncio.create_task(self._listen())

    async def said(self, words: str) -> str:
        """Wait until it says something with these words in it; returns that line."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE.total_seconds()), self._news:
                await self._news.wait_for(lambda: self._over or self._line(words))
        line = self._line(words)
        assert line, f"the worker did not say {words!r}:\n" + "\n".join(self.lines)
        return line

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def killed(self) -> None:
        """Kill it: no code of it runs any more."""
        self._process.kill()
        await self._process.wait()

    async def suspended(self) -> None:
        """Suspend it: its sockets stay open, and nothing in it moves until SIGCONT."""
        self.signal(signal.SIGSTOP)
        while psutil.Process(self._process.pid).status() != psutil.STATUS_STOPPED:  # noqa: ASYNC110 - no event says so
            await asyncio.sleep(0)

    async def exit_code(self) -> int:
        """Wait for its end by itself."""
        async with asyncio.timeout(PATIENCE.total_seconds()):
            await self._listening
            return await self._process.wait()

    async def end(self) -> None:
        """End it however it stands."""
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        await self._listening

    def _line(self, words: str) -> str:
        return next((line for line in self.lines if words in line), "")

    async def _listen(self) -> None:
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            await self._heard(line.decode(errors="replace").rstrip())
        self._over = True
        await self._heard("(ended)")

    async def _heard(self, line: str) -> None:
        async with self._news:
            self.lines.append(line)
            self._news.notify_all()
