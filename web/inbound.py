"""The door for mail that comes in: raw messages (RFC 5322) from whatever receives them, with a secret of its own."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from intake.inbound.taking import MOST_BYTES, InboundAnswer, InboundDoor
from web.event_schema import REFUSALS, signed_by
from web.inside import Inside
from web.limits import DoorLimits
from web.requests import LOG, RefusedError, refusals, signed_body
from web.signatures import SignatureError, Signatures

_SHARED = (
    "/inbound still takes a secret of FOLLOWUP_EVENT_SECRET, so whoever forwards mail can say events:"
    " set FOLLOWUP_INBOUND_SECRET to one of its own"
)
_TYPES = ("message/rfc822", "application/octet-stream")
# A message is up to forty times as large as an event.
_LONGER = 6
_REFUSALS: dict[int | str, dict[str, Any]] = REFUSALS | {
    415: {**REFUSALS[415], "description": f"The body is neither {_TYPES[0]} nor {_TYPES[1]}."},
    422: {**REFUSALS[422], "description": "The body is no message."},
    503: {**REFUSALS[503], "description": "Give the message again: what was stored by now counts."},
}


def inbound_door(inside: Inside, limits: DoorLimits) -> APIRouter:
    """Build `POST /inbound`."""
    router = APIRouter()
    door = InboundDoor(inside.engine, inside.events, workspace=inside.workspace)
    shared = _SharedSecret(inside.event_signatures)
    limits = replace(limits, patience=limits.patience._replace(body=limits.patience.body * _LONGER))

    @router.post("/inbound", response_model=InboundAnswer, responses=_REFUSALS, openapi_extra=_operation())
    async def take_message(request: Request) -> JSONResponse:
        """Take a message that came in. It may come any number of times: the first counts."""
        async with signed_body(request, inside.inbound_signatures, MOST_BYTES, limits) as raw:
            shared.look(raw, request.headers)
            _check_type(request)
            with refusals("a message that came in"):
                answer = await door.take(raw)
        return JSONResponse(answer.model_dump(mode="json"))

    return router


class _SharedSecret:
    """Warns when a message is signed with a secret that opens the door for events, too; once a process is enough."""

    def __init__(self, event_signatures: Signatures) -> None:
        self._event_signatures = event_signatures
        self._has_warned = False

    def look(self, raw: bytes, headers: Mapping[str, str]) -> None:
        """Look at the signature of a message."""
        if self._has_warned:
            return
        with suppress(SignatureError):
            self._event_signatures.check(raw, headers)
            self._has_warned = True
            LOG.warning("%s", _SHARED)


def _check_type(request: Request) -> None:
    content_type = request.headers.get("content-type", _TYPES[0]).partition(";")[0].strip().lower()
    if content_type not in _TYPES:
        raise RefusedError(415, f"content-type: must be {_TYPES[0]} or {_TYPES[1]}")


def _operation() -> dict[str, Any]:
    schema = {"type": "string", "format": "binary"}
    body = {"required": True, "content": {one: {"schema": schema} for one in _TYPES}}
    return {
        "parameters": signed_by("Any id of this delivery, without a '.'; it counts for nothing."),
        "requestBody": body,
    }
