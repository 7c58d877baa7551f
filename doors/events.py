"""The door for app events: signed ones in; 2xx only when their facts are stored and their workflows know."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from domain.event import Event
from doors.inside import Inside
from doors.requests import LOG, Patience, RefusedError, read_body, refusals
from intake.event_facts import Answer
from intake.event_reading import read_event
from intake.event_schema import REFUSALS, event_operation
from intake.events import EventError
from intake.signatures import Signatures

# A lead with a hundred long variables fits several times over.
MOST_BYTES = 256 * 1024


def event_door(inside: Inside, patience: Patience) -> APIRouter:
    """Build `POST /events`."""
    router = APIRouter()

    @router.post("/events", response_model=Answer, responses=REFUSALS, openapi_extra=event_operation())
    async def take_event(request: Request) -> JSONResponse:
        """Take an app event. It may be delivered any number of times: the first counts, all are answered the same."""
        event = await _read(request, inside.signatures, patience)
        with refusals(f"event {event.id} {event.type}"):
            answer = await inside.events.deliver(event)
        LOG.info("event %s %s: %s", event.id, event.type, answer.done)
        return JSONResponse(answer.model_dump(mode="json"))

    return router


async def _read(request: Request, signatures: Signatures, patience: Patience) -> Event:
    body = await read_body(request, MOST_BYTES, patience)
    if not signatures.fit(body, request.headers):
        raise RefusedError(401, "the signature is missing, wrong or too old: sign the body as it is sent, and now")
    content_type = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise RefusedError(415, "content-type: must be application/json")
    try:
        return read_event(body, event_id=request.headers["webhook-id"])
    except EventError as error:
        raise RefusedError(422, *error.problems) from None
