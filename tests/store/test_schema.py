"""The schema that migrations make is the one the code declares, and a process can tell whether it has it."""

import asyncio
import sys
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from devstack.stack import Devstack
from store import migrations
from store.engine import open_engine
from store.guards import STATEMENTS
from store.schema import SchemaError, check_database, migrate, newest_revision
from store.tables import Base

# The catalogs' own words for everything that was made; oids and the migrations' own table left out.
CATALOGS = {
    "columns": """
        SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
               pg_get_expr(d.adbin, d.adrelid)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE n.nspname = 'public' AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
          AND c.relname <> 'alembic_version' ORDER BY 1, 2""",
    "constraints": """
        SELECT conrelid::regclass::text, conname, contype, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> 'alembic_version' ORDER BY 1, 2""",
    "indexes": """
        SELECT tablename, indexname, indexdef FROM pg_indexes
        WHERE schemaname = 'public' AND tablename <> 'alembic_version' ORDER BY 1, 2""",
    "triggers": """
        SELECT tgrelid::regclass::text, tgname, tgenabled, pg_get_triggerdef(oid) FROM pg_trigger
        WHERE NOT tgisinternal ORDER BY 1, 2""",
    "functions": """
        SELECT proname, pg_get_functiondef(oid) FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace ORDER BY 1""",
}


@pytest.fixture
async def empty_url(stack: Devstack) -> AsyncIterator[str]:
    """A database with nothing in it."""
    name = f"test_{uuid.uuid4().hex}"
    yield await stack.postgres.create_database(name)
    await stack.postgres.drop_database(name)


async def _catalog(database_url: str, what: str) -> list[tuple[object, ...]]:
    engine = open_engine(database_url, connections=1)
    async with engine.connect() as connection:
        rows = [tuple(row) for row in await connection.execute(text(CATALOGS[what]))]
    await engine.dispose()
    return rows


async def _declare(database_url: str) -> None:
    """Make the schema as tables.py and guards.py declare it, without any migration."""
    engine = open_engine(database_url, connections=1)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        for statement in STATEMENTS:
            await connection.execute(text(statement))
    await engine.dispose()


@pytest.mark.parametrize("what", CATALOGS)
async def test_the_migrated_schema_is_the_declared_one(database_url: str, empty_url: str, what: str) -> None:
    await _declare(empty_url)
    declared = await _catalog(empty_url, what)
    assert declared
    assert await _catalog(database_url, what) == declared


async def test_alembic_finds_nothing_left_to_generate(engine: AsyncEngine) -> None:
    def differences(connection: Connection) -> list[object]:
        options = {"compare_type": True, "compare_server_default": True}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata))

    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []


async def _everything(database_url: str) -> list[object]:
    return [await _catalog(database_url, what) for what in CATALOGS]


async def test_migrating_a_current_database_changes_nothing(database_url: str) -> None:
    before = await _everything(database_url)
    assert await migrate(database_url) == newest_revision()
    assert await _everything(database_url) == before


async def test_migrators_at_once_make_the_schema_once(empty_url: str, database_url: str) -> None:
    # processes, as deployments have them: Alembic's environment is one per process
    program = "import asyncio, sys; from store.schema import migrate; asyncio.run(migrate(sys.argv[1]))"
    migrators = [await asyncio.create_subprocess_exec(sys.executable, "-c", program, empty_url) for _ in range(3)]
    assert [await migrator.wait() for migrator in migrators] == [0, 0, 0]
    assert await _everything(empty_url) == await _everything(database_url)


async def test_a_migration_that_fails_leaves_nothing_behind(empty_url: str) -> None:
    blocking = open_engine(empty_url, connections=1)
    async with blocking.begin() as connection:
        await connection.execute(text("CREATE TABLE tasks (id int)"))
    with pytest.raises(Exception, match='relation "tasks" already exists'):
        await migrate(empty_url)
    async with blocking.connect() as connection:
        found = (
            await connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
        ).scalars()
        assert list(found) == ["tasks"]
    await blocking.dispose()


async def test_an_empty_database_is_told_to_be_migrated(empty_url: str) -> None:
    with pytest.raises(SchemaError, match=r"is at revision none, this version needs .*: run `followup migrate`"):
        await check_database(empty_url)


@pytest.mark.parametrize("revision", ["0000", "9999"])
async def test_a_database_behind_or_too_far_ahead_is_told_both_revisions(
    database_url: str, engine: AsyncEngine, revision: str
) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
        await connection.execute(text("UPDATE compatibility SET oldest = :revision"), {"revision": revision})
    with pytest.raises(SchemaError, match=rf"is at revision {revision}, this version needs {newest_revision()}"):
        await check_database(database_url)


@pytest.mark.parametrize(("oldest", "may"), [("0001", True), (newest_revision(), True), ("9999", False)])
async def test_a_worker_of_the_last_version_starts_on_a_schema_that_still_carries_it(
    database_url: str, engine: AsyncEngine, oldest: str, may: bool
) -> None:
    """Expand, then contract: the schema goes first, and a worker that is started anew meanwhile does its work."""
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        await connection.execute(text("UPDATE compatibility SET oldest = :oldest"), {"oldest": oldest})
    if may:
        await check_database(database_url)
        return
    with pytest.raises(SchemaError, match="is at revision 9999"):
        await check_database(database_url)


def test_the_newest_revision_is_the_head_of_the_migrations() -> None:
    assert newest_revision() == ScriptDirectory(str(Path(migrations.__file__).parent)).get_current_head()
