"""Events over HTTP, described for people and programs: the parts of an OpenAPI document that concern them."""

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from domain.event import EVENT, EventType

_AT = "2026-01-31T12:00:00Z"
_DATA: dict[EventType, dict[str, Any]] = {
    EventType.ENROLLED: {
        "sequence": "no-reply",
        "lead": {"lead_id": "lead-7", "email": "grace@example.com", "name": "Grace", "timezone": "America/New_York"},
        "variables": {"company": "Example Ltd"},
    },
    EventType.REPLIED: {"lead_id": "lead-7", "auto": True, "until": "2026-02-09"},
    EventType.BOUNCED: {"lead_id": "lead-7", "email": "grace@example.com"},
    EventType.UPDATED: {"lead_id": "lead-7", "timezone": "Europe/London"},
}
EXAMPLES: dict[EventType, dict[str, Any]] = {
    kind: {"value": {"type": kind, "timestamp": _AT, "data": _DATA.get(kind, {"lead_id": "lead-7"})}}
    for kind in EventType
}
_HEADERS = {
    "webhook-id": "The event's id: one that comes again changes nothing.",
    "webhook-timestamp": "When it is sent, in seconds since 1970; within five minutes of now.",
    "webhook-signature": "v1, and the signature of id, timestamp and body: https://www.standardwebhooks.com",
}


class Problem(BaseModel):
    """Why a request was not done; each of `problems` is a sentence for people, and names no person."""

    problems: list[str]


REFUSALS: dict[int | str, dict[str, Any]] = {
    401: {"model": Problem, "description": "The signature is missing, wrong or too old."},
    408: {"model": Problem, "description": "The body did not come in time."},
    413: {"model": Problem, "description": "The body is too large."},
    415: {"model": Problem, "description": "The body is not JSON."},
    422: {"model": Problem, "description": "The event can't be taken as it is."},
    503: {"model": Problem, "description": "Deliver the event again: it was not taken, or only its facts were."},
}


def signed_by(id_words: str = "") -> list[dict[str, Any]]:
    """Describe the three headers that sign a body; `id_words` say what its id is good for."""
    headers = _HEADERS | ({"webhook-id": id_words} if id_words else {})
    return [
        {"name": name, "in": "header", "required": True, "description": words, "schema": {"type": "string"}}
        for name, words in headers.items()
    ]


def event_operation() -> dict[str, Any]:
    """Describe what is sent: three headers, and an event without its id, which is one of them."""
    union = EVENT.json_schema(ref_template="#/components/schemas/{model}")
    schema = {name: union[name] for name in ("oneOf", "discriminator")}
    body = {"required": True, "content": {"application/json": {"schema": schema, "examples": EXAMPLES}}}
    return {"parameters": signed_by(), "requestBody": body}


def _event_components() -> dict[str, Any]:
    """Describe each kind of event."""
    union = EVENT.json_schema(ref_template="#/components/schemas/{model}")
    components: dict[str, Any] = union["$defs"]
    for component in components.values():
        component.get("properties", {}).pop("id", None)
        component["required"] = [name for name in component.get("required", []) if name != "id"]
    return {name: {key: part for key, part in one.items() if part != []} for name, one in components.items()}


class DescribedApp(FastAPI):
    """Describes events, whose bodies are read by hand, beside what FastAPI describes by itself."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:  # anybody may ask, and it takes 9 ms to be made
            described = super().openapi()
            described["components"]["schemas"] |= _event_components()
        return super().openapi()
