"""The door for mail that comes in: raw messages (RFC 5322) from whatever receives them, signed as events are."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from doors.inside import Inside
from doors.requests import Patience, RefusedError, read_body, refusals
from intake.event_schema import REFUSALS, signed_by
from intake.inbound import MOST_BYTES, InboundAnswer, InboundDoor

_TYPES = ("message/rfc822", "application/octet-stream")
# A message is up to forty times as large as an event.
_LONGER = 6
_REFUSALS: dict[int | str, dict[str, Any]] = REFUSALS | {
    415: {**REFUSALS[415], "description": f"The body is neither {_TYPES[0]} nor {_TYPES[1]}."},
    422: {**REFUSALS[422], "description": "The body is no message."},
    503: {**REFUSALS[503], "description": "Give the message again: what was stored by now counts."},
}


def inbound_door(inside: Inside, patience: Patience) -> APIRouter:
    """Build `POST /inbound`."""
    router = APIRouter()
    door = InboundDoor(inside.engine, inside.events, workspace=inside.workspace)
    patience = patience._replace(body=patience.body * _LONGER)

    @router.post("/inbound", response_model=InboundAnswer, responses=_REFUSALS, openapi_extra=_operation())
    async def take_message(request: Request) -> JSONResponse:
        """Take a message that came in. It may come any number of times: the first counts."""
        raw = await _read(request, inside, patience)
        with refusals("a message that came in"):
            answer = await door.take(raw)
        return JSONResponse(answer.model_dump(mode="json"))

    return router


async def _read(request: Request, inside: Inside, patience: Patience) -> bytes:
    raw = await read_body(request, MOST_BYTES, patience)
    if not inside.signatures.fit(raw, request.headers):
        raise RefusedError(401, "the signature is missing, wrong or too old: sign the body as it is sent, and now")
    content_type = request.headers.get("content-type", _TYPES[0]).partition(";")[0].strip().lower()
    if content_type not in _TYPES:
        raise RefusedError(415, f"content-type: must be {_TYPES[0]} or {_TYPES[1]}")
    return raw


def _operation() -> dict[str, Any]:
    schema = {"type": "string", "format": "binary"}
    body = {"required": True, "content": {one: {"schema": schema} for one in _TYPES}}
    return {"parameters": signed_by("Any id of this delivery; it counts for nothing."), "requestBody": body}
