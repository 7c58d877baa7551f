"""The OpenAPI document, held against what is really done: what it shows is taken, and every answer is in it."""

import json
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # ships none
import pytest
from fastapi import FastAPI

from domain.event import EventType
from tests.web.post import Poster
from web.event_schema import EXAMPLES


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


async def test_it_is_made_once(application: FastAPI) -> None:
    assert application.openapi() is application.openapi()
    assert "LeadStopped" in application.openapi()["components"]["schemas"]


async def test_every_answer_is_described(poster: Poster) -> None:
    document = await _described(poster)
    answers = document["paths"]["/events"]["post"]["responses"]
    assert set(answers) == {"200", "401", "408", "413", "415", "422", "503"}
    assert "id" not in document["components"]["schemas"]["LeadStopped"]["properties"]
