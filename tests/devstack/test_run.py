"""`make run`: a process of its own, in a home of its own."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import psutil
import pytest

import devstack
from devstack.child import plain_environment
from tests.app import said as app_said
from tests.web.post import signed, written

RUN = """
import sys
from pathlib import Path
from connect import leave
from devstack.run import main
leave(main(Path(sys.argv[1]), usual_ports=False))
"""
READY = "Ctrl-C stops all of it"


class Running:
    """A run, and the processes it started."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.said = ""

    async def until(self, words: str) -> None:
        """Read what it says up to these words, or to its end."""
        assert self._process.stdout is not None
        while words not in self.said:
            line = await self._process.stdout.readline()
            assert line, self.said
            self.said += line.decode()

    def children(self) -> list[psutil.Process]:
        try:
            found: list[psutil.Process] = psutil.Process(self._process.pid).children(recursive=True)
        except psutil.NoSuchProcess:  # it has ended
            return []
        return found

    async def end(self, how: signal.Signals | None = None) -> int:
        """Send a signal, if one is given; return the exit code, after everything was read and nothing is left."""
        children = self.children()
        if how:
            self._process.send_signal(how)
        rest, _ = await self._process.communicate()
        self.said += rest.decode()
        _, alive = await asyncio.to_thread(psutil.wait_procs, children, timeout=0)
        assert alive == []
        assert self._process.returncode is not None
        return self._process.returncode


@asynccontextmanager
async def running(home: Path) -> AsyncIterator[Running]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", RUN, str(home)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=plain_environment(),
        cwd=Path(devstack.__file__).parent.parent,
    )
    try:
        yield Running(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def letters(home: Path) -> int:
    return len(list((home / ".devstack" / "mailbox" / "messages").glob("*.eml")))


async def reply(home: Path, said: str) -> None:
    """Post an event to the address on the page, signed with the secret it keeps."""
    url = next(line.split()[-1] for line in said.splitlines() if "app events go to" in line)
    secret = (home / ".devstack" / "event-secret").read_text().strip()
    event_id, body = written(app_said("lead.booked", lead_id="lead-1"))
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.post(url, content=body, headers=signed(body, event_id=event_id, secret=secret))
    assert answer.json()["done"] == "stopped"
    assert answer.json()["instances"] == ["default:no-reply:lead-1"]


async def test_a_run_delivers_letters_and_ctrl_c_leaves_nothing_behind_and_the_next_run_delivers_more(
    home: Path,
) -> None:
    async with running(home) as first:
        await first.until(READY)
        delivered = letters(home)
        assert delivered > 0
        assert "followup show default:no-reply:lead-4\n" in first.said
        await reply(home, first.said)
        assert await first.end(signal.SIGINT) == 0
    assert not (home / ".devstack" / "running.json").exists()
    worker_said = (home / ".devstack" / "worker.log").read_text()
    assert worker_said.endswith("worker: stopped\n"), "it drained before its world went down"
    async with running(home) as second:
        await second.until(READY)
        assert "enrolled once more, with the key run-" in second.said
        assert "followup show default:no-reply:lead-4:run-" in second.said
        assert letters(home) > delivered
        assert await second.end(signal.SIGTERM) == 0


async def test_a_worker_that_dies_ends_the_run_with_the_end_of_its_log(home: Path) -> None:
    async with running(home) as run:
        await run.until(READY)
        worker = json.loads((home / ".devstack" / "worker.pid").read_text())["pid"]
        psutil.Process(worker).kill()
        assert await run.end() == 1
    assert "the worker ended by itself, with code -9:" in run.said
    assert "Traceback" not in run.said
    assert "worker: ready" in run.said.partition("with code -9")[2]


async def test_a_second_run_beside_the_first_is_refused_by_a_sentence(home: Path) -> None:
    async with running(home) as first:
        await first.until("A worker is starting")
        async with running(home) as second:
            assert await second.end() == 1
        assert second.said.endswith("already: stop it first, or use it\n")
        assert "Traceback" not in second.said
        assert await first.end(signal.SIGINT) == 0


@pytest.mark.parametrize("when", ["Starting PostgreSQL", "A worker is starting"])
async def test_a_run_that_is_stopped_while_it_starts_leaves_nothing_behind(home: Path, when: str) -> None:
    async with running(home) as run:
        await run.until(when)
        assert await run.end(signal.SIGINT) == 0
    assert "Traceback" not in run.said
