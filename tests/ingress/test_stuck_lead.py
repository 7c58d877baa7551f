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
from tests.inbound.samples import REPLY, mail
from tests.ingress.post import Poster, signed_mail
from tests.naming import message_hash, message_id
from tests.store.enrolled import put_draft

# More than an ingress has connections
_MANY = 25
_LEAD = "SELECT pg_advisory_xact_lock(hashtextextended(:held, 0))"
_INSTANCE = "SELECT 1 FROM instances WHERE id = :held FOR UPDATE"


@asynccontextmanager
async def _locked(app: App, sql: str, held: str) -> AsyncIterator[None]:
    """Hold a lock, as a transaction does that is stuck."""
    engine = open_engine(app.scene.database_url, connections=1)
    async with engine.begin() as connection:
        await connection.execute(text(sql), {"held": held})
        yield
    await engine.dispose()


async def _until_two_wait(app: App) -> None:
    """Wait until two transactions wait for a lock: more of one lead never do."""
    sql = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    engine = open_engine(app.scene.database_url, connections=1)
    async with asyncio.timeout(60), engine.connect() as connection:
        while len((await connection.execute(text(sql))).all()) < 2:  # PostgreSQL tells nobody that somebody waits
            await connection.rollback()
    await engine.dispose()


async def _are_taken_beside(app: App, stuck: list[Awaitable[httpx.Response]], free: Awaitable[httpx.Response]) -> None:
    waiting = [asyncio.ensure_future(one) for one in stuck]
    await _until_two_wait(app)
    assert (await free).status_code == 200
    assert not any(one.done() for one in waiting), "it had a connection while they waited"


@pytest.mark.parametrize("event_type", ["lead.closed", "lead.enrolled"])
async def test_events_of_a_lead_that_is_locked_keep_no_other_leads_event_waiting(
    app: App, caller: Poster, event_type: str
) -> None:
    def an_event(lead_id: str) -> dict[str, Any]:
        return enrolled(lead_id) if event_type == "lead.enrolled" else said(event_type, lead_id=lead_id)

    async with _locked(app, _LEAD, f"{app.scene.workspace}/lead-1"):
        stuck = [asyncio.ensure_future(caller.says(an_event("lead-1"))) for _ in range(_MANY)]
        await _are_taken_beside(app, [*stuck], caller.says(an_event("lead-2")))
    assert {(await one).status_code for one in stuck} == {200}


async def test_messages_about_a_follow_up_that_is_locked_keep_no_event_waiting(app: App, caller: Poster) -> None:
    await app.says(enrolled())
    instance = app.scene.instance()
    draft = draft_id(DraftKey(instance, 1))
    async with app.scene.engine.begin() as connection:
        await put_draft(connection, instance, state="sent", message_id=message_id(draft, "example.test"))
    replies = [mail(REPLY, str(number), ours=message_hash(draft)) for number in range(_MANY)]
    replies = [one.replace(b"abc123", b"abc%d" % number) for number, one in enumerate(replies)]
    async with _locked(app, _INSTANCE, instance):
        stuck = [
            asyncio.ensure_future(caller.http.post("/inbound", content=one, headers=signed_mail(one)))
            for one in replies
        ]
        await _are_taken_beside(app, [*stuck], caller.says(said("lead.closed", lead_id="lead-2")))
    assert {(await one).status_code for one in stuck} == {200}
