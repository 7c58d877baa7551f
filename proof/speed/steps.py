"""Steps per second: follow-ups that are due at once, three steps a second apart; ours and the bare workflow in turn."""

from collections import Counter
from datetime import UTC, datetime
from typing import NamedTuple

import psutil
from rich.console import Console
from temporalio.api.enums.v1 import EventType

from proof.rig.figures import load, ratios, show
from proof.rig.ground import Ground
from proof.speed.sides import Ours, Side, bare, ours

# What Temporal bills as an action: see "Actions" in its Cloud documentation.
_ACTIONS = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
    EventType.EVENT_TYPE_TIMER_STARTED,
    EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
    EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
}


class Run(NamedTuple):
    """One run of the job."""

    steps_per_second: float
    cpu_per_step: float  # milliseconds of the worker's own processor time, from its first letter on
    actions: int  # of a whole follow-up
    transactions_per_step: float | None  # None where there is no database
    accepted: int
    duplicates: int


async def measure(console: Console, ground: Ground, *, follow_ups: int, steps: int, pairs: int) -> None:
    """Run the job on each side in turn, and print it."""
    theirs, mine = [], []
    for number in range(pairs):
        console.print(f"steps per second: pair {number + 1} of {pairs}, {load()}")
        async with bare(ground) as side:
            theirs.append(await run_job(side, follow_ups, steps))
        async with ours(ground) as side:
            mine.append(await run_job(side, follow_ups, steps))
    _print(console, theirs, mine)


async def run_job(side: Side, follow_ups: int, steps: int) -> Run:
    """Put the follow-ups in, and let one worker do them all."""
    ids = await side.put_in([datetime.now(UTC)] * follow_ups, steps)
    before = await side.transactions() if isinstance(side, Ours) else 0
    async with side.worker() as worker:
        await side.first_letter()
        started = _processor_time(worker.pid)
        await side.until_done(ids)
        used = _processor_time(worker.pid) - started
    accepted = side.sink.accepted()
    instants = [at for at, _ in accepted]
    history = await side.ground.client.get_workflow_handle(ids[0]).fetch_history()
    after = await side.transactions() if isinstance(side, Ours) else 0
    return Run(
        steps_per_second=len(accepted) / (max(instants) - min(instants)),
        cpu_per_step=used * 1000 / len(accepted),
        actions=sum(event.event_type in _ACTIONS for event in history.events),
        transactions_per_step=(after - before) / len(accepted) if isinstance(side, Ours) else None,
        accepted=len(accepted),
        duplicates=sum(count - 1 for count in Counter(name for _, name in accepted).values()),
    )


def _processor_time(pid: int) -> float:
    used = psutil.Process(pid).cpu_times()
    return float(used.user + used.system)


def _print(console: Console, theirs: list[Run], mine: list[Run]) -> None:
    rows = [
        (f"{number} {name}", *_row(run))
        for number, pair in enumerate(zip(mine, theirs, strict=True), start=1)
        for name, run in zip(("ours", "bare"), pair, strict=True)
    ]
    head = ("run", "steps/s", "CPU ms/step", "actions", "transactions/step", "sent", "twice")
    show(
        console,
        "Steps per second",
        head,
        rows,
        "CPU: the worker's, from its first letter on. Actions: Temporal's, of a follow-up. Transactions: PostgreSQL's.",
        ratios(
            "steps per second, ours / bare",
            [run.steps_per_second for run in mine],
            [run.steps_per_second for run in theirs],
        ),
        ratios("worker's CPU, ours / bare", [run.cpu_per_step for run in mine], [run.cpu_per_step for run in theirs]),
    )


def _row(run: Run) -> tuple[str, ...]:
    transactions = "none" if run.transactions_per_step is None else f"{run.transactions_per_step:.2f}"
    speed, cpu = f"{run.steps_per_second:.1f}", f"{run.cpu_per_step:.1f}"
    return speed, cpu, str(run.actions), transactions, str(run.accepted), str(run.duplicates)
