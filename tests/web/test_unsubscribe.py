"""RFC 8058: one POST to the link of a mail unsubscribes; nothing else does, and no other link is good."""

import email
import hashlib
import hmac
import logging
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from email import policy
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from domain.draft import DraftKey, draft_id
from ingress import make_app
from intake.events import EventDoor
from mail.links import make_token
from providers.scripted import Halt, ScriptedProvider
from store.engine import open_engine
from store.links import read_link_key
from store.suppressions import lift
from tests.app import App, enrolled
from tests.naming import message_id
from tests.scene import Scene, a_lead, a_sequence
from tests.store.enrolled import put_draft
from tests.web.post import Poster
from web.inside import Inside

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


async def _link(app: App, lead_id: str = "lead-1", step: int = 1) -> str:
    """Enrol a lead, whose step has been sent; returns the path of the link in that mail."""
    scene = app.scene
    await app.says(enrolled(lead_id))
    instance = scene.instance(lead_id)
    named = message_id(draft_id(DraftKey(instance, step)), "example.test")
    async with scene.engine.begin() as connection:
        more = {"message_id": named, "state": "sent", "recipient": f"{lead_id}@old.test"}
        await put_draft(connection, instance, step, **more)
        return f"/unsubscribe/{make_token(await read_link_key(connection), named[1:41])}"


async def _suppressed(scene: Scene) -> list[str]:
    sql = "SELECT address FROM suppressions WHERE lifted_at IS NULL ORDER BY address"
    return [row.address for row in await scene.rows(sql)]


async def _facts(scene: Scene) -> dict[str, Any]:
    tables = ("events", "stops", "suppressions", "ledger", "drafts")
    return {table: await scene.rows(f"SELECT * FROM {table}") for table in tables}  # noqa: S608  # ours


@pytest.mark.parametrize(
    "how",
    [
        {"data": ONE_CLICK},  # RFC 8058, 3.2: either kind of form
        {"files": {"List-Unsubscribe": (None, "One-Click")}},
        {},  # the button of our page
        {"data": {"List-Unsubscribe": "x" * 4000}},
    ],
    ids=["urlencoded", "multipart", "nothing", "long"],
)
async def test_one_post_without_login_ends_the_leads_follow_ups_and_suppresses_both_addresses(
    app: App, poster: Poster, how: dict[str, Any]
) -> None:
    answer = await poster.http.post(await _link(app), **how)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert await app.scene.status() == ("stopped", "unsubscribed")
    assert await _suppressed(app.scene) == ["lead-1@example.test", "lead-1@old.test"]


async def test_a_second_post_is_answered_the_same_and_changes_nothing(app: App, poster: Poster) -> None:
    link = await _link(app)
    first = await poster.http.post(link, data=ONE_CLICK)
    before = await _facts(app.scene)
    second = await poster.http.post(link, data=ONE_CLICK)
    assert (second.status_code, second.text) == (200, first.text)
    assert await _facts(app.scene) == before
    assert [event.id.partition(":")[0] for event in before["events"] if event.type == "lead.unsubscribed"] == [
        "unsubscribe"
    ]


async def test_looking_at_a_link_changes_nothing_and_shows_a_button_that_posts_to_it(app: App, poster: Poster) -> None:
    link = await _link(app)
    before = await _facts(app.scene)
    page = await poster.http.get(link)
    assert (page.status_code, '<form method="post"><button>' in page.text) == (200, True)
    assert "lead-1" not in page.text
    for method in ("HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"):
        assert (await poster.http.request(method, link)).status_code == (200 if method == "HEAD" else 405)
    assert await _facts(app.scene) == before


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
async def test_no_answer_is_kept_indexed_passed_on_framed_or_redirected(app: App, poster: Poster, method: str) -> None:
    link = await _link(app)
    for path in (link, link[:-1]):
        headers = (await poster.http.request(method, path)).headers
        assert (headers["cache-control"], headers["referrer-policy"]) == ("no-store", "no-referrer")
        assert "noindex" in headers["x-robots-tag"]
        assert headers["content-security-policy"].startswith("default-src 'none'; form-action 'self'")
        assert "location" not in headers


def _forged(link: str) -> str:
    """The hash of a real mail, signed with another key."""
    named = urlsafe_b64decode(link.rpartition("/")[2])[:20]
    signature = hmac.digest(b"k" * 32, b"unsubscribe" + named, hashlib.sha256)[:16]
    return "/unsubscribe/" + urlsafe_b64encode(named + signature).decode()


async def test_a_forged_a_cut_off_and_a_mixed_up_link_are_not_known_and_change_nothing(
    app: App, poster: Poster
) -> None:
    link, others = await _link(app), await _link(app, "lead-2")
    before = await _facts(app.scene)
    mixed = f"/unsubscribe/{urlsafe_b64encode(_content(others)[:20] + _content(link)[20:]).decode()}"
    flipped = link[:-1] + ("A" if link[-1] != "A" else "B")
    unwritten = [f"{link}=", f"{link}%20", f"{link}/", f"{link}A", "/unsubscribe/é" + link[14:]]
    for wrong in (_forged(link), mixed, flipped, link[:-1], "/unsubscribe/x", *unwritten):
        for method in ("GET", "POST"):
            assert (await poster.http.request(method, wrong)).status_code == 404, wrong
    assert await _facts(app.scene) == before


