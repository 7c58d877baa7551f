"""Reading mail in a process of its own, which is replaced when a message costs too much: none can stop this one.

A message that can't be read so is an answer: of what it might be, that is what must not be missed.
"""

import asyncio
import json
import logging
import select
import subprocess
import sys
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import IO, NamedTuple

from intake.events import NotTakenError
from intake.inbound.mail import READ_BYTES, Inbound, InboundError, read_coarsely
from intake.inbound.worker import INBOUND, READY, read_block, write_block

_log = logging.getLogger(__name__)
_ROOT = Path(__file__).resolve().parent.parent
_COMMAND = (sys.executable, "-m", "intake.inbound.worker")
# It takes half a second on an idle machine, most of it for imports.
_TO_START = timedelta(seconds=60)
# It ends itself after a second of processor time; this is for a machine that gives it none.
_TO_READ = timedelta(seconds=30)
_TO_END = timedelta(seconds=2)


class _Process(NamedTuple):
    popen: subprocess.Popen[bytes]
    stdin: IO[bytes]
    stdout: IO[bytes]


class Reader:
    """Reads messages one after another. Its process starts with the first of them."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="inbound")
        self._process: _Process | None = None
        self._end: Callable[[], object] = lambda: None

    async def read(self, raw: bytes) -> Inbound:
        """Read a message. Raises InboundError for what is none, NotTakenError when no process can be started."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._read, raw[:READ_BYTES])

    def close(self) -> None:
        """End the process."""
        self._thread.submit(self._replace).result()
        self._thread.shutdown()

    def _read(self, raw: bytes) -> Inbound:
        process = self._process or self._start()
        answer = _ask(process, raw)
        if answer is None:
            self._replace()
            coarse = read_coarsely(raw)
            _log.warning("inbound %s: it costs too much to be read: it is taken for an answer", coarse.key)
            return coarse
        said = json.loads(answer)
        if "refused" in said:
            raise InboundError(said["refused"])
        return INBOUND.validate_python(said["inbound"])

    def _start(self) -> _Process:
        try:
            # what strangers write is read with nothing of ours in reach
            popen = subprocess.Popen(  # noqa: S603  # ours
                _COMMAND, cwd=_ROOT, env={}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        except OSError as error:
            raise NotTakenError("the process that reads mail can't be started: give the message again") from error
        if popen.stdin is None or popen.stdout is None:
            raise RuntimeError("a process without pipes")
        self._process = _Process(popen, popen.stdin, popen.stdout)
        self._end = weakref.finalize(self, _end, self._process)
        if not _is_readable(popen.stdout, _TO_START) or popen.stdout.readline() != READY:
            self._replace()
            raise NotTakenError("the process that reads mail does not start: give the message again")
        return self._process

    def _replace(self) -> None:
        """End the process; the next message starts another."""
        self._end()
        self._process = None


def _ask(process: _Process, raw: bytes) -> bytes | None:
    try:
        write_block(process.stdin, raw)
        return read_block(process.stdout) if _is_readable(process.stdout, _TO_READ) else None
    except OSError:
        return None


def _is_readable(stream: IO[bytes], patience: timedelta) -> bool:
    ready, _, _ = select.select([stream], [], [], patience.total_seconds())
    return bool(ready)


def _end(process: _Process) -> None:
    """Kill it, which loses nothing, and wait for it, so that nothing of it is left."""
    process.popen.kill()
    process.popen.wait(_TO_END.total_seconds())
    for stream in (process.stdin, process.stdout):
        try:
            stream.close()
        except OSError:  # what was not written is not wanted any more
            continue
