"""A worker's cold start: from its program's start until it polls, and until the letter that waited for it is taken."""

import asyncio
import statistics
import time
from datetime import UTC, datetime

from rich.console import Console
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest

from proof.rig.figures import load, show
from proof.rig.ground import Ground
from proof.speed.sides import SIDES, Side

_LOOK_EVERY = 0.01  # seconds


async def measure(console: Console, ground: Ground, *, times: int) -> None:
    """Start a worker so often on each side, in turn, and print how long it took."""
    console.print(f"cold starts: {times} of each, {load()}")
    seconds: dict[str, list[float]] = {}
    for _ in range(times):
        for open_side in SIDES:
            async with open_side(ground) as side:
                polls, letter = await _start(side)
                seconds.setdefault(f"{side.name}, until it polls", []).append(polls)
                seconds.setdefault(f"{side.name}, until the first letter is accepted", []).append(letter)
    rows = [(name, *_row(each)) for name, each in seconds.items()]
    show(console, "Cold start of a worker, seconds", ("from exec", "median", "each"), rows)


async def _start(side: Side) -> tuple[float, float]:
    await side.put_in([datetime.now(UTC)])
    begun = time.time()
    async with side.worker():
        while not await _polls(side):  # noqa: ASYNC110  # another process has no event
            await asyncio.sleep(_LOOK_EVERY)
        polls = time.time() - begun
        return polls, await side.first_letter() - begun


async def _polls(side: Side) -> bool:
    client = side.ground.client
    queue = TaskQueue(name=side.run)
    kind = TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW
    request = DescribeTaskQueueRequest(namespace=client.namespace, task_queue=queue, task_queue_type=kind)
    return bool((await client.workflow_service.describe_task_queue(request)).pollers)


def _row(seconds: list[float]) -> tuple[str, str]:
    return f"{statistics.median(seconds):.2f}", ", ".join(f"{one:.2f}" for one in seconds)
