"""A database whose defaults are the worst that the code could meet."""

from sqlalchemy import text

from store.engine import open_engine
from tests.roles import as_owner

WORST = {
    "synchronous_commit": "off",
    "default_transaction_isolation": "repeatable read",
    "default_transaction_read_only": "on",
    "default_transaction_deferrable": "on",
    "statement_timeout": "1ms",
    "lock_timeout": "1ms",
    "idle_in_transaction_session_timeout": "1ms",
    "TimeZone": "Pacific/Kiritimati",
    "DateStyle": "SQL, DMY",
    "IntervalStyle": "sql_standard",
    "bytea_output": "escape",
    "standard_conforming_strings": "off",
}


async def set_defaults(database_url: str, defaults: dict[str, str]) -> None:
    """Set what sessions of a database that are opened from now on begin with."""
    engine = open_engine(as_owner(database_url), connections=1)
    name = database_url.rpartition("/")[2]
    async with engine.begin() as connection:
        for setting, value in defaults.items():
            await connection.execute(text(f"ALTER DATABASE \"{name}\" SET {setting} = '{value}'"))
    await engine.dispose()
