"""Alembic's entry: one transaction, one migrator at a time."""

from alembic import context
from sqlalchemy import NullPool, create_engine

from store.engine import session_options
from store.schema import one_migrator
from store.tables import Base

# A migration waits for whoever uses a table, and rewrites tables of millions
_PATIENT = session_options(statement_timeout="0", lock_timeout="0")


def _run() -> None:
    # a migration that fails must leave no connection open behind it, so nothing is kept for later
    engine = create_engine(
        context.config.attributes["database_url"], poolclass=NullPool, connect_args={"options": _PATIENT}
    )
    with engine.connect() as connection:
        context.configure(connection=connection, target_metadata=Base.metadata, compare_server_default=True)
        with context.begin_transaction():
            connection.execute(one_migrator())
            context.run_migrations()


_run()
