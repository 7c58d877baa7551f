"""Whether what PostgreSQL has committed survives a crash: a claim that is forgotten is a message sent twice."""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

# Servers of tests say so of themselves: their data are thrown away, and so may be lost.
DISPOSABLE = "followup.disposable"
_SETTINGS = text(
    f"""
    SELECT current_setting('server_version') AS server_version, current_setting('fsync') AS fsync,
           current_setting('full_page_writes') AS full_page_writes,
           current_setting('synchronous_commit') AS synchronous_commit,
           current_setting('transaction_isolation') AS transaction_isolation,
           current_setting('statement_timeout') AS statement_timeout, current_setting('lock_timeout') AS lock_timeout,
           current_setting('idle_in_transaction_session_timeout') AS idle_in_transaction_session_timeout,
           current_setting('TimeZone') AS timezone,
           current_setting('{DISPOSABLE}', true) = 'on' AS disposable
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseSettings:
    """What a session of ours has, by PostgreSQL's own names and units."""

    server_version: str
    fsync: str
    full_page_writes: str
    synchronous_commit: str
    transaction_isolation: str
    statement_timeout: str
    lock_timeout: str
    idle_in_transaction_session_timeout: str
    timezone: str
    disposable: bool

    @property
    def problems(self) -> list[str]:
        """What must not be, in a sentence each with its remedy."""
        off = [name for name in ("fsync", "full_page_writes") if getattr(self, name) == "off"]
        if self.disposable:
            return []
        return [
            f"{name} is off in PostgreSQL: a crash of the machine may lose a claim, and its message is sent again; "
            f"set {name} = on in postgresql.conf and reload"
            for name in off
        ]


async def read_database_settings(connection: AsyncConnection) -> DatabaseSettings:
    """Read the settings of a session."""
    row = (await connection.execute(_SETTINGS)).mappings().one()
    return DatabaseSettings(**{**row, "disposable": bool(row["disposable"])})