def _content(link: str) -> bytes:
    return urlsafe_b64decode(link.rpartition("/")[2])


async def test_a_link_stops_its_own_lead_alone(app: App, poster: Poster) -> None:
    link, _ = await _link(app), await _link(app, "lead-2")
    assert (await poster.http.post(link)).status_code == 200
    assert await app.scene.status("lead-2") == ("active", "none")


async def test_a_good_token_of_a_mail_there_is_not_is_not_known(app: App, poster: Poster) -> None:
    await _link(app)
    async with app.scene.engine.connect() as connection:
        token = make_token(await read_link_key(connection), "0" * 40)
    assert (await poster.http.post(f"/unsubscribe/{token}")).status_code == 404


async def test_the_link_of_another_workspaces_mail_is_not_known(app: App, inside: Inside) -> None:
    link = await _link(app)
    async with _calling(replace(inside, workspace="other")) as http:
        assert (await http.post(link)).status_code == 404


async def test_a_body_larger_than_any_form_is_refused(app: App, poster: Poster) -> None:
    link = await _link(app)
    assert (await poster.http.post(link, content=b"x" * 4097)).status_code == 413
    assert await app.scene.status() == ("active", "none")


async def test_who_was_allowed_again_and_uses_the_same_link_once_more_is_unsubscribed_once_more(
    app: App, poster: Poster
) -> None:
    link = await _link(app)
    await poster.http.post(link)
    for _ in range(2):
        async with app.scene.engine.begin() as connection:
            await lift(connection, app.scene.workspace, ["lead-1@example.test", "lead-1@old.test"], "ada", "asked for")
        assert await _suppressed(app.scene) == []
        assert (await poster.http.post(link)).status_code == 200
        assert await _suppressed(app.scene) == ["lead-1@example.test", "lead-1@old.test"]


def _calling(inside: Inside) -> httpx.AsyncClient:
    async def ready() -> list[str]:
        return []

    return httpx.AsyncClient(transport=httpx.ASGITransport(make_app(inside, ready)), base_url="http://ingress")


def _inside(app: App, inside: Inside, engine: AsyncEngine, client: Client) -> Inside:
    scene = app.scene
    events = EventDoor(engine, client, workspace=scene.workspace, task_queue=scene.task_queue, sequences=app.folder)
    return replace(inside, engine=engine, events=events)


@pytest.fixture
async def no_database() -> AsyncIterator[AsyncEngine]:
    engine = open_engine("postgresql+psycopg://postgres@127.0.0.1:1/none")
    yield engine
    await engine.dispose()


async def test_while_postgresql_or_temporal_is_down_it_says_try_again_and_nothing_is_lost(
    app: App, inside: Inside, no_database: AsyncEngine, poster: Poster, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    link, scene = await _link(app), app.scene
    async with _calling(_inside(app, inside, no_database, scene.client)) as http:
        for method in ("GET", "POST"):
            answer = await http.request(method, link)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
            assert "Please try again" in answer.text
    assert await scene.status() == ("active", "none")
    nowhere = await Client.connect("127.0.0.1:1", data_converter=pydantic_data_converter, lazy=True)
    async with _calling(_inside(app, inside, scene.engine, nowhere)) as http:
        assert (await http.post(link)).status_code == 503
    assert await scene.status() == ("stopped", "unsubscribed")
    assert (await poster.http.post(link)).status_code == 200
    # the client of this test writes down what it asks for
    told = "\n".join(record.getMessage() for record in caplog.records if record.name not in {"httpx", "httpcore"})
    assert "lead.unsubscribed: stopped" in told
    assert link.rpartition("/")[2] not in told
    assert "lead-1@" not in told


async def test_the_link_that_a_mail_carries_ends_the_follow_up_between_two_steps(
    scene: Scene, address: tuple[str, int]
) -> None:
    sent = Halt.new()
    sent.go.set()
    provider = ScriptedProvider(after=sent)
    url = f"http://{address[0]}:{address[1]}"
    async with scene.worker(provider, public_url=f"{url}/", plus_addresses=True):
        await scene.enroll(a_sequence(timedelta(0), timedelta(hours=1)), a_lead())
        await sent.reached.wait()
        letter = provider.sent[0]
        message = email.message_from_bytes(letter.message, policy=policy.SMTP)
        assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        local, _, domain = message["Message-ID"][1:-1].partition("@")
        assert (letter.sender, message["Reply-To"]) == (f"ada+{local}@{domain}",) * 2
        async with httpx.AsyncClient(trust_env=False) as http:
            link = message["List-Unsubscribe"]
            answer = await http.post(link[1:-1], data=ONE_CLICK)
        assert (link.startswith(f"<{url}/unsubscribe/"), answer.status_code) == (True, 200)
        assert (await scene.handle().result()).reason == "unsubscribed"
    assert len(provider.sent) == 1
    assert [row.sender for row in await scene.rows("SELECT sender FROM drafts")] == ["ada@example.test"]
