"""The OpenAPI document, held against what is really done: what it shows is taken, and nothing makes a 500."""

import json
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # ships none
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.event import EventType
from intake.event_schema import EXAMPLES
from tests.app import App, said
from tests.ingress.post import Poster


async def _described(poster: Poster) -> dict[str, Any]:
    found: dict[str, Any] = (await poster.http.get("/openapi.json")).json()
    return found


async def _body_schema(poster: Poster) -> dict[str, Any]:
    document = await _described(poster)
    body = document["paths"]["/events"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    return {**body, "components": document["components"]}


@pytest.mark.parametrize("kind", EventType)
async def test_every_example_fits_its_description_and_is_taken(poster: Poster, kind: EventType) -> None:
    example = EXAMPLES[kind]["value"]
    jsonschema.validate(example, await _body_schema(poster))
    response = await poster.posts(json.dumps(example).encode())
    assert (response.status_code, response.json()["type"]) == (200, kind)


async def test_every_answer_is_described(poster: Poster) -> None:
    document = await _described(poster)
    answers = document["paths"]["/events"]["post"]["responses"]
    assert set(answers) == {"200", "401", "408", "413", "415", "422", "503"}
    assert "id" not in document["components"]["schemas"]["LeadStopped"]["properties"]


_WORDS = st.text(max_size=12) | st.sampled_from(
    ["lead-1", "no-reply", "UTC", "a@b.test", "2026-01-31", "\x00", "\ud800"]
)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS, inner, max_size=3),
    max_leaves=6,
)
_KEYS = (
    "lead_id",
    "auto",
    "until",
    "email",
    "name",
    "timezone",
    "variables",
    "sequence",
    "lead",
    "enrolment_key",
    "thread",
)
_DATA = st.dictionaries(st.sampled_from(_KEYS), _VALUES, max_size=6)
_INSTANTS = st.datetimes().map(lambda at: f"{at.isoformat()}Z") | _VALUES
_EVENTS = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(EventType) | _VALUES,
        "timestamp": _INSTANTS,
        "data": st.fixed_dictionaries({"lead_id": st.just("lead-1")}) | _DATA | _VALUES,
    },
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(event=_EVENTS | _VALUES)
async def test_nothing_that_is_signed_fails_by_our_fault(poster: Poster, event: object) -> None:
    response = await poster.posts(json.dumps(event).encode())
    assert response.status_code in (200, 422), response.text


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_nothing_that_is_almost_an_event_fails_by_our_fault(
    app: App, poster: Poster, data: st.DataObject
) -> None:
    """A known type, a good instant, and data of which some are good."""
    kind = data.draw(st.sampled_from(EventType))
    good = dict(EXAMPLES[kind]["value"]["data"])
    for key in data.draw(st.lists(st.sampled_from([*good, *_KEYS]), max_size=3)):
        good[key] = data.draw(_VALUES)
    response = await poster.says(said(kind) | {"data": good})
    assert response.status_code in (200, 422), response.text
    assert await app.scene.rows("SELECT 1 FROM events WHERE answer->>'lead_id' LIKE '%@%'") == []
