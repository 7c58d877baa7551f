"""The door for mail over HTTP: signed to the byte, large as mail is, and answered so that it may come again."""

from dataclasses import replace

import httpx
import pytest

from ingress import make_app
from intake.inbound.taking import MOST_BYTES
from store.engine import open_engine
from tests.app import App, enrolled
from tests.intake.inbound.samples import REPLY, mail
from tests.naming import message_hash, message_id
from tests.store.enrolled import put_draft
from tests.web.post import Poster, problems, signed_mail
from web.inside import Inside


async def _post(poster: Poster, raw: bytes, headers: dict[str, str] | None = None) -> httpx.Response:
    return await poster.http.post("/inbound", content=raw, headers=signed_mail(raw) if headers is None else headers)


@pytest.fixture
async def reply(app: App) -> bytes:
    """A reply to a mail that was sent, in letters that are no UTF-8."""
    await app.says(enrolled())
    draft = f"{app.scene.instance()}/1/email"
    async with app.scene.engine.begin() as connection:
        named = message_id(draft, "example.test")
        await put_draft(connection, app.scene.instance(), state="sent", message_id=named)
    return mail(REPLY, ours=message_hash(draft)) + "Grüße".encode("latin-1")


async def test_a_reply_stops_and_is_answered_the_same_when_it_comes_again(
    app: App, poster: Poster, reply: bytes
) -> None:
    first = await _post(poster, reply)
    assert (first.status_code, first.json()["done"]) == (200, "taken")
    assert await app.scene.status() == ("stopped", "replied")
    again = await _post(poster, reply, signed_mail(reply) | {"content-type": "application/octet-stream"})
    assert (again.status_code, again.json()) == (200, first.json())


async def test_mail_about_nothing_of_ours_is_well_and_changes_nothing(poster: Poster) -> None:
    response = await _post(poster, mail(REPLY))
    assert (response.status_code, response.json()["done"]) == (200, "unmatched")


async def test_what_is_not_signed_to_the_byte_is_refused(app: App, poster: Poster, reply: bytes) -> None:
    for headers in ({}, signed_mail(reply[:-1]), signed_mail(reply) | {"webhook-signature": "v1,AAAA"}):
        assert (await _post(poster, reply, headers)).status_code == 401
    assert (await app.scene.status())[0] == "active"


async def test_what_is_no_mail_is_refused_with_a_sentence(poster: Poster, reply: bytes) -> None:
    garbage = await _post(poster, b"\xff\xfe")
    assert (garbage.status_code, problems(garbage)) == (422, ["it is not a message: it begins without a header"])
    assert (await _post(poster, reply, signed_mail(reply) | {"content-type": "application/json"})).status_code == 415
    assert (await _post(poster, b"x" * (MOST_BYTES + 1))).status_code == 413


async def test_a_mail_of_megabytes_is_taken(poster: Poster) -> None:
    assert (await _post(poster, mail(REPLY, "x" * (MOST_BYTES - 1000)))).status_code == 200


async def test_while_postgresql_is_down_it_is_to_be_given_again(inside: Inside) -> None:
    async def ready() -> list[str]:
        return []

    engine = open_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")
    transport = httpx.ASGITransport(make_app(replace(inside, engine=engine), ready))
    async with httpx.AsyncClient(transport=transport, base_url="http://ingress") as http:
        response = await _post(Poster(http), mail(REPLY))
    assert (response.status_code, response.headers["retry-after"]) == (503, "5")
    assert problems(response) == ["PostgreSQL can't be reached: give the message again"]
    await engine.dispose()
