"""What it costs when follow-ups fall due among many that sleep: they left the worker's cache long ago.

Those that will fall due are put in first, so that the sleeping ones displace them; all fall due at one instant.
"""

from datetime import UTC, datetime, timedelta

import psutil
from rich.console import Console

from bench.figures import load, quantile, show
from bench.ground import Ground
from bench.sides import Ours, ours

_LATER = timedelta(days=30)
_PUT_IN_PER_SECOND = 15


async def measure(console: Console, ground: Ground, *, asleep: int, due: int) -> None:
    """Let so many fall due alone, and then among those that sleep; print what it took."""
    rows = []
    for others in (0, asleep):
        async with ours(ground) as side:
            console.print(f"sleeping: {others} beside the {due} that fall due, {load()}")
            rows.append((f"{others}", *await _fall_due(side, others, due)))
    head = ("asleep beside", "put in a second", "steps/s", "CPU ms/step", "p50 s", "p99 s")
    show(console, f"{due} that fall due at once, of one step", head, rows)


async def _fall_due(side: Ours, others: int, due: int) -> tuple[str, ...]:
    async with side.worker() as worker:
        begun = datetime.now(UTC)
        at = begun + timedelta(seconds=10 + (due + others) / _PUT_IN_PER_SECOND)
        ids = await side.put_in([at] * due)
        sleeping = await side.put_in([at + _LATER] * others)
        await side.until_asleep(sleeping[-1:] or ids[-1:])
        taken, process = datetime.now(UTC) - begun, psutil.Process(worker.pid)
        if at < datetime.now(UTC):
            raise RuntimeError(f"they fell due before all were put in, which took {taken}: give fewer --sleeping")
        before = process.cpu_times()
        await side.until_done(ids)
        after = process.cpu_times()
    late, cpu = side.late(), after.user + after.system - before.user - before.system
    rate = (due + others) / taken.total_seconds()
    spread = [f"{quantile(late, share) / 1000:.1f}" for share in (0.5, 0.99)]
    return f"{rate:.0f}", f"{due / max(late) * 1000:.1f}", f"{cpu * 1000 / due:.1f}", *spread
