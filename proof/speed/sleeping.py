"""What it costs when follow-ups fall due among many that sleep: they have left the worker's cache.

Those that will fall due are put in last but for as many as displace them there; all fall due at one instant.
"""

import time
from datetime import UTC, datetime, timedelta

import psutil
from rich.console import Console

from proof.rig.figures import load, quantile, show
from proof.rig.ground import Ground
from proof.speed.sides import Ours, ours

_LATER = timedelta(days=30)
# Twice what a worker keeps in its cache.
_DISPLACING = 2000
# What a busy machine puts in a second.
_PER_SECOND = 15
_TOLD = 5000


async def measure(console: Console, ground: Ground, *, asleep: int, due: int) -> None:
    """Let so many fall due alone, and then among those that sleep; print what it took."""
    rows = []
    for others in (0, asleep):
        async with ours(ground) as side:
            console.print(f"sleeping: {others} beside the {due} that fall due, {load()}")
            rows.append((f"{others}", *await _fall_due(console, side, others, due)))
    head = ("asleep beside", "put in a second", "steps/s", "CPU ms/step", "p50 s", "p99 s")
    show(console, f"{due} that fall due at once, of one step", head, rows)


async def _fall_due(console: Console, side: Ours, others: int, due: int) -> tuple[str, ...]:
    async with side.worker() as worker:
        far, last = datetime.now(UTC) + _LATER, min(others, _DISPLACING)
        rate = await _asleep(console, side, [far] * (others - last)) or _PER_SECOND
        at = datetime.now(UTC) + timedelta(seconds=30 + 2 * (due + last) / rate)
        ids = await side.put_in([at] * due)
        await side.until_asleep(ids[-1:])
        await _asleep(console, side, [far] * last)
        if at < datetime.now(UTC):
            raise RuntimeError("they fell due before all were put in: the machine does something else, try again")
        process = psutil.Process(worker.pid)
        before = process.cpu_times()
        await side.until_done(ids)
        after = process.cpu_times()
    late, cpu = side.late(), after.user + after.system - before.user - before.system
    spread = [f"{quantile(late, share) / 1000:.1f}" for share in (0.5, 0.99)]
    return f"{rate:.0f}", f"{due / max(late) * 1000:.1f}", f"{cpu * 1000 / due:.1f}", *spread


async def _asleep(console: Console, side: Ours, due: list[datetime]) -> float:
    """Put them in until they sleep; returns how many a second."""
    begun = time.monotonic()
    for first in range(0, len(due), _TOLD):
        ids = await side.put_in(due[first : first + _TOLD])
        await side.until_asleep(ids[-1:])
        console.print(f"sleeping: {first + len(ids):,} of {len(due):,} put in after {time.monotonic() - begun:.0f} s")
    return len(due) / (time.monotonic() - begun)
