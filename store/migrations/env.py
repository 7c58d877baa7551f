"""Alembic's entry: one transaction, one migrator at a time."""

from alembic import context
from sqlalchemy import NullPool, create_engine, text

from store.engine import session_options
from store.tables import Base

# A migration waits for whoever uses a table, and rewrites tables of millions
_PATIENT = session_options(statement_timeout="0", lock_timeout="0")
# any number will do, as long as every migrator locks the same one
_ONE_MIGRATOR = 7_246_391


def _run() -> None:
    # a migration that fails must leave no connection open behind it, so nothing is kept for later
    engine = create_engine(
        context.config.attributes["database_url"], poolclass=NullPool, connect_args={"options": _PATIENT}
    )
    with engine.connect() as connection:
        context.configure(connection=connection, target_metadata=Base.metadata, compare_server_default=True)
        with context.begin_transaction():
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ONE_MIGRATOR})
            context.run_migrations()


_run()
