"""Doing what the schedule says to the parts and links of a world."""

import asyncio
import random
import time
from collections import Counter
from functools import partial

from proof.chaos.peer import RIGHT
from proof.chaos.schedule import POSTGRES, SMTP, Fault, Kind
from proof.chaos.world import Happened, World


class Breaker:
    """Breaks things, each at its time. `done` counts what it did, by target and kind; `begun` how many it came to.

    What reached nothing is not counted: a part that was down, a link without a connection.
    """

    def __init__(self, world: World, seed: int) -> None:
        self._world, self._dice = world, random.Random(f"breaker {seed}")
        self.done: Counter[str] = Counter()
        self.begun = 0

    async def run(self, faults: list[Fault]) -> None:
        """Do all of them, and see that nothing is broken when this returns."""
        async with asyncio.TaskGroup() as breaking:
            for fault in faults:
                breaking.create_task(self._at_its_time(fault))
        await self._world.order(RIGHT)

    async def _at_its_time(self, fault: Fault) -> None:
        await asyncio.sleep(fault.at)
        self.begun += 1
        place = len(self._world.happened)
        self._world.happened.append(Happened(fault.target, fault.kind, time.time()))
        reached = await (self._break_link(fault) if ">" in fault.target else self._break_part(fault))
        if reached:
            self.done[_counted_as(fault)] += 1
        self._world.happened[place] = self._world.happened[place]._replace(ended=time.time())

    async def _break_part(self, fault: Fault) -> bool:
        part = self._world.parts[fault.target]
        match fault.kind:
            case Kind.MISBEHAVE:
                return await self._world.order(f"{fault.phase} {fault.how} {fault.messages}")
            case Kind.KILL:
                await part.down(fault.lasts)
            case Kind.QUIT:
                await part.down(fault.lasts, partial(self._world.postgres.kill))
            case Kind.BACKEND:
                return part.kill_a_child()
            case Kind.SUSPEND:
                return await part.suspend(fault.lasts)
            case _:
                raise ValueError(f"{fault.kind} is not done to {fault.target}")
        return True

    async def _break_link(self, fault: Fault) -> bool:
        link, reached = self._world.links[fault.target], True
        match fault.kind:
            case Kind.CUT:
                reached = link.cut()
            case Kind.HALF:
                reached = link.half_close(self._dice)
            case Kind.REFUSE:
                link.refuses = True
                link.cut()
            case Kind.DELAY:
                link.delay = 1.0
            case Kind.FREEZE:
                link.freeze()
            case _:
                raise ValueError(f"{fault.kind} is not done to {fault.target}")
        await asyncio.sleep(fault.lasts)
        link.heal()
        return reached


def _counted_as(fault: Fault) -> str:
    if ">" in fault.target:
        return f"connections: {fault.kind}"
    if fault.kind is Kind.MISBEHAVE:
        return f"{SMTP}: {fault.how}"
    name = fault.target.partition("-")[0]
    return f"{name}: {'immediate stop' if (name, fault.kind) == (POSTGRES, Kind.QUIT) else fault.kind}"
