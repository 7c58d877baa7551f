"""The HTTP process: settings -> PostgreSQL, Temporal -> the doors, each a module of its own -> a server."""

import logging
from pathlib import Path

from fastapi import FastAPI
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from connect import UnreachableError, check_search_attributes, connect_temporal, database_errors
from intake.events import EventDoor
from settings import Settings, SettingsError, read_settings
from store.engine import is_down, open_engine
from store.schema import UnfitDatabaseError, check_connection
from web.connections import Bounds
from web.event_schema import DescribedApp
from web.events import event_door
from web.framing import FramedRequests
from web.health import Ready, health_door
from web.http_server import listen
from web.inbound import inbound_door
from web.inside import Inside
from web.limits import DoorLimits
from web.requests import RefusedError, say
from web.signatures import Signatures
from web.unsubscribe import unsubscribe_door

_log = logging.getLogger("ingress")
# Requests wait for one of these in turn; PostgreSQL serves other processes too.
_CONNECTIONS = 20


def make_app(inside: Inside, ready: Ready, limits: DoorLimits | None = None) -> FastAPI:
    """Build the HTTP application, all of its doors. `ready` names what is missing before anything can be taken."""
    limits = limits or DoorLimits()
    # no pages of documentation: they would load their scripts from elsewhere; and nobody who posts follows a redirect
    app = DescribedApp(title="Follow-ups: app events", docs_url=None, redoc_url=None, redirect_slashes=False)
    app.add_exception_handler(RefusedError, say)
    app.add_middleware(FramedRequests)
    doors = (event_door, inbound_door, unsubscribe_door)
    for router in (*(door(inside, limits) for door in doors), health_door(ready, limits)):
        app.include_router(router)
    return app


async def serve(host: str, port: int, sequences: Path | None = None) -> None:
    """Serve the events of the settings' workspace until told to end.

    `sequences` is the folder whose sequences an app may name; None: that of the settings.

    Starts while PostgreSQL or Temporal is down: `/readyz` says so, and events are answered 503. Raises SettingsError,
    UnfitDatabaseError, UnreachableError.
    """
    settings = read_settings()
    event_signatures, inbound_signatures = _signatures(settings)
    client = await connect_temporal(lazily=True)
    with database_errors(settings):
        engine = open_engine(settings.database_url.get_secret_value(), _CONNECTIONS)
    workspace = settings.workspace
    events = EventDoor(
        engine,
        client,
        workspace=workspace,
        task_queue=settings.task_queue,
        sequences=sequences or settings.sequences,
        public_url=settings.public_url,
    )
    inside = Inside(
        engine=engine,
        workspace=workspace,
        events=events,
        event_signatures=event_signatures,
        inbound_signatures=inbound_signatures,
    )

    try:
        await _database_problems(engine)
        application, bounds = make_app(inside, readiness(engine, client)), Bounds(proxies=settings.proxies)
        await listen(application, host, port, lambda url: _log.info("ready: %s/events", url), bounds)
    except OSError as error:
        raise UnreachableError(f"can't listen on {host}, port {port} ({error.strerror}): give another --port") from None
    finally:
        await engine.dispose()
    _log.info("stopped")


def _signatures(settings: Settings) -> tuple[Signatures, Signatures]:
    """Read the secrets of the doors for events and for mail. Raises SettingsError."""
    of_events = settings.event_secret.get_secret_value()
    of_mail = settings.inbound_secret.get_secret_value()
    events = _of_door("FOLLOWUP_EVENT_SECRET", of_events)
    return events, _of_door("FOLLOWUP_INBOUND_SECRET", of_mail if of_mail.strip() else of_events, dotted_ids=False)


def _of_door(variable: str, secrets: str, *, dotted_ids: bool = True) -> Signatures:
    try:
        return Signatures(secrets, dotted_ids=dotted_ids)
    except ValueError as error:
        raise SettingsError(f"{variable} {error}") from None


def readiness(engine: AsyncEngine, client: Client) -> Ready:
    """Build the check of what a process needs before it can take anything."""

    async def ready() -> list[str]:
        try:
            problems = await _database_problems(engine)
            await check_search_attributes(client)
        except (UnfitDatabaseError, UnreachableError) as error:
            return [str(error)]
        return problems

    return ready


async def _database_problems(engine: AsyncEngine) -> list[str]:
    try:
        async with engine.connect() as connection:
            await check_connection(connection)
    except SQLAlchemyError as error:
        if not is_down(error):
            raise
        return ["PostgreSQL can't be reached: see that it runs"]
    return []
