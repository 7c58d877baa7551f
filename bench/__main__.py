"""`make bench`: ours and a bare workflow in turn, the same job on the same machine; prints figures and their ratio."""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import uuid
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import psutil
from rich.console import Console
from rich.table import Table
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from bench.bare import Bare, BareWorkflow
from bench.peer import Sink, open_sink, process
from devstack.stack import Devstack
from domain.instance import workflow_id
from domain.lead import Lead
from domain.sequence import Sequence
from intake.enrolment import Enroller
from store.engine import open_engine
from store.schema import migrate

# One second, so that every step but the first has a timer, and the whole is bound by work and not by waiting.
_WAIT = timedelta(seconds=1)
# What Temporal bills as an action: see "Actions" in its Cloud documentation.
_ACTIONS = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
    EventType.EVENT_TYPE_TIMER_STARTED,
    EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
    EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
}
_LATENESS = """
    SELECT next.message_id, extract(epoch FROM previous.sent_at + :wait) AS due
    FROM drafts previous JOIN drafts next ON next.instance_id = previous.instance_id AND next.step = previous.step + 1
"""


class Run(NamedTuple):
    """One run of the job."""

    steps_per_second: float
    cpu_per_step: float  # milliseconds of the worker's own processor time
    actions: float  # a whole instance
    transactions_per_step: float
    late: list[float]  # milliseconds from due to accepted
    accepted: int
    duplicates: int


class Bench:
    """The job on either side, with one devstack under both."""

    def __init__(self, stack: Devstack, client: Client, leads: int, steps: int) -> None:
        self._stack, self._client, self._leads, self._steps = stack, client, leads, steps

    async def ours(self) -> Run:
        """Run our worker over leads enrolled beforehand."""
        run = f"ours{uuid.uuid4().hex[:8]}"
        url = await self._stack.postgres.create_database(run)
        await migrate(url)
        engine = open_engine(url)
        ids = await self._enroll(engine, run)
        before = await self._transactions(engine, run)
        async with open_sink() as sink:
            environment = {
                "FOLLOWUP_DATABASE_URL": url,
                "FOLLOWUP_SMTP_URL": sink.url,
                "FOLLOWUP_SENDER": "Ada Lovelace <ada@follow-up.test>",
                "FOLLOWUP_TASK_QUEUE": run,
                "TEMPORAL_ADDRESS": self._stack.temporal.address,
            }
            async with process("worker.py", **environment) as worker:
                cpu = await self._until_done(ids, worker.pid)
            due = await self._due(engine)
            measured = await self._figures(sink, cpu, ids[0])
            late = [(at - due[name]) * 1000 for at, name in sink.accepted() if name in due]
        transactions = await self._transactions(engine, run) - before
        await engine.dispose()
        return measured._replace(late=late, transactions_per_step=transactions / (self._leads * self._steps))

    async def bare(self) -> Run:
        """Run the baseline over workflows started beforehand."""
        run = f"bare{uuid.uuid4().hex[:8]}"
        ids = [f"{run}-{n}" for n in range(self._leads)]
        limit = asyncio.Semaphore(32)

        async def start(one: str) -> None:
            async with limit:
                bare = Bare(name=one, steps=self._steps, wait=_WAIT)
                await self._client.start_workflow(BareWorkflow.run, bare, id=one, task_queue=run)

        await asyncio.gather(*(start(one) for one in ids))
        async with (
            open_sink() as sink,
            process("-m", "bench.bare", self._stack.temporal.address, run, sink.url) as worker,
        ):
            cpu = await self._until_done(ids, worker.pid)
            return await self._figures(sink, cpu, ids[0])

    async def _enroll(self, engine: AsyncEngine, run: str) -> list[str]:
        first: dict[str, Any] = {"wait": timedelta(0), "subject": "Following up", "body": "Hello {{ name }}"}
        later: dict[str, Any] = {"wait": _WAIT, "body": "Hello again, {{ name }}"}
        sequence = Sequence.model_validate({"name": "bench", "steps": [first] + [later] * (self._steps - 1)})
        numbers = range(self._leads)
        people = (Lead(lead_id=f"lead-{n}", email=f"lead-{n}@example.test", name=f"Lead {n}") for n in numbers)
        enroller = Enroller(engine, self._client, workspace=run, task_queue=run, by="bench")
        return [workflow_id(result.instance_id) async for result in enroller.enroll(sequence, people)]

    async def _until_done(self, ids: list[str], worker: int) -> float:
        """Wait for all workflows; returns the worker's processor time in seconds."""
        limit = asyncio.Semaphore(100)

        async def wait(one: str) -> None:
            async with limit:
                await self._client.get_workflow_handle(one).result()

        await asyncio.gather(*(wait(one) for one in ids))
        used = psutil.Process(worker).cpu_times()
        return float(used.user + used.system)

    async def _figures(self, sink: Sink, cpu: float, sample: str) -> Run:
        accepted = sink.accepted()
        instants = [at for at, _ in accepted]
        names = Counter(name for _, name in accepted)
        history = await self._client.get_workflow_handle(sample).fetch_history()
        return Run(
            steps_per_second=len(accepted) / (max(instants) - min(instants)),
            cpu_per_step=cpu * 1000 / len(accepted),
            actions=sum(event.event_type in _ACTIONS for event in history.events),
            transactions_per_step=0,
            late=[],
            accepted=len(accepted),
            duplicates=sum(count - 1 for count in names.values()),
        )

    async def _due(self, engine: AsyncEngine) -> dict[str, float]:
        async with engine.connect() as connection:
            rows = await connection.execute(text(_LATENESS), {"wait": _WAIT})
            return {row.message_id: float(row.due) for row in rows}

    async def _transactions(self, engine: AsyncEngine, database: str) -> int:
        """How many transactions a database has seen, once its idle sessions have reported theirs."""
        statement = text("SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = :name")
        async with engine.connect() as connection:
            await connection.execute(text("SELECT pg_stat_force_next_flush()"))
            return int((await connection.execute(statement, {"name": database})).scalar_one())


