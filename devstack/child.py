"""A process of the devstack: it writes to a log file, dies with its parent, and leaves a record while it lives."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import psutil
from pydantic import BaseModel, ValidationError

LEASH = Path(__file__).with_name("leash.py")
PROBE_EVERY = timedelta(milliseconds=50)
READY_WITHIN = timedelta(seconds=60)  # a cold, busy machine; usually one or two seconds
# PostgreSQL's fast shutdown writes a checkpoint and Temporal drains: seconds at most, so later than this it hangs
END_WITHIN = timedelta(seconds=20)


class DevstackError(Exception):
    """The devstack can't do what was asked. The message says why, with the end of the log where there is one."""


class _Record(BaseModel):
    pid: int
    started: float  # psutil's create_time: the same pid with another one is somebody else
    last_signal: int


class Child:
    """One process at a time under a name; `folder` holds its log and its record."""

    def __init__(self, name: str, folder: Path, *, last_signal: signal.Signals = signal.SIGTERM) -> None:
        """`last_signal` is what ends it decently, sent by the kernel too when the parent dies (on Linux)."""
        self.name = name
        self.log = folder / f"{name}.log"
        self._record = folder / f"{name}.pid"
        self._last_signal = last_signal
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """The process' id while it runs."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def start(
        self, command: Sequence[str | Path], *, user: str = "", environment: Mapping[str, str] | None = None
    ) -> None:
        """Start the command as `user` (empty: as ourselves), after ending what an earlier parent left behind.

        `environment` is added to ours, without its settings of Temporal, PostgreSQL and follow-ups.
        """
        if self.pid:
            raise DevstackError(f"{self.name} runs already")
        await asyncio.to_thread(self._end_leftover)
        leash: list[str | Path] = [
            sys.executable,
            "-I",
            "-S",
            LEASH,
            str(os.getpid()),
            str(int(self._last_signal)),
            user,
        ]
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *leash,
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=plain_environment() | dict(environment or {}),
                cwd="/",  # ours may be closed to the user, or removed while the child lives
                # a Ctrl-C in the terminal reaches the parent alone, which ends its children in good order
                start_new_session=True,
            )
        self._remember(self._process.pid)

    async def finish(self) -> None:
        """Wait for the end of a command that ends by itself. Raises DevstackError unless it succeeded."""
        try:
            assert self._process is not None  # noqa: S101 - finish() follows start()
            if await self._process.wait() != 0:
                raise DevstackError(f"{self.name} failed:\n{self.last_words()}")
        finally:
            await self.end()

    async def until_ready(self, probe: Callable[[], Awaitable[bool]]) -> None:
        """Wait until the probe says yes. Raises DevstackError if the process ends first or takes READY_WITHIN."""
        with suppress(TimeoutError):
            async with asyncio.timeout(READY_WITHIN.total_seconds()):
                while self.pid:
                    if await probe():
                        return
                    # a server in another process has no event to await
                    await asyncio.sleep(PROBE_EVERY.total_seconds())
        raise DevstackError(f"{self.name} did not start:\n{self.last_words()}")

    async def ended(self) -> int:
        """Wait for the process to end, however it does; return its exit code, negative for a signal."""
        assert self._process is not None  # noqa: S101 - ended() follows start()
        return await self._process.wait()

    async def end(self, how: signal.Signals | None = None, within: timedelta | None = None) -> None:
        """End the process by a signal, and by SIGKILL when that takes too long; does nothing if none runs."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            self._process.send_signal(how or self._last_signal)
        try:
            await asyncio.wait_for(self._process.wait(), (within or END_WITHIN).total_seconds())
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        self._process = None
        self._record.unlink(missing_ok=True)

    def _remember(self, pid: int) -> None:
        with suppress(psutil.NoSuchProcess):  # it ended at once: until_ready() or finish() will say so
            started = psutil.Process(pid).create_time()
            record = _Record(pid=pid, started=started, last_signal=self._last_signal)
            self._record.write_text(record.model_dump_json())

    def _end_leftover(self) -> None:
        with suppress(OSError, ValidationError, psutil.NoSuchProcess):
            record = _Record.model_validate_json(self._record.read_text())
            process = psutil.Process(record.pid)
            if process.create_time() != record.started:
                return
            process.send_signal(record.last_signal)
            try:
                process.wait(END_WITHIN.total_seconds())
            except psutil.TimeoutExpired:
                process.kill()
                process.wait()

    def last_words(self) -> str:
        """The end of its log."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(lines[-20:]) or "(it said nothing)"


async def listens(port: int) -> bool:
    """Whether something accepts connections on this local port."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return True


def plain_environment() -> dict[str, str]:
    """Our environment without what would redirect the children: settings of PostgreSQL's and Temporal's own clients."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "TEMPORAL_", "FOLLOWUP_"))}
    checkout = str(Path(__file__).parent.parent)
    modules = os.pathsep.join(filter(None, [checkout, ours.get("PYTHONPATH")]))
    return ours | {"PYTHONPATH": modules, "PYTHONUNBUFFERED": "1"}
