"""HTTP in front of the door: signed app events in; 2xx only when facts are stored and workflows know."""

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import ClientDisconnect

from activities.discreet import kind_of
from connect import UnreachableError, check_search_attributes, connect_temporal
from domain.event import Event
from intake.event_facts import Answer
from intake.event_reading import read_event
from intake.event_schema import REFUSALS, DescribedApp, Problem, event_operation
from intake.events import EventDoor, EventError, NotTakenError
from intake.lingering import LingeringResponse
from intake.listening import listen
from intake.signatures import Signatures
from settings import HOME, SettingsError, read_settings
from store.engine import is_down, open_engine
from store.schema import SchemaError, check_schema

_log = logging.getLogger("ingress")
# A lead with a hundred long variables fits several times over.
MOST_BYTES = 256 * 1024
# Requests wait for one of these in turn; PostgreSQL serves other processes too.
_CONNECTIONS = 20
# When to deliver again what could not be taken: a restarted database or server is back by then.
_RETRY_AFTER = timedelta(seconds=5)
# What is left unread of a request makes its connection useless for another.
_CLOSED = {"Connection": "close"}


class Patience(NamedTuple):
    """How long others are waited for."""

    body: timedelta = timedelta(seconds=10)  # for the whole of it: 26 KB a second are enough
    readiness: timedelta = timedelta(seconds=5)


class _RefusedError(Exception):
    """A request is not done. Of one that is `unread` the rest is still on its way."""

    def __init__(
        self, status: int, *problems: str, unread: bool = False, headers: dict[str, str] | None = None
    ) -> None:
        self.status, self.problems, self.unread, self.headers = status, problems, unread, headers


Ready = Callable[[], Awaitable[list[str]]]


def make_app(door: EventDoor, signatures: Signatures, ready: Ready, patience: Patience | None = None) -> FastAPI:
    """Build the HTTP application. `ready` names what is missing before events can be taken."""
    patience = patience or Patience()
    # no pages of documentation: they would load their scripts from elsewhere
    app = DescribedApp(title="Follow-ups: app events", docs_url=None, redoc_url=None)
    app.add_exception_handler(_RefusedError, _say)

    @app.post("/events", response_model=Answer, responses=REFUSALS, openapi_extra=event_operation())
    async def take_event(request: Request) -> JSONResponse:
        """Take an app event. It may be delivered any number of times: the first counts, all are answered the same."""
        event = await _read(request, signatures, patience)
        answer = await _deliver(door, event)
        _log.info("event %s %s: %s", event.id, event.type, answer.done)
        return JSONResponse(answer.model_dump(mode="json"))

    @app.get("/healthz")
    async def say_alive() -> dict[str, str]:
        """Say that this process is alive."""
        return {"status": "alive"}

    @app.get("/readyz", responses={503: {"model": Problem}})
    async def say_ready() -> dict[str, str]:
        """Say whether events can be taken: PostgreSQL has the schema, and Temporal answers."""
        try:
            async with asyncio.timeout(patience.readiness.total_seconds()):
                problems = await ready()
        except TimeoutError:
            problems = ["PostgreSQL or Temporal does not answer in time"]
        if problems:
            raise _RefusedError(503, *problems)
        return {"status": "ready"}

    return app


async def _read(request: Request, signatures: Signatures, patience: Patience) -> Event:
    try:
        async with asyncio.timeout(patience.body.total_seconds()):
            body = await _body(request)
    except TimeoutError:
        raise _RefusedError(408, "the body did not come in time: send it at once", headers=_CLOSED) from None
    except ClientDisconnect:
        raise _RefusedError(400, "the body broke off") from None  # nobody hears it
    if not signatures.fit(body, request.headers):
        raise _RefusedError(401, "the signature is missing, wrong or too old: sign the body as it is sent, and now")
    content_type = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise _RefusedError(415, "content-type: must be application/json")
    try:
        return read_event(body, event_id=request.headers["webhook-id"])
    except EventError as error:
        raise _RefusedError(422, *error.problems) from None


async def _body(request: Request) -> bytes:
    too_large = _RefusedError(413, f"the body is larger than {MOST_BYTES} bytes: shorten it", unread=True)
    if int(request.headers.get("content-length", 0)) > MOST_BYTES:
        raise too_large
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise too_large
    return bytes(body)


async def _deliver(door: EventDoor, event: Event) -> Answer:
    try:
        return await door.deliver(event)
    except EventError as error:
        _log.info("event %s %s: refused", event.id, event.type)
        raise _RefusedError(422, *error.problems) from None
    except NotTakenError as error:
        _log.warning("event %s %s: %s", event.id, event.type, error)
        headers = {"Retry-After": f"{_RETRY_AFTER.total_seconds():.0f}"}
        raise _RefusedError(503, str(error), headers=headers) from None
    except Exception as error:  # its words may quote a lead's data, so nobody is told them
        frames = "".join(traceback.format_tb(error.__traceback__))
        _log.error("event %s %s: %s\n%s", event.id, event.type, kind_of(error), frames)  # see above
        raise _RefusedError(500, "it failed by our own fault; our log says where: deliver it again") from None


async def _say(_: Request, refused: Exception) -> JSONResponse:
    if not isinstance(refused, _RefusedError):
        raise refused
    content = {"problems": list(refused.problems)}
    if refused.unread:
        return LingeringResponse(content, refused.status, headers=_CLOSED)
    return JSONResponse(content, refused.status, headers=refused.headers)


async def serve(host: str, port: int, sequences: Path = HOME / "sequences") -> None:
    """Serve the events of the settings' workspace until told to end. `sequences` is the folder an app may name.

    Starts while PostgreSQL or Temporal is down: `/readyz` says so, and events are answered 503. Raises SettingsError,
    SchemaError, UnreachableError.
    """
    settings = read_settings()
    try:
        signatures = Signatures(settings.event_secret.get_secret_value())
    except ValueError as error:
        raise SettingsError(f"FOLLOWUP_EVENT_SECRET {error}") from None
    database_url = settings.database_url.get_secret_value()
    await _database_problems(database_url)
    client = await connect_temporal(lazily=True)
    engine = open_engine(database_url, _CONNECTIONS)
    door = EventDoor(engine, client, workspace=settings.workspace, task_queue=settings.task_queue, sequences=sequences)

    async def ready() -> list[str]:
        try:
            problems = await _database_problems(database_url)
            await check_search_attributes(client)
        except (SchemaError, UnreachableError) as error:
            return [str(error)]
        return problems

    try:
        await listen(make_app(door, signatures, ready), host, port, lambda url: _log.info("ready: %s/events", url))
    except OSError as error:
        raise UnreachableError(f"can't listen on {host}, port {port} ({error.strerror}): give another --port") from None
    finally:
        await engine.dispose()
    _log.info("stopped")


async def _database_problems(database_url: str) -> list[str]:
    try:
        await check_schema(database_url)
    except SQLAlchemyError as error:
        if not is_down(error):
            raise
        return ["PostgreSQL can't be reached: see that it runs"]
    return []
