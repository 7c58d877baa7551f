"""What the code relies on is set for each session, and a server that may lose a commit is refused."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from devstack.stack import Devstack
from domain.command import Decision
from domain.instance import Reason
from domain.lease import Lease
from domain.step import DeliverStep, SettleStep, Stopped
from store.drafts import Claim
from store.durability import DISPOSABLE, read_database_settings
from store.engine import PINNED, open_engine
from store.schema import DurabilityError, check_database, migrate
from tests.store.enrolled import enroll_one
from tests.store.worst import WORST, set_defaults
from tests.transactions.test_at_once import SENDER, _until_somebody_waits
from transactions.claim import claim_step
from transactions.sending_policy import SendingPolicy
from transactions.settle import settle


@pytest.fixture
async def hostile(database_url: str) -> AsyncIterator[AsyncEngine]:
    """An engine on a database with the worst defaults."""
    await set_defaults(database_url, WORST)
    opened = open_engine(database_url)
    yield opened
    await opened.dispose()


async def test_a_session_has_its_own_settings_whatever_the_defaults_are(hostile: AsyncEngine) -> None:
    async with hostile.connect() as connection:
        found = {
            name: (await connection.execute(text("SELECT current_setting(:name)"), {"name": name})).scalar_one()
            for name in (*PINNED, "synchronous_commit", "transaction_isolation")
        }
    expected = {"statement_timeout": "30s", "lock_timeout": "5s", "idle_in_transaction_session_timeout": "1min"}
    assert found["synchronous_commit"] == "on"
    assert found["transaction_isolation"] == "read committed"
    assert found["DateStyle"].startswith("ISO")
    others = set(PINNED) - {"DateStyle"}
    assert {name: found[name] for name in others} == {name: PINNED[name] for name in others} | expected


@pytest.mark.parametrize("stronger", ["on", "remote_apply"])
async def test_a_commit_that_waits_for_more_than_this_server_still_does(database_url: str, stronger: str) -> None:
    await set_defaults(database_url, {"synchronous_commit": stronger})
    engine = open_engine(database_url)
    async with engine.connect() as connection:
        assert (await read_database_settings(connection)).synchronous_commit == stronger
    await engine.dispose()


@pytest.mark.parametrize("weaker", ["off", "local", "remote_write"])
async def test_a_commit_is_on_disk_before_anything_follows_from_it(database_url: str, weaker: str) -> None:
    await set_defaults(database_url, {"synchronous_commit": weaker})
    engine = open_engine(database_url)
    async with engine.connect() as connection:
        await connection.rollback()  # what a session begins with is not undone with a transaction
        assert (await read_database_settings(connection)).synchronous_commit == "on"
    await engine.dispose()


async def test_i4_a_claim_that_waited_for_a_stop_sees_it_whatever_the_isolation_by_default(
    hostile: AsyncEngine,
) -> None:
    instance = await enroll_one(hostile)
    stop = SettleStep(instance_id=instance, step=1, decision=Decision.STOP, reason=Reason.REPLIED, by="app")
    async with hostile.begin() as stopping:
        await settle(stopping, stop, "run", "app")
        claiming = asyncio.create_task(_claim(hostile, instance))
        await _until_somebody_waits(hostile)
    assert await claiming == Stopped(reason=Reason.REPLIED)


async def _claim(engine: AsyncEngine, instance: str) -> object:
    claim = Claim(uuid.uuid4(), "run", "worker", Lease(timedelta(minutes=1), timedelta(minutes=10)))
    call = DeliverStep(instance_id=instance, step=1, due_at=datetime.now(UTC))
    async with engine.begin() as connection:
        return await claim_step(connection, call, claim, SendingPolicy(SENDER))


async def test_a_schema_is_migrated_whatever_the_defaults_are(stack: Devstack) -> None:
    name = f"test_{uuid.uuid4().hex}"
    url = await stack.postgres.create_database(name)
    await set_defaults(url, WORST)
    await migrate(url)
    await check_database(url)
    await stack.postgres.drop_database(name)


async def test_a_server_that_may_lose_a_commit_is_refused_with_the_remedy(database_url: str) -> None:
    await check_database(database_url)  # it says of itself that its data are thrown away
    await set_defaults(database_url, {DISPOSABLE: "off"})
    with pytest.raises(DurabilityError) as refused:
        await check_database(database_url)
    fsync, full_page_writes = str(refused.value).splitlines()
    assert fsync.startswith("fsync is off in PostgreSQL: a crash of the machine may lose a claim")
    assert full_page_writes.endswith("set full_page_writes = on in postgresql.conf and reload")
