"""The time from due to accepted: at idle, and at nine tenths of what the slower side can do of the same job."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from rich.console import Console

from proof.rig.figures import load, quantile, show
from proof.rig.ground import Ground
from proof.speed.sides import SIDES, Side

# The worker starts within seconds, and as many follow-ups a second are at least put in and put to sleep.
_WORKER_STARTS = timedelta(seconds=6)
_PUT_IN_PER_SECOND = 12


class Pace(NamedTuple):
    """So many follow-ups fall due one by one, so far apart."""

    follow_ups: int
    every: timedelta

    def instants(self) -> list[datetime]:
        """When each falls due: the first when all are asleep."""
        first = datetime.now(UTC) + _WORKER_STARTS + timedelta(seconds=self.follow_ups / _PUT_IN_PER_SECOND)
        return [first + number * self.every for number in range(self.follow_ups)]


IDLE = Pace(60, timedelta(seconds=0.5))


async def find_busy(console: Console, ground: Ground, *, follow_ups: int, seconds: float) -> Pace:
    """Let so many fall due at once on each side; returns nine tenths of what the slower one does, for so long."""
    capacities = []
    for open_side in SIDES:
        async with open_side(ground) as side:
            late = await lateness(side, Pace(follow_ups, timedelta(0)))
            capacities.append(follow_ups / max(late) * 1000)
            console.print(f"capacity: {side.name}, {capacities[-1]:.1f} follow-ups of one step a second, {load()}")
    return busy(min(capacities), seconds)


def busy(capacity: float, seconds: float) -> Pace:
    """Nine tenths of a capacity a second, for so long."""
    rate = 0.9 * capacity
    return Pace(int(rate * seconds), timedelta(seconds=1 / rate))


async def measure(console: Console, ground: Ground, *, pace: Pace, title: str) -> None:
    """Let follow-ups fall due at a pace, on each side in turn, and print how late each message was."""
    rows = []
    for open_side in SIDES:
        async with open_side(ground) as side:
            console.print(f"{title}: {side.name}, {load()}")
            late = await lateness(side, pace)
            shares = (0.5, 0.9, 0.99, 1.0)
            rows.append((side.name, str(len(late)), *(f"{quantile(late, share):.0f}" for share in shares)))
    each = f"one every {pace.every.total_seconds() * 1000:.0f} ms"
    show(console, f"From due to accepted, ms: {title}, {each}", ("run", "sent", "p50", "p90", "p99", "most"), rows)


async def lateness(side: Side, pace: Pace) -> list[float]:
    """How many milliseconds after it fell due each message was accepted."""
    async with side.worker():
        instants = pace.instants()
        ids = await side.put_in(instants)
        if datetime.now(UTC) > instants[0]:
            raise RuntimeError("the first fell due before all were put in: the machine is too busy to measure this")
        await side.until_done(ids)
        return side.late()
