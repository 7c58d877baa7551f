"""What a request must be for its event to be taken, and what it is told when it is not."""

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.app import App, enrolled, said
from tests.web.post import OTHER, SECRET, Poster, problems, signed, written
from web.events import MOST_BYTES
from web.signatures import Signatures

_MINUTE = timedelta(minutes=1)
_UNSIGNED = "the signature is missing, wrong or too old: sign the body as it is sent, and now"


async def test_a_signed_event_is_taken_and_answered(app: App, poster: Poster) -> None:
    content = enrolled()
    response = await poster.says(content)
    assert (response.status_code, response.json()) == (
        200,
        {
            "event_id": content["id"],
            "type": "lead.enrolled",
            "lead_id": "lead-1",
            "done": "enrolled",
            "instances": [app.scene.instance()],
            "until": None,
            "why": None,
            "other": None,
            "noted": [],
            "differs": [],
            "ended": [],
            "paused": [],
            "held": [],
        },
    )
    assert (await poster.says(content)).json() == response.json()
    assert (await app.scene.handle().describe()).id.endswith("no-reply:lead-1")


@pytest.mark.parametrize("how", [{"secret": SECRET}, {"secret": OTHER}, {"ago": 4 * _MINUTE}, {"ago": -4 * _MINUTE}])
async def test_each_secret_fits_and_a_few_minutes_do_no_harm(poster: Poster, how: dict[str, Any]) -> None:
    assert (await poster.says(said("lead.closed", lead_id="lead-1"), **how)).status_code == 200


async def test_of_several_signatures_one_that_fits_is_enough(poster: Poster) -> None:
    event_id, body = written(said("lead.closed", lead_id="lead-1"))
    headers = signed(body, event_id=event_id)
    headers["webhook-signature"] = f"v1a,AAAA v1,AAAA {headers['webhook-signature']}"
    assert (await poster.posts(body, headers)).status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"webhook-id": None, "webhook-timestamp": None, "webhook-signature": None},
        {"webhook-id": "evt-other"},
        {"webhook-id": "\xe9vt"},
        {"webhook-signature": ""},
        {"webhook-signature": "v1"},
        {"webhook-signature": "v1,not base64"},
        {"webhook-signature": "v1,a,b"},
        {"webhook-signature": "v2,AAAA"},
        {"webhook-signature": "v1,\xe9"},
        {"webhook-timestamp": "now"},
        {"webhook-timestamp": "nan"},
        {"webhook-timestamp": "1e400"},
        {"webhook-timestamp": "0"},
        {"webhook-timestamp": None},
    ],
    ids=str,
)
async def test_a_signature_that_does_not_fit_is_refused_and_nothing_is_read(
    app: App, poster: Poster, wrong: dict[str, str | None]
) -> None:
    event_id, body = written(enrolled())
    headers = {name: text for name, text in (signed(body, event_id=event_id) | wrong).items() if text is not None}
    encoded = [(name.encode(), text.encode("latin-1")) for name, text in headers.items()]
    response = await poster.http.post("/events", content=body, headers=encoded)
    assert (response.status_code, problems(response)) == (401, [_UNSIGNED])
    assert await app.scene.rows("SELECT 1 FROM events") == []


@pytest.mark.parametrize("how", [{"ago": 6 * _MINUTE}, {"ago": -6 * _MINUTE}, {"secret": "whsec_" + "A" * 40}])
async def test_an_old_a_future_and_a_strangers_signature_are_refused(poster: Poster, how: dict[str, Any]) -> None:
    assert (await poster.says(enrolled(), **how)).status_code == 401


async def test_a_body_that_is_not_the_signed_one_is_refused(poster: Poster) -> None:
    event_id, body = written(enrolled())
    headers = signed(body, event_id=event_id)
    assert (await poster.posts(body + b" ", headers)).status_code == 401
    assert (await poster.posts(b"\xff", headers)).status_code == 401


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "the event is not JSON (Expecting value, line 1, character 1)"),
        (b"{", "the event is not JSON (Expecting property name enclosed in double quotes, line 1, character 2)"),
        (b"[]", "the event must be an object: write it in braces"),
        (b'{"type": "lead.closed", "type": "lead.booked"}', "the event type: is given twice; remove one"),
        (b'{"data": NaN}', "the event NaN is not JSON: leave it out"),
        (b"[" * 20_000, "the event is nested too deeply: make it plainer"),
        (b"{}", "type: is missing: add it"),
        (b'{"type": "lead.sneezed"}', "type: is not known: known are lead.enrolled, lead.replied"),
        (b'{"id": "evt-1"}', "id: is given beside the event already: remove it there"),
    ],
)
async def test_what_is_not_an_event_is_refused_by_its_place(poster: Poster, body: bytes, problem: str) -> None:
    response = await poster.posts(body)
    assert response.status_code == 422
    assert problems(response)[0].startswith(problem)


