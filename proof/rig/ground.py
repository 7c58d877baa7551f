"""What every measurement stands on: a devstack of our own, and calls made so many at a time."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from devstack.passable import temporary_folder
from devstack.stack import Devstack


class Ground(NamedTuple):
    """One devstack under both sides."""

    stack: Devstack
    client: Client


@asynccontextmanager
async def open_ground(*, in_memory: bool = False) -> AsyncIterator[Ground]:
    """A devstack whose data are gone afterwards; in memory, Temporal keeps its own there."""
    with temporary_folder() as home:
        async with Devstack(home, in_memory=in_memory, usual_ports=False) as stack:
            yield Ground(stack, await Client.connect(stack.temporal.address, data_converter=pydantic_data_converter))


async def at_once(calls: Iterable[Callable[[], Awaitable[Any]]], most: int) -> float:
    """Make all of these calls, so many at a time; returns the seconds it took."""
    begun, waiting = time.monotonic(), iter(calls)

    async def make() -> None:
        for call in waiting:
            await call()

    await asyncio.gather(*(make() for _ in range(most)))
    return time.monotonic() - begun
