"""Processes beside the measured ones: the SMTP peer, workers, the ingress."""

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx

_ROOT = Path(__file__).parents[2]


class Sink:
    """The SMTP peer of one run, in a process of its own."""

    def __init__(self, url: str, log: Path) -> None:
        self.url, self._log = url, log

    def accepted(self) -> list[tuple[float, str]]:
        """When each message was taken, and its Message-ID."""
        lines = (line.split() for line in self._log.read_text().splitlines())
        return [(float(at), message_id) for at, message_id in lines]


@asynccontextmanager
async def process(*command: str, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process of this checkout, killed at the end."""
    running = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        cwd=_ROOT,
        env=os.environ | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield running
    finally:
        with suppress(ProcessLookupError):
            running.kill()
        await running.wait()


async def until_ready(url: str, serving: asyncio.subprocess.Process) -> None:
    """Wait until an ingress is ready; raises RuntimeError when it ends first."""
    async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
        while serving.returncode is None:
            try:
                if (await http.get("/readyz")).is_success:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)
    raise RuntimeError(f"the ingress ended by itself, with code {serving.returncode}")


@asynccontextmanager
async def open_sink(answer_after: float = 0) -> AsyncIterator[Sink]:
    """An SMTP peer that answers so many seconds after the final dot."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "accepted"
        log.touch()
        async with process("-m", "proof.rig.sink", "--log", str(log), "--answer-after", str(answer_after)) as peer:
            port = await peer.stdout.readline() if peer.stdout else b""
            yield Sink(f"smtp://127.0.0.1:{int(port)}", log)
