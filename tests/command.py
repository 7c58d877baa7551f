"""Running a command as its user does: a process of its own, with settings of one test's scene."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

import devstack
from devstack.child import plain_environment
from tests.scene import Scene

ROOT = Path(devstack.__file__).parent.parent


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
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, self._script, *arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment(self._scene, **more),
            cwd="/",  # it needs no particular one
        )
        out, said = await process.communicate()
        assert process.returncode is not None
        return Ran(process.returncode, out.decode(), said.decode())


async def everything(scene: Scene) -> list[Any]:
    """What enrolling would have written."""
    sql = """
        SELECT (SELECT count(*) FROM leads), (SELECT count(*) FROM instances),
               (SELECT count(*) FROM sequence_versions), (SELECT count(*) FROM drafts), (SELECT count(*) FROM ledger)
    """
    return list((await scene.rows(sql))[0])
