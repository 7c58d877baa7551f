"""The two sides of a measurement, ours and the bare workflow: how follow-ups are put in, and who works them off.

Each run has a name of its own, which is its task queue; ours has a database of that name too. Both sides send to an
SMTP peer that takes everything and writes down when.
"""

import asyncio
import uuid
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import text
from temporalio.service import RPCError, RPCStatusCode

from domain.draft import DraftKey, draft_id, message_hash, message_id
from domain.instance import InstanceKey, instance_id, workflow_id
from domain.lead import Lead
from domain.lead_facts import LeadFacts
from domain.sequence import Sequence as FollowUpSequence
from intake.starting import Starter
from proof.rig.ground import Ground, at_once
from proof.rig.processes import Sink, open_sink, process
from proof.speed.bare import Bare, BareWorkflow, bare_message_id
from store.engine import open_engine
from store.instances import Enrolment, StoredInstance, enroll
from store.leads import save_leads
from store.links import read_link_key
from store.schema import migrate
from store.sequences import save_sequence

# One second, so that every step but the first has a timer, and the whole is bound by work and not by waiting.
WAIT = timedelta(seconds=1)
# As many calls are under way at Temporal as ours has at a time.
_AT_ONCE = 32
_BATCH = 1000
_DOMAIN = "follow-up.test"
# Events of a workflow that sleeps: it was started; its task was scheduled, started, completed; its timer was started.
_ASLEEP = 5


class Side(ABC):
    """One run of a side."""

    name: str

    def __init__(self, ground: Ground, sink: Sink) -> None:
        self.ground, self.sink = ground, sink
        self.run = f"{self.name}{uuid.uuid4().hex[:8]}"
        self.due: dict[str, float] = {}  # when the first step of each fell due, by its Message-ID; Unix time

    @abstractmethod
    async def put_in(self, due: Sequence[datetime], steps: int = 1) -> list[str]:
        """Put in a follow-up for each instant at which a first one falls due; returns their workflows' ids."""

    @abstractmethod
    def worker(self) -> AbstractAsyncContextManager[asyncio.subprocess.Process]:
        """A worker of this side."""

    async def until_done(self, ids: Iterable[str]) -> None:
        """Wait for the end of these workflows."""
        await at_once((self.ground.client.get_workflow_handle(one).result for one in ids), 100)

    async def until_asleep(self, ids: Iterable[str]) -> None:
        """Wait until a worker has taken the first turn of these workflows: they sleep."""
        await at_once((partial(self._until_asleep, one) for one in ids), _AT_ONCE)

    async def _until_asleep(self, one: str) -> None:
        handle = self.ground.client.get_workflow_handle(one)
        while (await handle.describe()).history_length < _ASLEEP:  # noqa: ASYNC110  # another process has no event
            await asyncio.sleep(0.2)

    async def first_letter(self) -> float:
        """Wait for the first letter; returns when it was accepted, Unix time."""
        while not (accepted := self.sink.accepted()):  # noqa: ASYNC110  # another process has no event
            await asyncio.sleep(0.01)
        return accepted[0][0]

    def late(self) -> list[float]:
        """How many milliseconds after it fell due the first message of each was accepted."""
        return [(at - self.due[name]) * 1000 for at, name in self.sink.accepted() if name in self.due]


