"""`make chaos`: workers killed at random while they send; at the end an operator settles, and everything is counted.

The SMTP peer's own log is the truth: a message counts from its final dot on. Nothing in the product knows that it is
being tested. Exits 1 unless there are no duplicates, nothing is missing and every step is accounted for.
"""

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.contrib.pydantic import pydantic_data_converter

from bench.peer import Sink, open_sink, process
from devstack.stack import Devstack
from domain.command import RESUME, Decision, Resume
from domain.draft import DraftState
from domain.instance import workflow_id
from domain.lead import Lead
from domain.sequence import Sequence
from intake.enrolment import Enroller
from store.engine import open_engine
from store.schema import migrate

_QUEUE = "chaos"
# Short, so that a decision `not_sent` is accepted soon after the last kill.
_SEND_TIMEOUT = 10
_UNSETTLED = "SELECT id, instance_id, message_id, overdue_at FROM drafts WHERE state = 'unknown'"
_UNDONE = "SELECT count(*) FROM instances WHERE status NOT IN ('completed', 'stopped')"


class Chaos:
    """One run: its devstack, its SMTP peer, and the workers that come and go."""

    def __init__(self, console: Console, stack: Devstack, client: Client, engine: AsyncEngine, sink: Sink) -> None:
        self._console, self._stack, self._client, self._engine, self._sink = console, stack, client, engine, sink
        self.kills = self.settled = 0

    async def enroll(self, leads: int) -> None:
        """Enrol so many leads in three steps, a second apart."""
        first: dict[str, Any] = {"wait": timedelta(0), "subject": "Following up", "body": "Hello {{ name }}"}
        later: dict[str, Any] = {"wait": timedelta(seconds=1), "body": "Hello again, {{ name }}"}
        sequence = Sequence.model_validate({"name": "chaos", "steps": [first, later, later]})
        people = (Lead(lead_id=f"lead-{n}", email=f"lead-{n}@example.test", name=f"Lead {n}") for n in range(leads))
        enroller = Enroller(self._engine, self._client, workspace=_QUEUE, task_queue=_QUEUE, by="chaos")
        async for _ in enroller.enroll(sequence, people):
            pass

    async def kill_workers(self, until: float, every: float, dice: random.Random) -> None:
        """Run one worker after another, each killed (-9) at about so many seconds after its start."""
        while time.monotonic() < until and await self._undone():
            async with self._worker():
                await asyncio.sleep(every * dice.uniform(0.5, 1.5))
            self.kills += 1

    async def finish(self) -> None:
        """Let one worker live, and settle what is unknown by the peer's log, until every follow-up has ended."""
        async with self._worker():
            while undone := await self._undone():
                await self._settle()
                self._console.print(f"{undone} follow-ups under way, {self.settled} outcomes settled")
                await asyncio.sleep(5)

    async def count(self, leads: int) -> bool:
        """Print the figures; returns whether they are all as promised."""
        names = Counter(name for _, name in self._sink.accepted())
        async with self._engine.connect() as connection:
            drafts = list(await connection.execute(text("SELECT message_id, state FROM drafts")))
        states = Counter(draft.state for draft in drafts)
        twice = sum(count - 1 for count in names.values())
        missing = sum(draft.message_id not in names for draft in drafts) + 3 * leads - len(drafts)
        uncounted = 3 * leads - states[DraftState.SENT]
        self._console.print(
            f"workers killed {self.kills}, outcomes settled by hand {self.settled}\n"
            f"steps {3 * leads}, sent {states[DraftState.SENT]}\n"
            f"duplicates {twice}, missing {missing}, uncounted {uncounted}"
        )
        return not (twice or missing or uncounted)

    def _worker(self) -> Any:
        return process(
            "worker.py",
            FOLLOWUP_DATABASE_URL=self._stack.postgres.url(_QUEUE),
            FOLLOWUP_SMTP_URL=self._sink.url,
            FOLLOWUP_SENDER="Ada Lovelace <ada@follow-up.test>",
            FOLLOWUP_SEND_TIMEOUT=str(_SEND_TIMEOUT),
            FOLLOWUP_TASK_QUEUE=_QUEUE,
            TEMPORAL_ADDRESS=self._stack.temporal.address,
        )

    async def _undone(self) -> int:
        async with self._engine.connect() as connection:
            return int((await connection.execute(text(_UNDONE))).scalar_one())

    async def _settle(self) -> None:
        """Do what an operator would: look into the peer's log, and say what is true."""
        names = {name for _, name in self._sink.accepted()}
        async with self._engine.connect() as connection:
            unsettled = list(await connection.execute(text(_UNSETTLED)))
        now = datetime.now(UTC)
        due = [draft for draft in unsettled if draft.message_id in names or draft.overdue_at < now]
        await asyncio.gather(*(self._decide(draft.instance_id, draft.message_id in names) for draft in due[:50]))

    async def _decide(self, instance_id: str, sent: bool) -> None:
        handle = self._client.get_workflow_handle(workflow_id(instance_id))
        decision = Resume(decision=Decision.SENT if sent else Decision.NOT_SENT, by="chaos")
        try:
            await handle.execute_update(RESUME, decision)
        except WorkflowUpdateFailedError:
            return  # its workflow has not heard of the pause yet: looked at again in the next round
        self.settled += 1


async def _main() -> bool:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=float(os.environ.get("CHAOS_MINUTES", "2")))
    parser.add_argument("--leads", type=int, default=200, help="follow-ups of three steps each")
    parser.add_argument("--kill-every", type=float, default=3, help="seconds a worker lives, on average")
    parser.add_argument("--answer-after", type=float, default=0.2, help="seconds the SMTP peer takes to answer")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    given = parser.parse_args()
    console = Console()
    console.print(f"seed {given.seed}: {given.leads} leads, a worker killed every {given.kill_every:g} s")
    with tempfile.TemporaryDirectory() as home:
        async with Devstack(Path(home), usual_ports=False) as stack, open_sink(given.answer_after) as sink:
            client = await Client.connect(stack.temporal.address, data_converter=pydantic_data_converter)
            url = await stack.postgres.create_database(_QUEUE)
            await migrate(url)
            engine = open_engine(url)
            chaos = Chaos(console, stack, client, engine, sink)
            await chaos.enroll(given.leads)
            await chaos.kill_workers(time.monotonic() + given.minutes * 60, given.kill_every, random.Random(given.seed))
            await chaos.finish()
            good = await chaos.count(given.leads)
            await engine.dispose()
            return good


if __name__ == "__main__":
    code = 0 if asyncio.run(_main()) else 1
    sys.stdout.flush()
    os._exit(code)  # the SDK's threads abort an interpreter that finalises under them now and then
