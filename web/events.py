"""The door for app events: signed ones in; 2xx only when their facts are stored and their workflows know."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from domain.event import Event
from intake.event_reading import read_event
from intake.events import EventError
from transactions.event import EventAnswer
from web.event_schema import REFUSALS, event_operation
from web.inside import Inside
from web.limits import DoorLimits
from web.requests import LOG, RefusedError, refusals, signed_body

# A lead with a hundred long variables fits several times over.
MOST_BYTES = 256 * 1024


def event_door(inside: Inside, limits: DoorLimits) -> APIRouter:
    """Build `POST /events`."""
    router = APIRouter()

    @router.post("/events", response_model=EventAnswer, responses=REFUSALS, openapi_extra=event_operation())
    async def take_event(request: Request) -> JSONResponse:
        """Take an app event. It may be delivered any number of times: the first counts, all are answered the same."""
        async with signed_body(request, inside.event_signatures, MOST_BYTES, limits) as body:
            event = _read(request, body)
        with refusals(f"event {event.id} {event.type}"):
            answer = await inside.events.deliver(event)
        LOG.info("event %s %s: %s", event.id, event.type, answer.done)
        return JSONResponse(answer.model_dump(mode="json"))

    return router


def _read(request: Request, body: bytes) -> Event:
    content_type = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise RefusedError(415, "content-type: must be application/json")
    try:
        return read_event(body, event_id=request.headers["webhook-id"])
    except EventError as error:
        raise RefusedError(422, *error.problems) from None
