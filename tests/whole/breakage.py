"""Ways to break the database of a scene for a while, so that its activities fail."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection

from tests.scene import Scene


@asynccontextmanager
async def waiting_for_us(scene: Scene) -> AsyncIterator[AsyncConnection]:
    """Make every activity wait at its first statement until this ends; what is done meanwhile is committed then."""
    async with scene.by_hand() as connection:
        await connection.exec_driver_sql("LOCK TABLE leads")
        yield connection


async def lose(scene: Scene, table: str) -> None:
    """Make every statement on a table fail, at once and not as an outage does."""
    async with scene.by_hand() as connection:
        await connection.exec_driver_sql(f"ALTER TABLE {table} RENAME TO lost")


async def find(scene: Scene, table: str) -> None:
    """Bring back the table that was lost."""
    async with scene.by_hand() as connection:
        await connection.exec_driver_sql(f"ALTER TABLE lost RENAME TO {table}")
