"""The connection to PostgreSQL: one engine a process, short transactions, and what counts as "it is down".

What the code relies on is set for each session, so that no default of a database, a role or a server changes it.
"""

from datetime import timedelta
from typing import Any

from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

# No statement of ours takes a second on tables of millions; one that takes this long waits for a lock that is stuck.
_STATEMENT_TIMEOUT = timedelta(seconds=30)
# Transactions hold their locks for milliseconds. Whoever waits for seconds waits behind a process that is stuck, and
# does better to let go of its connection and to be tried again.
_LOCK_TIMEOUT = timedelta(seconds=5)
# No transaction of ours waits for anything but PostgreSQL; one that is idle for so long has lost its process.
_IDLE_TIMEOUT = timedelta(seconds=60)
_CONNECT_TIMEOUT = timedelta(seconds=5)


def _milliseconds(duration: timedelta) -> str:
    return str(int(duration.total_seconds() * 1000))


# As a session has them, whatever the defaults are.
PINNED = {
    "statement_timeout": _milliseconds(_STATEMENT_TIMEOUT),
    "lock_timeout": _milliseconds(_LOCK_TIMEOUT),
    "idle_in_transaction_session_timeout": _milliseconds(_IDLE_TIMEOUT),
    # Facts are read in a statement after the lock was granted, and must be those that are committed by then.
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    "TimeZone": "UTC",
    "DateStyle": "ISO",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "standard_conforming_strings": "on",
}
# A claim is on disk before its provider call begins. `remote_apply` is stronger than `on`, and stays.
_DURABLE_COMMITS = """
SELECT set_config('synchronous_commit', 'on', false)
WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply')
"""


def session_options(**changed: str) -> str:
    """Write what a session begins with as libpq's `options`; `changed` goes over what is pinned."""
    escaped = ((name, value.replace(" ", r"\ ")) for name, value in {**PINNED, **changed}.items())
    return " ".join(f"-c {name}={value}" for name, value in escaped)


def open_engine(database_url: str, connections: int = 10) -> AsyncEngine:
    """Open the engine of a process; connects when first used. `connections` is the most it holds."""
    engine = create_async_engine(
        database_url,
        hide_parameters=True,  # they are of leads: no error and no log quotes them
        pool_size=connections,
        max_overflow=0,
        isolation_level="READ COMMITTED",
        connect_args={"connect_timeout": int(_CONNECT_TIMEOUT.total_seconds()), "options": session_options()},
    )
    event.listen(engine.sync_engine, "connect", _pin_commits)
    return engine


def _pin_commits(connection: Any, _: Any) -> None:
    cursor = connection.cursor()
    cursor.execute(_DURABLE_COMMITS)
    cursor.close()
    connection.commit()


def is_down(error: BaseException) -> bool:
    """Say whether an error means that PostgreSQL could not be reached or went away, so that asking again may help."""
    if isinstance(error, (PoolTimeoutError, InterfaceError, OperationalError)):
        return True
    return isinstance(error, DBAPIError) and error.connection_invalidated