class Ours(Side):
    """Our worker, over leads enrolled beforehand."""

    name = "ours"

    async def begin(self) -> None:
        """Make its database."""
        self.url = await self.ground.stack.postgres.create_database(self.run)
        await migrate(self.url)
        self.engine = open_engine(self.url)
        self.environment = {
            "FOLLOWUP_DATABASE_URL": self.url,
            "FOLLOWUP_SMTP_URL": self.sink.url,
            "FOLLOWUP_SENDER": f"Ada Lovelace <ada@{_DOMAIN}>",
            "FOLLOWUP_TASK_QUEUE": self.run,
            "FOLLOWUP_WORKSPACE": self.run,
            "TEMPORAL_ADDRESS": self.ground.stack.temporal.address,
        }

    async def put_in(self, due: Sequence[datetime], steps: int = 1) -> list[str]:
        """Store and start as the starter does, but that each lead waits for an instant of its own."""
        sequence, ids = a_sequence(steps), []
        for begin in range(0, len(due), _BATCH):
            ids += await self._put_in(sequence, due[begin : begin + _BATCH])
        return ids

    async def _put_in(self, sequence: FollowUpSequence, due: Sequence[datetime]) -> list[str]:
        leads = list(some_leads(len(due)))
        keys = [instance_id(InstanceKey(self.run, sequence.name, lead.lead_id)) for lead in leads]
        now = datetime.now(UTC)
        wanted = [
            Enrolment(key, lead.lead_id, len(sequence.steps), (at - now).total_seconds(), key)
            for key, lead, at in zip(keys, leads, due, strict=True)
        ]
        async with self.engine.begin() as connection:
            await save_sequence(connection, self.run, sequence)
            await save_leads(connection, self.run, [LeadFacts(**lead.model_dump()) for lead in leads])
            enrolled = await enroll(connection, self.run, sequence, wanted, "bench")
            key = await read_link_key(connection)
        for one in enrolled:
            name = message_id(message_hash(key, draft_id(DraftKey(one.instance_id, 1))), _DOMAIN)
            self.due[name] = one.first_due_at.timestamp()
        await self._start(enrolled)
        return [workflow_id(key) for key in keys]

    async def _start(self, enrolled: Sequence[StoredInstance]) -> None:
        """Start them, again where Temporal was too busy to answer: what was started stays as it is."""
        starter = Starter(self.engine, self.ground.client, workspace=self.run, task_queue=self.run)
        try:
            await starter.start(enrolled, "bench")
        except RPCError as error:
            if error.status not in (RPCStatusCode.CANCELLED, RPCStatusCode.DEADLINE_EXCEEDED):
                raise
            await self._start(enrolled)

    def worker(self) -> AbstractAsyncContextManager[asyncio.subprocess.Process]:
        return process("worker.py", **self.environment)

    async def transactions(self) -> int:
        """How many transactions its database has seen, once idle sessions have reported theirs."""
        statement = text("SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = :name")
        async with self.engine.connect() as connection:
            await connection.execute(text("SELECT pg_stat_force_next_flush()"))
            return int((await connection.execute(statement, {"name": self.run})).scalar_one())


class BareSide(Side):
    """The baseline, over workflows started beforehand."""

    name = "bare"

    async def put_in(self, due: Sequence[datetime], steps: int = 1) -> list[str]:
        ids = [f"{self.run}-{uuid.uuid4().hex[:12]}" for _ in due]
        calls = (partial(self.start, one, at, steps) for one, at in zip(ids, due, strict=True))
        await at_once(calls, _AT_ONCE)
        return ids

    async def start(self, one: str, due: datetime, steps: int) -> None:
        """Start one workflow."""
        bare = Bare(name=one, steps=steps, wait=WAIT, due_at=due)
        self.due[bare_message_id(one, 0)] = due.timestamp()
        await self.ground.client.start_workflow(BareWorkflow.run, bare, id=one, task_queue=self.run)

    def worker(self) -> AbstractAsyncContextManager[asyncio.subprocess.Process]:
        return process("-m", "proof.speed.bare", self.ground.stack.temporal.address, self.run, self.sink.url)


@asynccontextmanager
async def ours(ground: Ground) -> AsyncIterator[Ours]:
    """A run of ours."""
    async with open_sink() as sink:
        side = Ours(ground, sink)
        await side.begin()
        try:
            yield side
        finally:
            await side.engine.dispose()
            await ground.stack.postgres.drop_database(side.run)


@asynccontextmanager
async def bare(ground: Ground) -> AsyncIterator[BareSide]:
    """A run of the baseline."""
    async with open_sink() as sink:
        yield BareSide(ground, sink)


SIDES: tuple[Callable[[Ground], AbstractAsyncContextManager[Side]], ...] = (bare, ours)


def a_sequence(steps: int) -> FollowUpSequence:
    """The sequence of every run: short letters, a second apart."""
    first: dict[str, Any] = {"wait": timedelta(0), "subject": "Following up", "body": "Hello {{ name }}"}
    later: dict[str, Any] = {"wait": WAIT, "body": "Hello again, {{ name }}"}
    return FollowUpSequence.model_validate({"name": "bench", "steps": [first] + [later] * (steps - 1)})


def some_leads(count: int) -> Iterable[Lead]:
    """So many leads, none of whom was there before."""
    for _ in range(count):
        one = f"lead-{uuid.uuid4().hex[:12]}"
        yield Lead(lead_id=one, email=f"{one}@example.test", name=f"Lead {one[-4:]}")
