"""How every process reaches PostgreSQL and Temporal, and the one sentence it says when it can't."""

import asyncio
import re
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError

from operating.terminal import complain
from operating.terminal import leave as leave
from settings import Settings, SettingsError, temporal_connection
from store.engine import is_down, open_engine
from store.schema import UnfitDatabaseError, check_database
from workflows.search_attributes import missing_or_wrong

_T = TypeVar("_T")
# Enrolling runs one transaction at a time; a command for many follow-ups tells some dozens at a time.
_CONNECTIONS = 8


class UnreachableError(Exception):
    """Something this process needs can't be reached, or is not as it must be. The message is for people."""


async def connect_temporal(*, lazily: bool = False) -> Client:
    """Connect to Temporal as the settings say; `lazily`: when it is first asked.

    Raises UnreachableError, SettingsError.
    """
    options = temporal_connection()
    try:
        return await Client.connect(**options, data_converter=pydantic_data_converter, lazy=lazily)
    except (RPCError, RuntimeError) as error:
        raise UnreachableError(
            f"Temporal can't be reached at {options['target_host']} ({_short(error)}): "
            "check TEMPORAL_ADDRESS, or start a devstack with `make run`"
        ) from None


async def check_search_attributes(client: Client) -> None:
    """Raise UnreachableError when the namespace lacks a search attribute: a workflow that sets it would hang."""
    try:
        problems = await missing_or_wrong(client)
    except (RPCError, RuntimeError) as error:  # RuntimeError is how a failed connect shows
        problems = [f"Temporal does not answer for namespace {client.namespace} ({_short(error)}): check its settings"]
    if problems:
        raise UnreachableError("; ".join(problems))


async def open_temporal() -> Client:
    """Connect to Temporal and see that follow-ups can live there. Raises UnreachableError, SettingsError."""
    client = await connect_temporal()
    await check_search_attributes(client)
    return client


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[AsyncEngine]:
    """Open a database whose schema is the one this code needs.

    Raises SettingsError, UnfitDatabaseError, and UnreachableError, also when PostgreSQL goes away meanwhile.
    """
    with database_errors(settings):
        await check_database(settings.database_url.get_secret_value())
        engine = open_engine(settings.database_url.get_secret_value(), _CONNECTIONS)
        try:
            yield engine
        finally:
            await engine.dispose()


@contextmanager
def database_errors(settings: Settings) -> Iterator[None]:
    """Say what PostgreSQL and its driver raise inside as UnreachableError or SettingsError, never with a password."""
    url = settings.database_url.get_secret_value()
    try:
        parts = urlsplit(url)
        where = f"{parts.hostname or 'the local socket'}:{parts.port or 5432}{parts.path}"
    except ValueError:
        raise SettingsError(_BAD_URL) from None
    try:
        yield
    except ArgumentError:
        raise SettingsError(_BAD_URL) from None
    except SQLAlchemyError as error:
        raise UnreachableError(_database_sentence(error, where, parts.password)) from None


def _database_sentence(error: SQLAlchemyError, where: str, password: str | None) -> str:
    said = _short(getattr(error, "orig", None) or error)
    said = said.replace(password, "***") if password else said
    if is_down(error):
        return f"PostgreSQL can't be reached at {where} ({said}): check FOLLOWUP_DATABASE_URL, and that it runs"
    return f"PostgreSQL at {where} refused a statement ({said}): check FOLLOWUP_DATABASE_URL, and its user's rights"


_BAD_URL = "FOLLOWUP_DATABASE_URL: can't be read; write postgresql+psycopg://user:password@host:5432/database"
# What a command ends with: its message is for people, and it is all they are told.
EXPECTED: tuple[type[Exception], ...] = (SettingsError, UnfitDatabaseError, UnreachableError)


def run(work: Coroutine[Any, Any, _T], *, name: str, also: tuple[type[Exception], ...] = ()) -> _T:
    """Run a command's work; what is expected to fail (`also` this) ends it with lines on stderr and SystemExit(1)."""
    try:
        return asyncio.run(work)
    except EXPECTED + also as error:
        complain(name, str(error))
    except KeyboardInterrupt:
        complain(name, "interrupted")
    raise SystemExit(1)


def _short(error: BaseException) -> str:
    if refusal := re.search(r'message: "([^"]+)"', str(error)):  # Rust's way of showing an error of the system
        return refusal[1]
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
