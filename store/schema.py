"""Bringing the schema up to date, and telling whether a database can be used."""

import asyncio
from pathlib import Path

from sqlalchemy import TextClause, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from store.durability import read_database_settings
from store.engine import open_engine
from store.tables import Compatibility

_MIGRATIONS = Path(__file__).parent / "migrations"
# any number will do, as long as every migrator locks the same one
_ONE_MIGRATOR = 7_246_391
# null: there is no such table
_IS_READ = text("SELECT has_table_privilege(to_regclass('alembic_version'), 'SELECT'), current_user")


class UnfitDatabaseError(Exception):
    """A database can't be used as it is. The message says why, with the remedy."""


class SchemaError(UnfitDatabaseError):
    """The database is behind (or ahead of) the migrations this code knows."""


class DurabilityError(UnfitDatabaseError):
    """What the database has committed does not survive a crash."""


async def migrate(database_url: str) -> str:
    """Bring the schema up to date; returns its revision. Does nothing when it is.

    Raises SchemaError for a database of a newer version.
    """
    # it takes a fifth of a second to import, and no process needs it but to migrate
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.set_main_option("path_separator", "os")
    config.attributes["database_url"] = database_url
    try:
        await asyncio.to_thread(command.upgrade, config, "head")
    except CommandError as error:
        raise SchemaError(f"{error}: a newer version of the application made this database, use that one") from None
    return newest_revision()


def one_migrator() -> TextClause:
    """Return the statement that lets no other migrator in until the transaction ends."""
    return text(f"SELECT pg_advisory_xact_lock({_ONE_MIGRATOR})")


def newest_revision() -> str:
    """Name the revision this code needs."""
    return max(file.name for file in (_MIGRATIONS / "versions").glob("[0-9]*.py")).partition("_")[0]


async def check_database(database_url: str) -> None:
    """Raise UnfitDatabaseError, with the remedy, when this code can't run on the database.

    Its schema must be of the revision this code needs, or of a later one that still carries the code of this
    (SchemaError), and a commit must survive a crash (DurabilityError).
    """
    engine = open_engine(database_url, connections=1)
    try:
        async with engine.connect() as connection:
            await check_connection(connection)
    finally:
        await engine.dispose()


async def check_connection(connection: AsyncConnection) -> None:
    """Do the same on a connection there is. Raises UnfitDatabaseError."""
    if problems := (await read_database_settings(connection)).problems:
        raise DurabilityError("\n".join(problems))
    await check_schema(connection)


async def check_schema(connection: AsyncConnection) -> str:
    """Return the schema's revision. Raises SchemaError, with the remedy, when this code can't run on it."""
    found = await _revision(connection)
    oldest = await _oldest_code(connection) if found and found > newest_revision() else None
    if found != newest_revision() and (oldest is None or newest_revision() < oldest):
        raise SchemaError(
            f"the database is at revision {found or 'none'}, this version needs {newest_revision()}: "
            "run `followup migrate`, with the newest version of the application"
        )
    return found or ""


async def _revision(connection: AsyncConnection) -> str | None:
    is_read, role = (await connection.execute(_IS_READ)).one()
    if is_read is None:
        return None
    if not is_read:
        raise SchemaError(f"{role} may not read the tables: let their owner run `followup migrate --grant {role}`")
    return (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar_one_or_none()


async def _oldest_code(connection: AsyncConnection) -> str | None:
    return (await connection.execute(select(Compatibility.oldest))).scalar_one_or_none()
