"""What a claim and its record cost in the database, in tables of so many drafts beside small ones.

Both databases are on one server, and their claims take turns. They go through the worker's own functions; what is
measured is the time of the whole transaction, its commit to the disk included, and the pages it touches. Half as many
follow-ups as drafts have had two of their three steps sent; the claims are of third steps, all over the tables.
"""

import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.headerregistry import Address
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from devstack.passable import temporary_folder
from devstack.ports import free_ports
from devstack.postgres import Postgres
from domain.lease import lease_of
from domain.outcome import Sent
from domain.step import DeliverStep, RecordOutcome, StepDone
from proof.rig.figures import load, quantile, show
from proof.speed.filling import fill, instance
from store.drafts import Claim, StoredDraft
from store.engine import open_engine
from store.schema import migrate
from transactions.claim import claim_step
from transactions.record import record
from transactions.sending_policy import SendingPolicy

_SENDER = Address("Ada Lovelace", "ada", "follow-up.test")
# A connection prepares a statement after a few times, and PostgreSQL keeps one plan for it after a few more.
_WARM_UP = 50
_PAGES = """
    SELECT sum(heap_blks_hit + heap_blks_read + coalesce(idx_blks_hit + idx_blks_read, 0)) FROM pg_statio_user_tables"""
_SCANS = "SELECT relname, seq_scan FROM pg_stat_user_tables"
_SIZE = "SELECT pg_size_pretty(pg_database_size(current_database()))"


class Cost(NamedTuple):
    """What one step cost, in milliseconds."""

    claim: float
    record: float


class Database:
    """One of the two databases, and what its steps cost."""

    def __init__(self, engine: AsyncEngine, drafts: int) -> None:
        self._engine, self.drafts, self.follow_ups = engine, drafts, drafts // 2
        self.costs: list[Cost] = []

    async def step(self, number: int) -> Cost:
        """Claim the third step of a follow-up and record that it was sent."""
        due = datetime.now(UTC) - timedelta(seconds=1)
        call = DeliverStep(instance_id=instance(number), step=3, due_at=due)
        claim = Claim(uuid.uuid4(), "run", "bench", lease_of(timedelta(minutes=10)))
        begun = time.perf_counter()
        async with self._engine.begin() as connection:
            draft = await claim_step(connection, call, claim, SendingPolicy(_SENDER))
        claimed = time.perf_counter()
        assert isinstance(draft, StoredDraft), draft  # noqa: S101  # nothing forbids it
        told = RecordOutcome(
            instance_id=call.instance_id, step=3, token=str(claim.token), outcome=Sent(code="250", reply="2.0.0 Ok")
        )
        again = time.perf_counter()
        async with self._engine.begin() as connection:
            answered = await record(connection, told, "bench")
        recorded = time.perf_counter()
        assert isinstance(answered.result, StepDone), answered  # noqa: S101  # nothing forbids it
        return Cost((claimed - begun) * 1000, (recorded - again) * 1000)

    async def begin(self) -> None:
        """Count from here."""
        self._pages, self._scans = await self._counts()

    async def read(self) -> tuple[int, str]:
        """How many pages have been touched since it began, and which tables read from end to end."""
        pages, scans = await self._counts()
        return pages - self._pages, ", ".join(sorted(name for name in scans if scans[name] > self._scans[name]))

    async def size(self) -> str:
        """How much disk it takes."""
        return str((await self._ask(_SIZE))[0][0])

    async def close(self) -> None:
        """Let go of its connection."""
        await self._engine.dispose()

    async def _counts(self) -> tuple[int, dict[str, int]]:
        await self._ask("SELECT pg_stat_force_next_flush()")
        pages = int((await self._ask(_PAGES))[0][0])
        return pages, {row.relname: row.seq_scan for row in await self._ask(_SCANS)}

    async def _ask(self, statement: str) -> list[Any]:
        async with self._engine.begin() as connection:
            return list(await connection.execute(text(statement)))


async def measure(console: Console, *, small: int, large: int, claims: int) -> None:
    """Fill two databases, let claims take turns in them, each of another follow-up, and print what they cost."""
    if small < 2 * (claims + _WARM_UP):
        raise SystemExit(f"bench: {claims} claims need {2 * (claims + _WARM_UP)} drafts at least: give another --small")
    with temporary_folder() as home:
        port = free_ports([None])[0]
        async with _server(home, port, durable=False) as server:
            for drafts in (small, large):
                await _fill(console, server, drafts)
        async with _server(home, port, durable=True) as server:
            databases = [Database(open_engine(server.url(_name(drafts)), 1), drafts) for drafts in (small, large)]
            await _compare(databases, claims)
            await _print(console, databases, claims)
            for one in databases:
                await one.close()


@asynccontextmanager
async def _server(home: Path, port: int, *, durable: bool) -> AsyncIterator[Postgres]:
    server = Postgres(home / "postgres", durable=durable, port=port)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def _name(drafts: int) -> str:
    return f"drafts{drafts}"


async def _fill(console: Console, server: Postgres, drafts: int) -> None:
    begun = time.monotonic()
    url = await server.create_database(_name(drafts))
    await migrate(url)
    engine = create_async_engine(url)  # without the time limit of a worker's statements
    await fill(engine, drafts)
    await engine.dispose()
    console.print(f"{drafts:,} drafts put in, in {time.monotonic() - begun:.0f} s, {load()}")


async def _compare(databases: list[Database], claims: int) -> None:
    """Let claims take turns, all over each database's follow-ups."""
    for number in range(-_WARM_UP, claims):
        for one in databases:
            if number == 0:
                await one.begin()
            cost = await one.step(1 + (number + _WARM_UP) * one.follow_ups // (claims + _WARM_UP))
            if number >= 0:
                one.costs.append(cost)


async def _print(console: Console, databases: list[Database], claims: int) -> None:
    rows, read = [], []
    for one in databases:
        for name in Cost._fields:
            costs = [getattr(cost, name) for cost in one.costs]
            rows.append((f"{one.drafts:,}", name, *(f"{quantile(costs, share):.2f}" for share in (0.5, 0.9, 0.99))))
        pages, scanned = await one.read()
        read.append((f"{one.drafts:,}", await one.size(), f"{pages / claims:.0f}", scanned))
    show(console, f"Transactions of {claims} steps, ms", ("drafts", "transaction", "p50", "p90", "p99"), rows)
    show(console, "What they read", ("drafts", "size", "pages a step", "tables read from end to end"), read)
