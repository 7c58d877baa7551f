"""Two transactions that meet, by the thousand: in every way two transactions can, for a pair takes milliseconds."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, NamedTuple

_AT_ONCE = 20


class Timed(NamedTuple):
    """What one side of a pair was answered, and when: its start before, its end after its transaction."""

    result: Any
    start: int
    end: int


async def meet(
    pairs: Sequence[tuple[Coroutine[Any, Any, object], Coroutine[Any, Any, object]]],
    *,
    spread: tuple[int, int] = (7, 5),
) -> list[tuple[Timed, Timed]]:
    """Run both sides of each pair at once; `spread` is over how many turns of the loop the sides begin."""
    clock = iter(range(1_000_000_000))  # counts what happens in this process, in its order
    turns = asyncio.Semaphore(_AT_ONCE)

    async def timed(side: Coroutine[Any, Any, object], first: int) -> Timed:
        for _ in range(first):
            await asyncio.sleep(0)
        start = next(clock)
        return Timed(await side, start, next(clock))

    async def met(number: int) -> tuple[Timed, Timed]:
        one, other = pairs[number]
        async with turns:
            return await asyncio.gather(timed(one, number % spread[0]), timed(other, number % spread[1]))

    return await asyncio.gather(*map(met, range(len(pairs))))
