import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import psutil
import pytest

from devstack import stack as stack_module
from devstack import state
from devstack.child import DevstackError
from devstack.ports import free_ports
from devstack.stack import Devstack

# What a shell starts in the background is told to ignore SIGINT, and so is what that starts.
LIVE_AND_WAIT = """
import asyncio, signal, sys
from pathlib import Path
from devstack.stack import Devstack

async def main():
    async with Devstack(Path(sys.argv[1]), durable=False, in_memory=True, usual_ports=False) as stack:
        print(stack.postgres.pid, stack.temporal.pid, stack.mailbox.pid, flush=True)
        await asyncio.Event().wait()

signal.signal(signal.SIGINT, signal.default_int_handler)
asyncio.run(main())
"""


def private_stack(home: Path) -> Devstack:
    return Devstack(home, durable=False, in_memory=True, usual_ports=False)


def descendants() -> set[psutil.Process]:
    return set(psutil.Process().children(recursive=True))


async def listening_ports(stack: Devstack) -> tuple[int, ...]:
    running = stack.running
    urls = (running.temporal_address, running.temporal_ui, running.smtp_url, running.mailbox_url)
    return (stack.postgres.port, *(int(url.rpartition(":")[2]) for url in urls))


def test_a_free_usual_port_is_taken_and_a_taken_one_is_left_alone() -> None:
    [usual] = free_ports([None])
    assert free_ports([usual]) == [usual]
    with socket.create_server(("127.0.0.1", usual)):
        assert free_ports([usual]) != [usual]


def test_ports_asked_for_together_are_distinct() -> None:
    [usual] = free_ports([None])
    assert len(set(free_ports([usual, usual, None, None]))) == 4


async def test_a_devstack_beside_another_takes_other_ports(
    stack: Devstack, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = await listening_ports(stack)
    monkeypatch.setattr(stack_module, "USUAL_PORTS", taken)
    async with Devstack(home, durable=False, in_memory=True) as beside:
        assert not set(taken) & set(await listening_ports(beside))
    assert await stack.postgres.has_database("followup"), "the first one still answers"


async def test_a_running_devstack_says_where_it_is_and_a_stopped_one_says_nothing(home: Path) -> None:
    async with private_stack(home) as stack:
        assert state.read(home) == stack.running
    assert state.read(home) is None


async def test_the_state_of_a_dead_devstack_is_ignored(stack: Devstack, home: Path) -> None:
    dead = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
    await dead.wait()
    state.write(home, stack.running)
    assert state.read(home) is not None
    state.write(home, stack.running.model_copy(update={"pid": dead.pid}))
    assert state.read(home) is None


async def test_a_second_devstack_under_one_home_is_refused_and_the_first_goes_on(home: Path) -> None:
    async with private_stack(home) as first:
        with pytest.raises(DevstackError, match=r"runs under .* already"):
            await private_stack(home).start()
        assert state.read(home) == first.running
        assert await first.postgres.has_database("followup")


async def test_stopping_leaves_no_process(home: Path) -> None:
    before = descendants()
    async with private_stack(home):
        assert len(descendants() - before) > 3
    assert descendants() <= before


async def test_a_failed_start_says_why_and_leaves_no_process(home: Path) -> None:
    before = descendants()
    (home / ".devstack" / "temporal" / "temporal.db").mkdir(parents=True)
    with pytest.raises(DevstackError, match=r"temporal did not start:\n.*unable to open database file"):
        await Devstack(home, durable=False, usual_ports=False).start()
    assert descendants() <= before
    await _starts_again(home)


async def test_a_start_cancelled_midway_leaves_no_process(home: Path) -> None:
    before = descendants()
    starting: asyncio.Task[state.RunningDevstack]

    def cancel(_sentence: str) -> None:
        starting.cancel()

    starting = asyncio.create_task(Devstack(home, durable=False, in_memory=True, usual_ports=False, say=cancel).start())
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert descendants() <= before
    await _starts_again(home)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
async def test_nothing_outlives_a_devstack_whose_process_ends(home: Path, how: signal.Signals) -> None:
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", LIVE_AND_WAIT, str(home)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": str(Path(stack_module.__file__).parent.parent)},
    )
    assert parent.stdout is not None
    children = [psutil.Process(int(pid)) for pid in (await parent.stdout.readline()).split()]
    assert len(children) == 3
    parent.send_signal(how)
    await parent.wait()
    if sys.platform == "linux":  # the kernel ends orphans; elsewhere the next start does
        await _end(children)
    await _starts_again(home)
    await _end(children)


async def _end(processes: list[psutil.Process]) -> None:
    _, alive = await asyncio.to_thread(psutil.wait_procs, processes, timeout=30)
    for process in alive:
        process.kill()
    assert alive == []


async def _starts_again(home: Path) -> None:
    async with private_stack(home) as stack:
        assert await stack.postgres.has_database("followup")
