"""The HTTP process: settings -> PostgreSQL, Temporal -> the doors, each a module of its own -> a server."""

import logging
from pathlib import Path

from fastapi import FastAPI
from sqlalchemy.exc import SQLAlchemyError

from connect import UnreachableError, check_search_attributes, connect_temporal
from doors.events import event_door
from doors.health import Ready, health_door
from doors.inbound import inbound_door
from doors.inside import Inside
from doors.requests import Patience, RefusedError, say
from doors.unsubscribe import unsubscribe_door
from intake.event_schema import DescribedApp
from intake.events import EventDoor
from intake.listening import listen
from intake.signatures import Signatures
from settings import HOME, SettingsError, read_settings
from store.engine import is_down, open_engine
from store.schema import SchemaError, check_schema

_log = logging.getLogger("ingress")
# Requests wait for one of these in turn; PostgreSQL serves other processes too.
_CONNECTIONS = 20


def make_app(inside: Inside, ready: Ready, patience: Patience | None = None) -> FastAPI:
    """Build the HTTP application, all of its doors. `ready` names what is missing before anything can be taken."""
    patience = patience or Patience()
    # no pages of documentation: they would load their scripts from elsewhere; and nobody who posts follows a redirect
    app = DescribedApp(title="Follow-ups: app events", docs_url=None, redoc_url=None, redirect_slashes=False)
    app.add_exception_handler(RefusedError, say)
    doors = (event_door, inbound_door, unsubscribe_door)
    for router in (*(door(inside, patience) for door in doors), health_door(ready, patience)):
        app.include_router(router)
    return app


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
    workspace = settings.workspace
    events = EventDoor(
        engine,
        client,
        workspace=workspace,
        task_queue=settings.task_queue,
        sequences=sequences,
        public_url=settings.public_url,
    )
    inside = Inside(engine, workspace, events, signatures)

    async def ready() -> list[str]:
        try:
            problems = await _database_problems(database_url)
            await check_search_attributes(client)
        except (SchemaError, UnreachableError) as error:
            return [str(error)]
        return problems

    try:
        await listen(make_app(inside, ready), host, port, lambda url: _log.info("ready: %s/events", url))
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
