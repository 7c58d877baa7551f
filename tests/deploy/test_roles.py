"""The roles of docker-compose.yml, on a PostgreSQL of their own: the application can't switch its guards off."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from temporalio.client import Client

from devstack.passable import temporary_folder
from devstack.ports import free_ports
from devstack.postgres import DATABASE, SUPERUSER, Postgres, binaries
from providers.scripted import ScriptedProvider
from store.engine import open_engine
from store.grants import APPLICATION, READER, GrantError, grant
from store.schema import SchemaError, check_database, migrate, newest_revision
from tests.command import Command
from tests.counted import assert_counted
from tests.deploy.compose import ROOT, environment, services
from tests.deploy.test_compose import GIVEN
from tests.roles import NAME
from tests.scene import Scene, a_lead, a_sequence, open_scene
from tests.whole.looking import until_page

OWNER, READS = "followup_owner", "reporting"


def _url(postgres: Postgres, role: str) -> str:
    return make_url(postgres.url()).set(username=role).render_as_string(hide_password=False)


async def _say(postgres: Postgres, *statements: str, database: str = DATABASE) -> list[tuple[object, ...]]:
    dsn = postgres.url(database).replace("+psycopg", "")
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        for statement in statements:
            cursor = await connection.execute(statement.encode())
        return await cursor.fetchall() if cursor.description else []


async def _make_roles(postgres: Postgres) -> None:
    """Run the service `roles` of docker-compose.yml."""
    variables = environment("roles", GIVEN) | {"PGHOST": "127.0.0.1", "PGPORT": str(postgres.port)}
    variables["PATH"] = f"{binaries()}{os.pathsep}{os.environ['PATH']}"
    shell, script = services()["roles"]["command"]
    made = await asyncio.create_subprocess_exec(
        *(shell, ROOT / "deploy" / "postgres" / Path(script).name),
        env=variables,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await made.communicate()
    assert (made.returncode, said.decode()) == (0, "")


async def _migrate(postgres: Postgres, *options: str, role: str = OWNER) -> tuple[int | None, str]:
    """Run the service `migrate`, with further options."""
    variables = environment("migrate", GIVEN) | {"FOLLOWUP_DATABASE_URL": _url(postgres, role)}
    program, *arguments = services()["migrate"]["command"]
    ran = await asyncio.create_subprocess_exec(
        *(Path(sys.executable).with_name(program), *arguments, *options),
        env=variables,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await ran.communicate()
    return ran.returncode, said.decode()


@pytest.fixture
async def bare(home: Path) -> AsyncIterator[Postgres]:
    """A PostgreSQL with nothing in it."""
    server = Postgres(home, durable=False, port=free_ports([None])[0])
    await server.start()
    yield server
    await server.stop()


@pytest.fixture(scope="module")
async def postgres() -> AsyncIterator[Postgres]:
    """A PostgreSQL as docker-compose.yml has it, once all its services have run twice."""
    with temporary_folder() as folder:
        server = Postgres(folder, durable=False, port=free_ports([None])[0])
        await server.start()
        for _ in range(2):
            await _make_roles(server)
            assert await _migrate(server) == (
                0,
                f"the schema is at revision {newest_revision()}\n{NAME} may run the application\n",
            )
        await _say(server, f"CREATE ROLE {READS} LOGIN")
        yield server
        await server.stop()


async def test_of_the_roles_none_is_a_superuser_and_temporals_alone_makes_databases(postgres: Postgres) -> None:
    sql = "SELECT rolname, rolsuper, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolcanlogin ORDER BY 1"
    assert await _say(postgres, sql) == [
        (NAME, False, False, False),
        (OWNER, False, False, False),
        (SUPERUSER, True, True, True),
        (READS, False, False, False),
        ("temporal", False, False, True),
    ]
    passwords = await _say(postgres, "SELECT count(*) FROM pg_authid WHERE rolpassword LIKE 'SCRAM-SHA-256$%'")
    assert passwords == [(3,)]
    owners = "SELECT DISTINCT tableowner::text FROM pg_tables WHERE schemaname = 'public'"
    assert await _say(postgres, owners) == [(OWNER,)]


async def test_a_volume_where_everything_is_a_superusers_is_handed_over(bare: Postgres) -> None:
    await migrate(await bare.create_database(DATABASE))
    await _say(
        bare,
        "CREATE TABLE executions (id serial PRIMARY KEY)",
        "CREATE VIEW ids AS SELECT id FROM executions",
        "CREATE FUNCTION one() RETURNS int LANGUAGE sql RETURN 1",
        database=(await bare.create_database("temporal")).rpartition("/")[2],
    )
    await _make_roles(bare)
    assert (await _migrate(bare))[0] == 0
    await check_database(_url(bare, NAME))
    foreign = """
        SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
        AND pg_get_userbyid(relowner) <> 'temporal'
        UNION SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        AND pg_get_userbyid(proowner) <> 'temporal'"""
    assert await _say(bare, foreign, database="temporal") == []


async def test_who_was_granted_nothing_is_told_the_remedy(postgres: Postgres) -> None:
    await _say(postgres, "CREATE ROLE stranger LOGIN", f"GRANT CONNECT ON DATABASE {DATABASE} TO stranger")
    with pytest.raises(SchemaError, match="let their owner run `followup migrate --grant stranger`"):
        await check_database(_url(postgres, "stranger"))
    await _say(postgres, f"REVOKE CONNECT ON DATABASE {DATABASE} FROM stranger", "DROP ROLE stranger")


@pytest.fixture
async def scene(client: Client, postgres: Postgres) -> AsyncIterator[Scene]:
    async with open_scene(client, postgres.url()) as opened:
        yield opened


async def test_a_follow_up_is_sent_stopped_and_forgotten_by_a_role_with_nothing_but_its_grants(scene: Scene) -> None:
    provider, followup = ScriptedProvider(), Command("cli.py", scene)
    await scene.enroll(a_sequence(timedelta(0), timedelta(days=1)), a_lead(), a_lead("lead-2"))
    async with scene.worker(provider, sender_gap=timedelta(seconds=1), sender_daily_cap=100):
        await until_page(scene.handle(), "| 1 | sent |")
        for said in (
            "suppress add somebody@example.test --note asked",
            f"pause {scene.instance()}",
            f"resume {scene.instance()}",
            f"stop {scene.instance('lead-2')} --note enough",
            "forget lead-1 --yes",
        ):
            ran = await followup(*said.split())
            assert ran.code == 0, (said, ran)
        await scene.handle().result()
        await scene.handle("lead-2").result()
    for said in ("doctor", "audit", "list", "tasks", "stats", f"show {scene.instance()}", "export lead-1"):
        ran = await followup(*said.split())
        assert ran.code == 0, (said, ran)
    assert (await assert_counted(scene))["sent"] >= 1


_FORBIDDEN = [
    "ALTER TABLE drafts DISABLE TRIGGER guard_draft",
    "ALTER TABLE ledger DISABLE TRIGGER ALL",
    "ALTER TABLE drafts DROP CONSTRAINT uq_drafts_instance_id_step_channel",
    "ALTER TABLE drafts OWNER TO followup_app",
    "ALTER FUNCTION guard_draft() RESET search_path",
    "CREATE OR REPLACE FUNCTION guard_kept() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$",
    "CREATE TRIGGER mine BEFORE INSERT ON ledger EXECUTE FUNCTION guard_kept()",
    "CREATE TABLE mine (id int)",
    "CREATE TEMPORARY TABLE ledger (LIKE public.ledger)",
    "CREATE SCHEMA mine",
    "DROP TRIGGER guard_draft ON drafts",
    "DROP FUNCTION guard_draft() CASCADE",
    "DROP TABLE ledger",
    "DROP INDEX uq_drafts_in_flight",
    "DELETE FROM drafts",
    "DELETE FROM instances",
    "DELETE FROM ledger",
    "DELETE FROM stops",
    "TRUNCATE ledger",
    "TRUNCATE drafts CASCADE",
    "UPDATE ledger SET who = 'nobody'",
    "UPDATE ledger SET why = 'nothing', at = now()",
    "UPDATE sequence_versions SET definition = '{}'",
    "UPDATE link_keys SET secret = ''",
    "UPDATE compatibility SET oldest = '0001'",
    "UPDATE alembic_version SET version_num = '0001'",
    "SET session_replication_role = replica",
    "SET ROLE followup_owner",
    "SET SESSION AUTHORIZATION postgres",
    "ALTER ROLE followup_app SUPERUSER",
    "ALTER ROLE followup_owner PASSWORD 'mine'",
    "GRANT followup_owner TO followup_app",
    "COPY ledger TO PROGRAM 'cat'",
]


@pytest.mark.parametrize("statement", _FORBIDDEN)
async def test_the_application_can_not(scene: Scene, statement: str) -> None:
    async with scene.engine.connect() as connection:
        before = await _say_of_privileges(scene)
        with pytest.raises(DBAPIError, match=r"permission denied|must be owner|[Oo]nly roles|must be able to SET ROLE"):
            await connection.exec_driver_sql(statement)
        await connection.rollback()
        assert await _say_of_privileges(scene) == before


async def _say_of_privileges(scene: Scene) -> list[object]:
    return [tuple(row) for row in await scene.rows("SELECT relname, relacl::text, relowner FROM pg_class ORDER BY 1")]


async def test_the_words_of_the_ledger_are_kept_by_its_trigger(scene: Scene) -> None:
    await scene.enroll(a_sequence(timedelta(days=1)), a_lead("kept"))
    async with scene.engine.connect() as connection:
        with pytest.raises(DBAPIError, match="ledger is kept"):
            await connection.exec_driver_sql("UPDATE ledger SET why = ''")
    await scene.handle("kept").terminate()


async def test_who_reads_sees_everything_but_the_key_of_the_links_and_changes_nothing(
    scene: Scene, postgres: Postgres
) -> None:
    assert (await _migrate(postgres, "--grant-read", READS))[1].endswith(f"{READS} may read\n")
    await scene.enroll(a_sequence(timedelta(days=1)), a_lead("read"))
    reading = Command("cli.py", scene)
    for words in (("list",), ("show", scene.instance("read")), ("stats",), ("audit",)):
        ran = await reading(*words, FOLLOWUP_DATABASE_URL=_url(postgres, READS))
        assert ran.code == 0, (words, ran)
    engine = open_engine(_url(postgres, READS))
    for statement in ("SELECT * FROM link_keys", "UPDATE leads SET name = ''", "INSERT INTO ledger DEFAULT VALUES"):
        async with engine.connect() as connection:
            with pytest.raises(DBAPIError, match="permission denied"):
                await connection.exec_driver_sql(statement)
    await engine.dispose()
    await scene.handle("read").terminate()


async def test_what_was_granted_before_by_hand_is_taken_back(postgres: Postgres) -> None:
    await _say(postgres, f"GRANT ALL ON ledger TO {NAME}", f"GRANT UPDATE (who) ON ledger TO {NAME}")
    await grant(_url(postgres, OWNER), NAME, APPLICATION)
    sql = "SELECT has_column_privilege($$, 'ledger', 'who', 'UPDATE'), has_table_privilege($$, 'ledger', 'DELETE')"
    sql = sql.replace("$$", f"'{NAME}'")
    assert await _say(postgres, sql) == [(False, False)]


@pytest.mark.parametrize(
    ("as_", "role", "said"),
    [
        (OWNER, "nobody", "there is no role nobody: check the name, or make it"),
        (OWNER, "public", "there is no role public"),
        (OWNER, SUPERUSER, "postgres is a superuser or may make roles"),
        (OWNER, OWNER, "followup_owner is the tables' owner followup_owner, or a member of it"),
        (NAME, READS, "the tables are followup_owner's: migrate and grant as followup_owner"),
    ],
)
async def test_what_can_not_be_granted_is_said_in_a_sentence(
    postgres: Postgres, as_: str, role: str, said: str
) -> None:
    code, words = await _migrate(postgres, "--grant", role, role=as_)
    assert (code, f"followup: {said}" in words, "Traceback" in words) == (1, True, False), words


@pytest.mark.parametrize(
    ("given", "taken", "said"),
    [
        (
            f"GRANT pg_write_all_data TO {NAME}",
            f"REVOKE pg_write_all_data FROM {NAME}",
            "may DELETE on alembic_version",
        ),
        ("GRANT DELETE ON ledger TO PUBLIC", "REVOKE DELETE ON ledger FROM PUBLIC", "may DELETE on ledger"),
        (f"ALTER ROLE {NAME} CREATEROLE", f"ALTER ROLE {NAME} NOCREATEROLE", "may make roles"),
        (f"GRANT {OWNER} TO {NAME} WITH INHERIT FALSE", f"REVOKE {OWNER} FROM {NAME}", "or a member of it"),
    ],
)
async def test_who_may_more_than_is_granted_is_refused(postgres: Postgres, given: str, taken: str, said: str) -> None:
    await _say(postgres, given)
    with pytest.raises(GrantError, match=said):
        await grant(_url(postgres, OWNER), NAME, APPLICATION)
    await _say(postgres, taken)
    await grant(_url(postgres, OWNER), NAME, APPLICATION)


async def test_every_table_is_granted(postgres: Postgres) -> None:
    tables = {name for (name,) in await _say(postgres, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
    assert tables == APPLICATION.keys() == READER.keys() | {"link_keys"}
