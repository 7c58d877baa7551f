"""The role that the application runs as in tests, as in docker-compose.yml: with its grants alone.

It may become the owner, for what tests do by hand: it inherits nothing from that, so it has to say so.
"""

from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection

from devstack.postgres import SUPERUSER
from store.engine import open_engine
from store.grants import APPLICATION, grant
from store.schema import migrate

NAME = "followup_app"
# From here to the end of the transaction, or to the second, a session does what its owner might do by hand.
AS_OWNER = f"SET LOCAL ROLE {SUPERUSER}"
AS_BEFORE = "SET LOCAL ROLE NONE"
_MAKE = f"""
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{NAME}') THEN CREATE ROLE {NAME} LOGIN NOINHERIT; END IF;
  REVOKE {SUPERUSER} FROM {NAME};
END $$"""  # noqa: S608  # ours


def as_application(database_url: str) -> str:
    """Where the application reaches a database."""
    return make_url(database_url).set(username=NAME).render_as_string(hide_password=False)


def as_owner(database_url: str) -> str:
    """Where its owner does."""
    return make_url(database_url).set(username=SUPERUSER).render_as_string(hide_password=False)


async def without_guards(connection: AsyncConnection) -> None:
    """Let the rest of a transaction go by without triggers and foreign keys, as their owner."""
    await connection.execute(text(AS_OWNER))
    await connection.execute(text("SET LOCAL session_replication_role = replica"))


async def lay_out(database_url: str) -> None:
    """Make the schema, and grant the application what it needs of it."""
    await migrate(database_url)
    await _as_owner(database_url, _MAKE)
    await grant(database_url, NAME, APPLICATION)
    await _as_owner(database_url, f"GRANT {SUPERUSER} TO {NAME}")


async def _as_owner(database_url: str, statement: str) -> None:
    engine = open_engine(database_url, connections=1)
    async with engine.begin() as connection:
        await connection.execute(text(statement))
    await engine.dispose()