def _quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def _print(console: Console, pairs: list[tuple[Run, Run]]) -> None:
    table = Table("run", "steps/s", "CPU ms/step", "actions", "trans./step", "p50 ms", "p99 ms", "sent", "twice")
    for number, (ours, bare) in enumerate(pairs, start=1):
        for name, run in (("ours", ours), ("bare", bare)):
            table.add_row(
                f"{number} {name}",
                f"{run.steps_per_second:.1f}",
                f"{run.cpu_per_step:.1f}",
                f"{run.actions:.0f}",
                f"{run.transactions_per_step:.2f}" if run.late else "",
                f"{_quantile(run.late, 0.5):.0f}" if run.late else "",
                f"{_quantile(run.late, 0.99):.0f}" if run.late else "",
                str(run.accepted),
                str(run.duplicates),
            )
    console.print(table)
    console.print("CPU: the worker's, its start included. Actions: Temporal's, of a whole follow-up.")
    console.print(
        "Transactions: PostgreSQL's, with those of the worker's start. p50, p99: from due to accepted, under load."
    )
    ratios = [ours.steps_per_second / bare.steps_per_second for ours, bare in pairs]
    listed = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    console.print(f"steps per second, ours / bare: median {statistics.median(ratios):.2f} of {listed}")


async def _main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--leads", type=int, default=1000, help="follow-ups in a run")
    parser.add_argument("--steps", type=int, default=3, help="steps of a follow-up")
    parser.add_argument("--pairs", type=int, default=3, help="how often each side runs, in turn")
    given = parser.parse_args()
    console = Console()
    with tempfile.TemporaryDirectory() as home:
        async with Devstack(Path(home), usual_ports=False) as stack:
            client = await Client.connect(stack.temporal.address, data_converter=pydantic_data_converter)
            bench = Bench(stack, client, given.leads, given.steps)
            pairs = []
            for number in range(given.pairs):
                console.print(f"pair {number + 1} of {given.pairs} …")
                bare = await bench.bare()
                pairs.append((await bench.ours(), bare))
    _print(console, pairs)


if __name__ == "__main__":
    asyncio.run(_main())
    sys.stdout.flush()
    os._exit(0)  # the SDK's threads abort an interpreter that finalises under them now and then
