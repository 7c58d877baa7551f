import asyncio
import signal
import sys
from pathlib import Path

import psutil
import pytest

from devstack import child as child_module
from devstack.child import Child, DevstackError

FOREVER = [sys.executable, "-c", "import signal; signal.pause()"]
DEAF = [sys.executable, "-c", "import signal; signal.signal(15, signal.SIG_IGN); print(1, flush=True); signal.pause()"]


async def yes() -> bool:
    return True


async def no() -> bool:
    return False


async def test_what_an_earlier_parent_left_is_ended_before_a_new_start(tmp_path: Path) -> None:
    earlier, later = Child("part", tmp_path), Child("part", tmp_path)
    await earlier.start(FOREVER)
    leftover = earlier.pid
    await later.start(FOREVER)
    try:
        assert leftover is not None
        assert not psutil.pid_exists(leftover)
        assert later.pid is not None
    finally:
        await asyncio.gather(earlier.end(), later.end())


async def test_a_process_that_took_a_leftovers_number_is_left_alone(tmp_path: Path) -> None:
    stranger, child = Child("stranger", tmp_path), Child("part", tmp_path)
    await stranger.start(FOREVER)
    record = child_module._Record(pid=stranger.pid or 0, started=1.0, last_signal=signal.SIGKILL)
    (tmp_path / "part.pid").write_text(record.model_dump_json())
    await child.start(FOREVER)
    await child.end()
    assert stranger.pid is not None
    await stranger.end()


async def test_a_process_that_ends_at_once_is_an_error_with_its_last_words(tmp_path: Path) -> None:
    child = Child("part", tmp_path)
    await child.start([sys.executable, "-c", "import sys; sys.exit('no such luck')"])
    with pytest.raises(DevstackError, match="part did not start:\nno such luck"):
        await child.until_ready(no)
    await child.end()


async def test_a_process_that_does_not_heed_its_last_signal_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child_module, "END_WITHIN", child_module.PROBE_EVERY)
    child = Child("part", tmp_path)
    await child.start(DEAF)

    async def is_deaf() -> bool:
        return child.log.read_text() == "1\n"

    await child.until_ready(is_deaf)
    pid = child.pid
    await child.end()
    assert pid is not None
    assert not psutil.pid_exists(pid)


async def test_ending_twice_or_before_the_start_does_nothing(tmp_path: Path) -> None:
    child = Child("part", tmp_path)
    await child.end()
    await child.start(FOREVER)
    await child.until_ready(yes)
    await asyncio.gather(child.end(), child.end())
    assert child.pid is None
    assert not (tmp_path / "part.pid").exists()


async def test_a_running_child_is_not_started_again(tmp_path: Path) -> None:
    child = Child("part", tmp_path)
    await child.start(FOREVER)
    try:
        with pytest.raises(DevstackError, match="part runs already"):
            await child.start(FOREVER)
    finally:
        await child.end()


async def test_settings_of_foreign_clients_do_not_reach_a_child(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGDATA", "elsewhere")
    monkeypatch.setenv("TEMPORAL_ADDRESS", "elsewhere")
    child = Child("part", tmp_path)
    await child.start([sys.executable, "-c", "import os; print('elsewhere' in os.environ.values())"])
    await child.finish()
    assert child.log.read_text() == "False\n"
