"""Another build of the same product: a copy of the checkout as it was at some commit."""

import asyncio
import tarfile
from asyncio.subprocess import PIPE
from pathlib import Path

_CHECKOUT = Path(__file__).parents[2]
_MIGRATIONS = "store/migrations/versions"


async def check_out(folder: Path, ref: str) -> str:
    """Write the checkout as of a commit into a folder; returns the commit, abbreviated. Raises ValueError."""
    commit = (await _git("rev-parse", "--short", f"{ref or await _oldest()}^{{commit}}")).strip()
    archive = folder.with_suffix(".tar")
    await _git("archive", "--format=tar", f"--output={archive}", commit)
    await asyncio.to_thread(_unpack, archive, folder)
    return commit


def _unpack(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")


async def _oldest() -> str:
    """The oldest commit whose code accepts the schema as it is now: nothing has changed a migration since."""
    return (await _git("log", "-1", "--format=%H", "--", _MIGRATIONS)).strip() or "HEAD"


async def _git(*arguments: str) -> str:
    git = await asyncio.create_subprocess_exec("git", "-C", str(_CHECKOUT), *arguments, stdout=PIPE, stderr=PIPE)
    said, complained = await git.communicate()
    if git.returncode:
        raise ValueError(f"git {arguments[0]}: {complained.decode().strip()}")
    return said.decode()
