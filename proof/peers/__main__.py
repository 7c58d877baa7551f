"""`make peers`: the same job on what one would pick instead, and on ours; workers killed as they send; all is counted.

Each engine gets the same leads in three steps, a second apart, and the same SMTP peer, which takes 200 ms to answer. It
does the job twice: undisturbed, for its speed; and with each worker killed (-9) three seconds after its first letter,
and started again. Exits 1 when this project sent one twice or lost one.
"""

import argparse
import os
import platform
import random
import sys
from importlib.metadata import version
from typing import NamedTuple

import psutil
import psycopg
from rich import box
from rich.console import Console
from rich.table import Table
from temporalio.api.workflowservice.v1 import GetSystemInfoRequest
from temporalio.client import Client

from connect import leave
from devstack.passable import temporary_folder
from devstack.stack import Devstack
from proof.peers.count import Tally
from proof.peers.dbos import Dbos
from proof.peers.engine import AT_ONCE, STEPS, Engine, Place
from proof.peers.ours import Ours
from proof.peers.poller import Poller
from proof.peers.procrastinate import Procrastinate
from proof.peers.run import Run, Storm, run_job
from proof.peers.temporal import Temporal
from proof.rig.command import above_zero, at_least_one, run_command
from proof.rig.processes import open_sink

ENGINES: tuple[type[Engine], ...] = (Poller, Procrastinate, Dbos, Temporal, Ours)

_HEADS = (
    *("sent twice", "missing", "asked", "kills"),
    *("steps/s, killed", "CPU ms/step, killed", "steps/s, calm", "CPU ms/step, calm", "servers' CPU, calm"),
)
_WORDS = (
    "Sent twice: copies beyond the first of a step; missing: steps never sent; by the peer's own log of both runs.",
    "Asked: outcomes that this project called unknown, settled by an operator from the peer's log.",
    "Steps per second: from the first worker's start until the last step was first sent.",
    "This project runs with FOLLOWUP_SEND_TIMEOUT=10 (600 by default): so soon an operator may say `not_sent`.",
    "CPU: of all workers, each one's start included.",
    "Servers' CPU: PostgreSQL's and Temporal's, ms a step, what both take while nobody asks them included.",
)


class Pair(NamedTuple):
    """An engine's two runs."""

    calm: Run
    killed: Run


async def _both(engine: type[Engine], stack: Devstack, given: argparse.Namespace, console: Console) -> Pair:
    runs = []
    for kills in (0, given.kills):
        console.print(f"{engine.title}: {f'killed up to {kills} times' if kills else 'calm'} …", style="dim")
        run = f"{engine.__name__}_{kills}".lower()
        await stack.postgres.create_database(run)
        async with open_sink(given.answer_after) as sink:
            url = stack.postgres.url(run).replace("postgresql+psycopg://", "postgresql://", 1)
            place = Place(url, sink.url, stack.temporal.address, run)
            storm = Storm(kills, given.kill_every, given.seed)
            before = _servers(stack)
            done = await run_job(engine(place), sink, given.leads, storm, given.limit)
            runs.append(done._replace(servers=_servers(stack) - before))
    return Pair(*runs)


def _servers(stack: Devstack) -> float:
    """Say what processor time, in seconds, PostgreSQL and Temporal have used, sessions that are over included."""
    parents = [psutil.Process(pid) for pid in (stack.postgres.pid, stack.temporal.pid)]
    sessions = [child.cpu_times() for parent in parents for child in parent.children(recursive=True)]
    own = [parent.cpu_times() for parent in parents]
    return float(sum(sum(times[:2]) for times in sessions) + sum(sum(times[:4]) for times in own))


