"""The connection to PostgreSQL: one engine a process, short transactions, and what counts as "it is down"."""

from datetime import timedelta

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

# No statement of ours takes a second on tables of millions; one that takes this long waits for a lock that is stuck.
_STATEMENT_TIMEOUT = timedelta(seconds=30)
_CONNECT_TIMEOUT = timedelta(seconds=5)


def open_engine(database_url: str, connections: int = 10) -> AsyncEngine:
    """Open the engine of a process; connects when first used. `connections` is the most it holds."""
    return create_async_engine(
        database_url,
        hide_parameters=True,  # they are of leads: no error and no log quotes them
        pool_size=connections,
        max_overflow=0,
        connect_args={
            "connect_timeout": int(_CONNECT_TIMEOUT.total_seconds()),
            "options": f"-c statement_timeout={int(_STATEMENT_TIMEOUT.total_seconds() * 1000)} -c timezone=UTC",
        },
    )


def is_down(error: BaseException) -> bool:
    """Say whether an error means that PostgreSQL could not be reached or went away, so that asking again may help."""
    if isinstance(error, (PoolTimeoutError, InterfaceError, OperationalError)):
        return True
    return isinstance(error, DBAPIError) and error.connection_invalidated
