"""Alembic's migrations: expand first, contract in a later release, so that the previous worker still runs."""
