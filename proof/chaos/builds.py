"""Another build of the same product: a copy of the checkout as it was at some commit."""

import asyncio
import tarfile
from asyncio.subprocess import PIPE
from pathlib import Path

_CHECKOUT = Path(__file__).parents[2]
# What a build must have as it is now: the schema; the order of what is said, without which a run that was reset could
# not be replayed; what the peer's answers mean, for an older rule sends again what the peer took with a 4yz; and of
# whom it is asked who else has an address, for an older rule lets two follow-ups go there.
_SINCE = ("store/migrations/versions", "workflows/inbox.py", "providers/smtp/outcome.py", "transactions/sharing.py")


class BuildError(Exception):
    """The other build can't be had; its text says why."""


async def check_out(folder: Path, ref: str) -> str:
    """Write the checkout as of a commit into a folder; returns the commit, abbreviated. Raises BuildError."""
    commit = (await _git("rev-parse", "--short", f"{ref or await _oldest()}^{{commit}}")).strip()
    archive = folder.with_suffix(".tar")
    await _git("archive", "--format=tar", f"--output={archive}", commit)
    await asyncio.to_thread(_unpack, archive, folder)
    return commit


def _unpack(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")


async def _oldest() -> str:
    """The oldest commit that can work beside this one."""
    # of a merge the commit itself: those merged may lack each other's
    return (await _git("log", "-1", "--first-parent", "--format=%H", "--", *_SINCE)).strip() or "HEAD"


async def _git(*arguments: str) -> str:
    git = await asyncio.create_subprocess_exec("git", "-C", str(_CHECKOUT), *arguments, stdout=PIPE, stderr=PIPE)
    said, complained = await git.communicate()
    if git.returncode:
        raise BuildError(f"git {arguments[0]}: {complained.decode().strip()}")
    return said.decode()
