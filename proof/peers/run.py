"""One engine on one job: its worker runs, is killed and started again, until the engine says that all is done."""

import asyncio
import random
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

import psutil

from proof.peers.count import Tally, count, name
from proof.peers.engine import STEPS, Engine, lead_id
from proof.rig.processes import Sink, process

_LOOK_EVERY = 0.1  # seconds between looks into the peer's log and the engine's books


class Storm(NamedTuple):
    """How workers are killed: so often, about so many seconds after each one's first letter; then one may live."""

    kills: int
    every: float  # seconds; each between two and four thirds of it
    seed: int

    def lives(self) -> Iterator[float]:
        """How long each worker lives, the same for every engine."""
        dice = random.Random(self.seed)
        for _ in range(self.kills):
            yield self.every * dice.uniform(2 / 3, 4 / 3)
        yield float("inf")


class Run(NamedTuple):
    """What came of it."""

    tally: Tally
    kills: int
    cpu: float  # seconds, of all workers together, their starts included
    asked: int  # how often a person had to say what became of a step
    undone: int  # what was not done when the limit was reached
    servers: float = 0  # processor seconds of PostgreSQL and Temporal meanwhile, the putting in of the leads included


async def run_job(engine: Engine, sink: Sink, leads: int, storm: Storm, limit: float) -> Run:
    """Run the job on an engine, for at most `limit` seconds."""
    await engine.begin(leads)
    began, until = time.time(), time.monotonic() + limit
    tending = asyncio.create_task(engine.tend(sink.accepted))
    cpu, workers = 0.0, 0
    for life in storm.lives():
        workers += 1
        cpu += await _live(engine, sink, life, until)
        if tending.done():
            tending.result()  # it ended by itself: if by an error, so does this
        undone = await engine.undone()
        if not undone or time.monotonic() > until:
            break
    tending.cancel()
    with suppress(asyncio.CancelledError):
        await tending
    wanted = [name(lead_id(number), step) for number in range(leads) for step in range(1, STEPS + 1)]
    tally = count(await engine.named(sink.accepted()), wanted, began)
    return Run(tally, workers - 1, cpu, engine.asked, undone)


async def _live(engine: Engine, sink: Sink, life: float, until: float) -> float:
    """Run one worker until all is done, or for so many seconds from its first letter on: then it is killed.

    Counted from its start, a slow starter would be killed before it does anything, and so be spared the test.
    Returns what processor time it used, in seconds.
    """
    before, first = len(sink.accepted()), float("inf")
    command, environment = engine.worker()
    async with process(*command, **environment) as worker:
        while worker.returncode is None and await engine.undone():
            if len(sink.accepted()) > before:
                first = min(first, time.monotonic())
            if (left := min(first + life, until) - time.monotonic()) <= 0:
                break
            await asyncio.sleep(min(_LOOK_EVERY, left))
        if worker.returncode is not None:
            raise RuntimeError(f"the worker of {engine.title} ended by itself, with code {worker.returncode}")
        used = psutil.Process(worker.pid).cpu_times()
        return float(used.user + used.system)
