"""A worker's memory with so many sleeping follow-ups behind it, of which it keeps the latest in its cache."""

from datetime import UTC, datetime, timedelta

import psutil
from rich.console import Console

from proof.rig.figures import load, show
from proof.rig.ground import Ground
from proof.speed.sides import SIDES, Side

_LATER = timedelta(days=30)


async def measure(console: Console, ground: Ground, *, counts: tuple[int, ...]) -> None:
    """Put follow-ups to sleep on each side, and print the worker's memory as their number grows."""
    rows = []
    for open_side in SIDES:
        async with open_side(ground) as side:
            console.print(f"memory: {side.name}, {load()}")
            rows += await _grow(side, counts)
    show(console, "Memory of a worker", ("asleep", "RSS MiB", "KiB each, over the line before"), rows, _NOTE)


_NOTE = "A worker keeps 1,000 workflows, Temporal's default; others are told again from their history when they wake."


async def _grow(side: Side, counts: tuple[int, ...]) -> list[tuple[str, str, str]]:
    rows, asleep, before = [], 0, 0
    async with side.worker() as worker:
        # the first turn loads what the first of all needs
        await side.until_asleep(await side.put_in([datetime.now(UTC) + _LATER]))
        for count in counts:
            await side.until_asleep(await side.put_in([datetime.now(UTC) + _LATER] * (count - asleep)))
            used = psutil.Process(worker.pid).memory_info().rss
            each = f"{(used - before) / 1024 / (count - asleep):.0f}" if count else ""
            rows.append((f"{side.name} {count}", f"{used / 1024 / 1024:.0f}", each))
            asleep, before = count, used
    return rows
