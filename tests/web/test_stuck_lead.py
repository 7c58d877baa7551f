"""A lead whose lock is held by somebody keeps no other lead's events and mail waiting."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from domain.draft import DraftKey, draft_id
from store.engine import open_engine
from tests.app import App, enrolled, said
from tests.intake.inbound.samples import REPLY, mail
from tests.naming import message_hash, message_id
from tests.store.enrolled import put_draft
from tests.web.post import Poster, signed_mail

# More than an ingress has connections
_MANY = 25
_LEAD = "SELECT pg_advisory_xact_lock(hashtextextended(:held, 0))"
_ROW = "SELECT 1 FROM leads WHERE workspace || '/' || lead_id = :held FOR UPDATE"


@asynccontextmanager
async def _locked(app: App, sql: str, held: str) -> AsyncIterator[None]:
    """Hold a lock, as a transaction does that is stuck."""
    engine = open_engine(app.scene.database_url, connections=1)
    async with engine.begin() as connection:
        await connection.execute(text(sql), {"held": held})
        yield
    await engine.dispose()


class _Locks:
    """Looks at who waits for a lock in an app's database, on a connection of its own."""

    _SQL = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"

    def __init__(self, app: App) -> None:
        self._engine = open_engine(app.scene.database_url, connections=1)

    async def waiting(self) -> int:
        async with self._engine.connect() as connection:
            return len((await connection.execute(text(self._SQL))).all())

    async def until_two_wait(self) -> None:
        async with asyncio.timeout(60):
            while await self.waiting() < 2:  # noqa: ASYNC110  # PostgreSQL tells nobody that somebody waits
                await asyncio.sleep(0)

    async def close(self) -> None:
        await self._engine.dispose()


async def _are_taken_beside(app: App, caller: Poster, stuck: list[Awaitable[httpx.Response]]) -> None:
    """Take events of other leads while `stuck` wait for a lock; by the last of them all have come there."""
    waiting, locks = [asyncio.ensure_future(one) for one in stuck], _Locks(app)
    await locks.until_two_wait()
    others = [caller.says(said("lead.closed", lead_id=f"other-{number}")) for number in range(10)]
    assert {answer.status_code for answer in await asyncio.gather(*others)} == {200}
    assert not any(one.done() for one in waiting), "it had a connection while they waited"
    assert await locks.waiting() == 2
    await locks.close()


@pytest.mark.parametrize("event_type", ["lead.closed", "lead.enrolled"])
async def test_events_of_a_lead_that_is_locked_keep_no_other_leads_event_waiting(
    app: App, caller: Poster, event_type: str
) -> None:
    def an_event(lead_id: str) -> dict[str, Any]:
        return enrolled(lead_id) if event_type == "lead.enrolled" else said(event_type, lead_id=lead_id)

    async with _locked(app, _LEAD, f"{app.scene.workspace}/lead-1"):
        stuck = [asyncio.ensure_future(caller.says(an_event("lead-1"))) for _ in range(_MANY)]
        await _are_taken_beside(app, caller, [*stuck])
    assert {(await one).status_code for one in stuck} == {200}


async def test_messages_about_a_lead_that_is_locked_keep_no_event_waiting(app: App, caller: Poster) -> None:
    await app.says(enrolled())
    instance = app.scene.instance()
    draft = draft_id(DraftKey(instance, 1))
    async with app.scene.engine.begin() as connection:
        await put_draft(connection, instance, state="sent", message_id=message_id(draft, "example.test"))
    replies = [mail(REPLY, str(number), ours=message_hash(draft)) for number in range(_MANY)]
    replies = [one.replace(b"abc123", b"abc%d" % number) for number, one in enumerate(replies)]
    async with _locked(app, _ROW, f"{app.scene.workspace}/lead-1"):
        stuck = [
            asyncio.ensure_future(caller.http.post("/inbound", content=one, headers=signed_mail(one)))
            for one in replies
        ]
        await _are_taken_beside(app, caller, [*stuck])
    assert {(await one).status_code for one in stuck} == {200}
