"""The previous release, from the file it is kept in: its migrations, its starter and its worker, as processes."""

import asyncio
import sys
import zipfile
from pathlib import Path

from devstack.child import plain_environment
from tests.crash.process import WorkerProcess

RELEASE = Path(__file__).parent / "releases" / "0002.zip"
_MIGRATE = "import asyncio, sys; from store.schema import migrate; asyncio.run(migrate(sys.argv[1]))"


class Previous:
    """The previous release, unpacked. `settings` are those of a worker of it."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        self._folder, self._settings = folder, settings
        with zipfile.ZipFile(RELEASE) as release:
            release.extractall(folder)

    async def migrate(self, database_url: str) -> None:
        """Make its schema."""
        await self._run("-c", _MIGRATE, database_url)

    async def enroll(self, sequence: str, leads: str) -> None:
        """Enrol leads, a .csv, in a sequence, a .yaml."""
        (self._folder / "sequence.yaml").write_text(sequence)
        (self._folder / "leads.csv").write_text(leads)
        await self._run("starter.py", "enroll", "--sequence", "sequence.yaml", "leads.csv")

    async def worker(self) -> WorkerProcess:
        """Start its worker, and wait until it is ready."""
        worker = WorkerProcess(self._folder)
        await worker.start(self._settings)
        await worker.said("ready: task queue")
        return worker

    async def _run(self, *arguments: str) -> None:
        ran = await asyncio.create_subprocess_exec(
            *(sys.executable, *arguments),
            cwd=self._folder,
            env=plain_environment() | self._settings,
            stderr=asyncio.subprocess.PIPE,
        )
        _, said = await ran.communicate()
        assert ran.returncode == 0, said.decode()