async def test_every_problem_of_an_event_is_told_at_once_and_quotes_nobody(poster: Poster) -> None:
    content = enrolled(
        variables={"ada@example.com": "x", "seats": 1.5}, enrolment_key="ada@example.com", thread={}, sequence="../x"
    )
    content["data"]["ada@example.com"] = content["data"]["lead"]["timezone"] = 7
    response = await poster.says(content)
    assert response.status_code == 422
    assert problems(response) == [
        "data.sequence: is too long, or has characters that it may not have: use letters, digits and _ . -",
        "data.lead.timezone: must be a text: put it in quotes",
        "data.variables.…: can't be a variable: use letters, digits and '_'",
        "data.variables.seats: must be a text: put it in quotes",
        "data.enrolment_key: is too long, or has characters that it may not have: use letters, digits and _ . -",
        "data.thread.message_id: is missing: add it",
        "data.…: is not known here: check its spelling, or remove it",
    ]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({"lead_id": "lead-1", "until": "2026-01-31"}, "data.until: is the end of an absence: give auto: true with it"),
        ({"lead_id": "lead-1", "auto": True, "until": "soon"}, "data.until: must be a day: write it as 2026-01-31"),
        ({"lead_id": "lead-1", "auto": True, "until": "9999-01-31"}, "data.until: lies more than a year away"),
        ({"lead_id": "lead-1", "auto": "perhaps"}, "data.auto: must be true or false"),
        ({"lead_id": "ada@example.com"}, "data.lead_id: must be 1 to 100 printable ASCII characters"),
        ("lead-1", "data: must be an object: write it in braces"),
    ],
)
async def test_a_reply_that_makes_no_sense_is_refused(poster: Poster, data: object, problem: str) -> None:
    response = await poster.says(said("lead.replied") | {"data": data})
    assert (response.status_code, len(problems(response))) == (422, 1)
    assert problems(response)[0].startswith(problem)


@pytest.mark.parametrize(
    ("timestamp", "problem"),
    [
        ("2026-01-31T12:00:00", "timestamp: has no time zone: write it as 2026-01-31T12:00:00Z"),
        ("yesterday", "timestamp: must be an instant: write it as 2026-01-31T12:00:00Z"),
        ("1999-01-31T12:00:00Z", "timestamp: lies before the year 2000: check the app's clock"),
    ],
)
async def test_an_instant_that_orders_nothing_is_refused(poster: Poster, timestamp: str, problem: str) -> None:
    response = await poster.says(said("lead.closed", lead_id="lead-1") | {"timestamp": timestamp})
    assert (response.status_code, problems(response)) == (422, [problem])


async def test_an_id_that_could_be_an_address_is_refused(poster: Poster) -> None:
    response = await poster.says(said("lead.closed", lead_id="lead-1", event_id="ada@example.com"))
    assert response.status_code == 422
    assert problems(response)[0].startswith("id: is too long, or has characters that it may not have")


async def test_another_content_type_is_refused_once_it_is_known_who_asks(poster: Poster) -> None:
    event_id, body = written(enrolled())
    headers = signed(body, event_id=event_id) | {"content-type": "text/plain"}
    assert (await poster.posts(body, headers)).status_code == 415
    headers["content-type"] = "application/json; charset=utf-8"
    assert (await poster.posts(body, headers)).status_code == 200


async def test_the_largest_body_is_read_and_a_larger_one_is_not(poster: Poster) -> None:
    padding = json.dumps({"type": "lead.closed"}).encode()
    assert (await poster.posts(padding.ljust(MOST_BYTES))).status_code == 422
    assert (await poster.posts(padding.ljust(MOST_BYTES + 1))).status_code == 413


@pytest.mark.parametrize("secrets", ["", " ", "whsec_", "whsec_c2hvcnQ=", "hunter2", f"{SECRET} whsec_???", SECRET[6:]])
def test_no_secret_and_a_bad_one_are_refused_unseen(secrets: str) -> None:
    with pytest.raises(ValueError, match="each must be whsec_ and 24 to 64 bytes in base64") as refused:
        Signatures(secrets)
    assert not any(one.removeprefix("whsec_") in str(refused.value) for one in secrets.split() if one != "whsec_")
