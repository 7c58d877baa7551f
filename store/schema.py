"""Bringing the schema up to date, and telling whether it is."""

import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.engine import open_engine
from store.tables import Compatibility

_MIGRATIONS = Path(__file__).parent / "migrations"


class SchemaError(Exception):
    """The database is behind (or ahead of) the migrations this code knows."""


def alembic_config(database_url: str) -> Config:
    """Say where the migrations lie and which database they change."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.set_main_option("path_separator", "os")
    config.attributes["database_url"] = database_url
    return config


async def migrate(database_url: str) -> str:
    """Bring the schema up to date; returns its revision. Does nothing when it is.

    Raises SchemaError for a database of a newer version.
    """
    try:
        await asyncio.to_thread(command.upgrade, alembic_config(database_url), "head")
    except CommandError as error:
        raise SchemaError(f"{error}: a newer version of the application made this database, use that one") from None
    return newest_revision()


def newest_revision() -> str:
    """Name the revision this code needs."""
    return ScriptDirectory(str(_MIGRATIONS)).get_current_head() or ""


async def check_schema(database_url: str) -> None:
    """Raise SchemaError, with the remedy, when this code can't run on the database's schema.

    That is the one of the revision this code needs, or a later one that still carries the code of this.
    """
    engine = open_engine(database_url, connections=1)
    try:
        async with engine.connect() as connection:
            found = await connection.run_sync(_revision)
            oldest = await _oldest_code(connection) if found and found > newest_revision() else None
    finally:
        await engine.dispose()
    if found != newest_revision() and (oldest is None or newest_revision() < oldest):
        raise SchemaError(
            f"the database is at revision {found or 'none'}, this version needs {newest_revision()}: "
            "run `followup migrate`, with the newest version of the application"
        )


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


async def _oldest_code(connection: AsyncConnection) -> str | None:
    return (await connection.execute(select(Compatibility.oldest))).scalar_one_or_none()
