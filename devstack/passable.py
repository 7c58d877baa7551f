"""Folders that another user can reach files in. No folder above them is ever opened: who owns it had a reason."""

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Where everybody may make folders that a restart of the machine leaves
_ELSEWHERE = Path("/var/tmp")  # noqa: S108  # mkdtemp makes a new one in it, or fails


def is_reached(path: Path) -> bool:
    """Whether every folder above it lets other users pass."""
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in path.resolve().parents)


def passable(folder: Path) -> Path:
    """Return the folder, opened for others to pass through; below a closed one, another in its stead.

    That one lies elsewhere, is the same every time, and is where the link `elsewhere` in the folder leads.
    """
    if is_reached(folder):
        let_others(folder, stat.S_IXOTH)
        return folder
    link = folder / "elsewhere"
    if link.is_symlink() and _is_ours(stead := link.readlink()):
        return stead
    link.unlink(missing_ok=True)
    stead = Path(tempfile.mkdtemp(prefix="durable-follow-ups-", dir=_ELSEWHERE))
    let_others(stead, stat.S_IXOTH)
    link.symlink_to(stead)
    return stead


def _is_ours(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()


def let_others(path: Path, do: int) -> None:
    """Give all others these rights to a file or folder."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & do != do:
        path.chmod(mode | do)


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A temporary folder that others can pass through, so that a server's files lie in it whoever it runs as."""
    reached = is_reached(Path(tempfile.gettempdir()) / "inside")
    with tempfile.TemporaryDirectory(dir=None if reached else _ELSEWHERE) as folder:
        let_others(Path(folder), stat.S_IXOTH)
        yield Path(folder)
