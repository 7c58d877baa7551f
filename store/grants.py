"""What a role may do with the tables. Those that run the application and that read can't switch a guard off.

Only the owner of a table can alter it, disable its triggers or drop it, so the owner migrates and does nothing else.
"""

from collections.abc import Mapping

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from store.engine import open_engine
from store.schema import UnfitDatabaseError, one_migrator
from store.tables import Base

# What the statements of `store` need, and no more. Identity columns draw on their sequences without a right to them.
APPLICATION = {
    "alembic_version": "SELECT",
    "compatibility": "SELECT",
    "drafts": "SELECT, INSERT, UPDATE",
    "events": "SELECT, INSERT, UPDATE",
    "evidence": "SELECT, INSERT, UPDATE (settled)",
    "instances": "SELECT, INSERT, UPDATE",
    "lead_addresses": "SELECT, INSERT, DELETE",
    "leads": "SELECT, INSERT, UPDATE",
    "ledger": "SELECT, INSERT, UPDATE (why)",  # whose trigger lets words of people be emptied, to forget somebody
    "link_keys": "SELECT",
    "sender_slots": "SELECT, INSERT, UPDATE, DELETE",
    "sequence_versions": "SELECT, INSERT",
    "stops": "SELECT, INSERT, UPDATE",
    "suppressions": "SELECT, INSERT, UPDATE, DELETE",
    "tasks": "SELECT, INSERT, UPDATE",
}
# Whoever has the key can sign links that unsubscribe people.
READER = dict.fromkeys(sorted({"alembic_version", *Base.metadata.tables} - {"link_keys"}), "SELECT")

_ROLE = text(
    """
    SELECT quote_ident(rolname) AS quoted, rolsuper OR rolcreaterole AS mighty FROM pg_roles WHERE rolname = :role
    """
)
_OURS = text(
    """
    SELECT relname AS name, pg_has_role(relowner, 'USAGE') AS is_ours, pg_get_userbyid(relowner) AS owner,
           pg_has_role(:role, relowner, 'MEMBER') AS is_theirs
    FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' ORDER BY relname
    """
)
_PLACE = text("SELECT quote_ident(current_schema()) AS schema, quote_ident(current_database()) AS database")
# What came to it from elsewhere counts as well: from PUBLIC, or from roles that it is a member of.
_EFFECTIVE = text(
    """
    SELECT relname AS name, privilege
    FROM pg_class, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) privilege
    WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'
      AND has_table_privilege(:role, pg_class.oid, privilege)
    ORDER BY relname, privilege
    """
)
_AROUND = text(
    """
    SELECT has_database_privilege(:role, current_database(), 'CONNECT') AS connects,
           has_schema_privilege(:role, current_schema(), 'USAGE') AS uses,
           has_schema_privilege(:role, current_schema(), 'CREATE') AS creates
    """
)


class GrantError(UnfitDatabaseError):
    """A role can't be given just what it is to have. The message says why, with the remedy."""


async def grant(database_url: str, role: str, grants: Mapping[str, str]) -> None:
    """Let a role do with the tables what `grants` says, and nothing else; what it might do before is taken back.

    Wants the owner's connection. Raises GrantError.
    """
    engine = open_engine(database_url, connections=1)
    try:
        async with engine.begin() as connection:
            await connection.execute(one_migrator())
            quoted = await _check(connection, role)
            schema, database = (await connection.execute(_PLACE)).one()
            for statement in (
                f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {quoted}",
                f"REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC, {quoted}",
                f"GRANT CONNECT ON DATABASE {database} TO {quoted}",
                f"GRANT USAGE ON SCHEMA {schema} TO {quoted}",
                *(f"GRANT {privileges} ON {table} TO {quoted}" for table, privileges in grants.items()),
            ):
                await connection.exec_driver_sql(statement)
            await _check_result(connection, role, grants)
    finally:
        await engine.dispose()


async def _check(connection: AsyncConnection, role: str) -> str:
    """Return the role's name as SQL writes it. Raises GrantError for who must not, or can't, be granted anything."""
    found = (await connection.execute(_ROLE, {"role": role})).one_or_none()
    if found is None:
        raise GrantError(f"there is no role {role}: check the name, or make it (CREATE ROLE … LOGIN PASSWORD …)")
    if found.mighty:
        raise GrantError(f"{role} is a superuser or may make roles, so no guard holds it: grant to a role that is not")
    tables = list(await connection.execute(_OURS, {"role": role}))
    if foreign := [table for table in tables if not table.is_ours]:
        raise GrantError(f"the tables are {foreign[0].owner}'s: migrate and grant as {foreign[0].owner}")
    if owned := [table for table in tables if table.is_theirs]:
        raise GrantError(
            f"{role} is the tables' owner {owned[0].owner}, or a member of it, and could switch the guards off: "
            "grant to another role"
        )
    return str(found.quoted)


async def _check_result(connection: AsyncConnection, role: str, grants: Mapping[str, str]) -> None:
    """Raise GrantError where the owner could not give or take what was needed."""
    may = {(row.name, row.privilege) for row in await connection.execute(_EFFECTIVE, {"role": role})}
    if more := sorted(may - {(table, one) for table, privileges in grants.items() for one in privileges.split(", ")}):
        table, privilege = more[0]
        raise GrantError(
            f"{role} may {privilege} on {table} all the same, through PUBLIC or a role that it is a member of: "
            "revoke that"
        )
    around = (await connection.execute(_AROUND, {"role": role})).one()
    schema, database = (await connection.execute(_PLACE)).one()
    for wrong, statement in (
        (not around.connects, f"GRANT CONNECT ON DATABASE {database} TO {role}"),
        (not around.uses, f"GRANT USAGE ON SCHEMA {schema} TO {role}"),
        (around.creates, f"REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC, {role}"),
    ):
        if wrong:
            raise GrantError(f"only who owns the database and its schema can say: {statement}")
