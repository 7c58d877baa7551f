from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import psycopg
import pytest

from devstack.ports import free_ports
from devstack.postgres import Postgres


@pytest.fixture
async def postgres(home: Path) -> AsyncIterator[Postgres]:
    [port] = free_ports([None])
    server = Postgres(home, durable=False, port=port)
    await server.start()
    yield server
    await server.stop()


async def run(url: str, *statements: str) -> list[tuple[object, ...]]:
    async with await psycopg.AsyncConnection.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        for statement in statements:
            cursor = await connection.execute(statement.encode())
        return await cursor.fetchall() if cursor.description else []


@pytest.mark.parametrize("end", [Postgres.kill, Postgres.stop])
async def test_postgresql_taken_down_and_up_keeps_its_data_and_its_url(
    postgres: Postgres, end: Callable[[Postgres], Awaitable[None]]
) -> None:
    url = await postgres.create_database("kept")
    await run(url, "CREATE TABLE t (n int)", "INSERT INTO t VALUES (7)")
    await end(postgres)
    with pytest.raises(psycopg.OperationalError):
        await run(url, "SELECT 1")
    await postgres.start()
    assert await run(url, "SELECT n FROM t") == [(7,)]


async def test_a_server_killed_while_clients_are_connected_starts_again(postgres: Postgres) -> None:
    dsn = postgres.url("postgres").replace("+psycopg", "")
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        await connection.execute("SELECT 1")
        await postgres.kill()
        await postgres.start()
        with pytest.raises(psycopg.OperationalError):
            await connection.execute("SELECT 1")
    assert await run(postgres.url("postgres"), "SELECT 1") == [(1,)]


async def test_a_database_made_from_a_template_has_its_rows_and_shares_none(postgres: Postgres) -> None:
    template = await postgres.create_database("template")
    await run(template, "CREATE TABLE t (n int)", "INSERT INTO t VALUES (1)")
    copy = await postgres.create_database("copy", template="template")
    await run(copy, "INSERT INTO t VALUES (2)")
    assert await run(copy, "SELECT n FROM t ORDER BY n") == [(1,), (2,)]
    assert await run(template, "SELECT n FROM t") == [(1,)]


async def test_a_dropped_database_is_gone_even_while_connected(postgres: Postgres) -> None:
    dsn = (await postgres.create_database("dropped")).replace("+psycopg", "")
    async with await psycopg.AsyncConnection.connect(dsn):
        await postgres.drop_database("dropped")
    assert not await postgres.has_database("dropped")


async def test_commits_wait_for_the_log_even_where_the_machine_may_not_crash(postgres: Postgres) -> None:
    assert await run(postgres.url("postgres"), "SHOW fsync") == [("off",)]
    assert await run(postgres.url("postgres"), "SHOW synchronous_commit") == [("on",)]
