"""Running a command as its user does: a process of its own, with settings of one test's scene.

It is forked from a process that has imported what commands import, which is what takes them longest.
"""

import asyncio
import multiprocessing
import os
import runpy
import sys
import tempfile
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import IO, Any, NamedTuple

import devstack
from devstack.child import plain_environment
from tests.scene import Scene

ROOT = Path(devstack.__file__).parent.parent
_FORKING = multiprocessing.get_context("forkserver")
_FORKING.set_forkserver_preload(["cli", "starter"])


class Ran(NamedTuple):
    """What a command did. `said` is what it wrote on stderr."""

    code: int
    out: str
    said: str

    @property
    def lines(self) -> list[str]:
        """What it wrote on stderr, by lines."""
        return self.said.splitlines()


def environment(scene: Scene, **more: str) -> dict[str, str]:
    """The environment in which commands act in a scene."""
    return (
        plain_environment()
        | {
            "FOLLOWUP_DATABASE_URL": scene.database_url,
            "FOLLOWUP_WORKSPACE": scene.workspace,
            "FOLLOWUP_TASK_QUEUE": scene.task_queue,
            "FOLLOWUP_SENDER": "Ada Lovelace <ada@example.test>",
            "TEMPORAL_ADDRESS": scene.client.service_client.config.target_host,
            "TEMPORAL_CONFIG_FILE": os.devnull,
        }
        | more
    )


class Command:
    """One of the commands in one scene, called with its arguments."""

    def __init__(self, script: str, scene: Scene) -> None:
        self._script, self._scene = ROOT / script, scene

    async def __call__(self, *arguments: str | Path, **more: str) -> Ran:
        """Run it to its end; `more` are further settings."""
        with tempfile.TemporaryFile() as out:
            ran = await self.into(out.fileno(), *arguments, **more)
            return ran._replace(out=_all_of(out))

    async def into(self, out: int, *arguments: str | Path, **more: str) -> Ran:
        """Run it to its end with this standard output, which is not read."""
        with tempfile.TemporaryFile() as said:
            process = _FORKING.Process(
                target=_become,
                args=(
                    [str(self._script), *map(str, arguments)],
                    environment(self._scene, **more),
                    DupFd(out),
                    DupFd(said.fileno()),
                ),
            )
            process.start()
            await _ended(process)
            assert process.exitcode is not None
            return Ran(process.exitcode, "", _all_of(said))


def _become(arguments: list[str], settings: dict[str, str], out: Any, said: Any) -> None:
    """Be the command, in the process that was forked for it."""
    for stream, number in ((os.open(os.devnull, os.O_RDONLY), 0), (out.detach(), 1), (said.detach(), 2)):
        os.dup2(stream, number)
    os.environ.clear()
    os.environ.update(settings)
    os.chdir("/")  # it needs no particular one
    sys.argv = arguments
    runpy.run_path(arguments[0], run_name="__main__")


async def _ended(process: BaseProcess) -> None:
    ended, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.add_reader(process.sentinel, ended.set)
    await ended.wait()
    loop.remove_reader(process.sentinel)
    process.join()


def _all_of(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


async def everything(scene: Scene) -> list[Any]:
    """What enrolling would have written."""
    sql = """
        SELECT (SELECT count(*) FROM leads), (SELECT count(*) FROM instances),
               (SELECT count(*) FROM sequence_versions), (SELECT count(*) FROM drafts), (SELECT count(*) FROM ledger)
    """
    return list((await scene.rows(sql))[0])