def _table(pairs: dict[str, Pair], leads: int) -> Table:
    table = Table(box=box.MARKDOWN)
    table.add_column("engine", no_wrap=True)
    for head in _HEADS:
        table.add_column(head, justify="right")
    for title, (calm, killed) in pairs.items():
        twice = killed.tally.twice + calm.tally.twice
        lost = killed.tally.missing + calm.tally.missing
        table.add_row(
            title,
            *(str(number) for number in (twice, lost, killed.asked + calm.asked, killed.kills)),
            *_figures(killed, leads),
            *_figures(calm, leads),
            f"{calm.servers * 1000 / (leads * STEPS):.0f}",
        )
    return table


def _figures(run: Run, leads: int) -> tuple[str, str]:
    steps = leads * STEPS - run.tally.missing
    return f"{steps / run.tally.seconds:.1f}" if steps else "-", f"{run.cpu * 1000 / steps:.0f}" if steps else "-"


def _notes(pairs: dict[str, Pair], given: argparse.Namespace) -> list[str]:
    notes = [
        f"{given.leads} leads, {STEPS} steps, {AT_ONCE} letters at once; the peer answers in {given.answer_after:g} s.",
        (
            f"Killed {given.kill_every:g} s (a third more or less) after each worker's first letter,"
            f" at most {given.kills} times, seed {given.seed}; then one worker may finish."
        ),
        *_WORDS,
    ]
    return notes + [f"{title}: {sentence}" for title, pair in pairs.items() for run in pair for sentence in _odd(run)]


def _odd(run: Run) -> list[str]:
    tally: Tally = run.tally
    odd = [f"{run.undone} not done when the limit was reached"] if run.undone else []
    return odd + ([f"{tally.stray} messages that are no step's"] if tally.stray else [])


async def _versions(stack: Devstack) -> str:
    async with await psycopg.AsyncConnection.connect(
        stack.postgres.url().replace("postgresql+psycopg://", "postgresql://", 1)
    ) as connection:
        postgres = connection.info.server_version // 10000, connection.info.server_version % 10000
    client = await Client.connect(stack.temporal.address)
    temporal = await client.workflow_service.get_system_info(GetSystemInfoRequest())
    packages = sorted({package for engine in ENGINES for package in engine.packages})
    listed = ", ".join(f"{package} {version(package)}" for package in packages)
    memory = round(psutil.virtual_memory().total / 2**30)
    return (
        f"{os.cpu_count()} processors, {memory} GiB; {platform.system()}, Python {platform.python_version()},"
        f" PostgreSQL {postgres[0]}.{postgres[1]}, Temporal {temporal.server_version}; {listed}"
    )


def _arguments() -> argparse.Namespace:
    names = [engine.__name__.lower() for engine in ENGINES]
    parser = argparse.ArgumentParser(prog="make peers", description=__doc__)
    parser.add_argument("--leads", type=at_least_one, default=200, help="leads of three steps each")
    parser.add_argument("--kills", type=at_least_one, default=10, help="how often a worker is killed, at most")
    parser.add_argument(
        "--kill-every", type=above_zero, default=3, help="seconds from a worker's first letter, on average"
    )
    parser.add_argument("--answer-after", type=above_zero, default=0.2, help="seconds the SMTP peer takes to answer")
    parser.add_argument("--limit", type=above_zero, default=600, help="seconds a run may take")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--only", choices=names, action="append", help="these engines alone")
    return parser.parse_args()


async def _main(given: argparse.Namespace) -> int:
    console = Console(width=None if sys.stdout.isatty() else 200)
    with temporary_folder() as home:
        async with Devstack(home, usual_ports=False) as stack:
            machine = await _versions(stack)
            chosen = [engine for engine in ENGINES if not given.only or engine.__name__.lower() in given.only]
            pairs = {engine.title: await _both(engine, stack, given, console) for engine in chosen}
    console.print(_table(pairs, given.leads))
    for note in (*_notes(pairs, given), machine):
        console.print(note, soft_wrap=True)
    ours = pairs.get(Ours.title)
    return 1 if ours and any(run.tally.twice or run.tally.missing for run in ours) else 0


if __name__ == "__main__":
    # the SDK's threads abort an interpreter that finalises under them now and then
    leave(run_command("peers", _main(_arguments())))
