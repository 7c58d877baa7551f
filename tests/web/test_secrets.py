"""What is signed for one door opens no other, however it is cut."""

import json
import logging
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingress import make_app
from tests.app import App, said
from tests.intake.inbound.samples import REPLY, mail
from tests.web.post import (
    MAIL_SECRET,
    OTHER,
    OTHER_MAIL_SECRET,
    SECRET,
    Poster,
    inside_of,
    problems,
    signed,
    signed_mail,
    written,
)

_MAIL = mail(REPLY)


async def _post_mail(poster: Poster, raw: bytes, **how: Any) -> httpx.Response:
    return await poster.http.post("/inbound", content=raw, headers=signed_mail(raw, **how))


async def test_an_events_signature_does_not_open_the_door_for_mail_nor_the_reverse(app: App, poster: Poster) -> None:
    event_id, body = written(said("lead.closed", event_id="evt-1", lead_id="lead-1"))
    for secret in (SECRET, OTHER):
        assert (await poster.posts(body, signed(body, event_id=event_id, secret=secret))).status_code == 200
        assert (await _post_mail(poster, _MAIL, secret=secret)).status_code == 401
    for secret in (MAIL_SECRET, OTHER_MAIL_SECRET):
        assert (await _post_mail(poster, _MAIL, secret=secret)).status_code == 200
        assert (await poster.posts(body, signed(body, event_id="evt-2", secret=secret))).status_code == 401
    assert len(await app.scene.rows("SELECT 1 FROM events")) == 1


async def test_a_message_whose_id_has_a_dot_is_refused_by_name(poster: Poster) -> None:
    response = await _post_mail(poster, _MAIL, message_id="CAF=abc123@mail.example.test")
    assert response.status_code == 401
    assert problems(response)[0].startswith("webhook-id: must contain no '.' here")


@pytest.fixture
async def of_one_secret(app: App) -> Any:
    """The doors in the old form: mail is signed with the secret of events."""
    transport = httpx.ASGITransport(make_app(inside_of(app, SECRET, SECRET), _ready))
    async with httpx.AsyncClient(transport=transport, base_url="http://ingress") as http:
        yield Poster(http)


async def _ready() -> list[str]:
    return []


async def test_the_old_form_is_taken_and_warned_of_once(
    of_one_secret: Poster, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="ingress"):
        for _ in range(2):
            assert (await _post_mail(of_one_secret, _MAIL, secret=SECRET)).status_code == 200
    [warning] = caplog.messages
    assert warning.startswith("/inbound still takes a secret of FOLLOWUP_EVENT_SECRET")


async def test_a_secret_of_the_doors_own_is_not_warned_of(poster: Poster, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="ingress"):
        assert (await _post_mail(poster, _MAIL)).status_code == 200
    assert caplog.messages == []


# What an id, and a text within an event, may have that makes a second cut possible
_PIECES = st.lists(st.sampled_from(["a", ".", "{now}", ".{now}.", "{", '"}', "{}"]), max_size=5)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(of_id=_PIECES.map("".join), of_text=_PIECES.map("".join))
async def test_no_other_cut_of_a_signed_event_is_taken_by_any_door_even_with_one_secret(
    app: App, of_one_secret: Poster, of_id: str, of_text: str
) -> None:
    now = str(int(datetime.now(UTC).timestamp()))
    of_id, of_text = (pieces.replace("{now}", now) for pieces in (of_id, of_text))
    event_id = f"e{of_id}"
    body = json.dumps({"type": "lead.closed", "timestamp": "2026-01-31T12:00:00Z", "data": {"lead_id": f"l{of_text}"}})
    headers = signed(body.encode(), event_id=event_id)
    at = headers["webhook-timestamp"]
    whole = f"{event_id}.{at}.{body}"
    for stamp in {at, now}:
        for start in range(1, len(whole)):
            if whole[start:].startswith(f".{stamp}."):
                cut_id, rest = whole[:start], whole[start + len(stamp) + 2 :].encode()
                other = headers | {"webhook-id": cut_id, "webhook-timestamp": stamp}
                if (cut_id, rest) == (event_id, body.encode()):
                    continue
                assert (await of_one_secret.posts(rest, other)).status_code in (401, 422)
                in_mail = other | {"content-type": "message/rfc822"}
                answer = await of_one_secret.http.post("/inbound", content=rest, headers=in_mail)
                assert answer.status_code in (401, 422)
    assert await app.scene.rows("SELECT 1 FROM events") == []
