"""Worlds whose PostgreSQL or Temporal is their own, to be killed and brought back."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from devstack.passable import temporary_folder
from devstack.ports import free_ports
from devstack.postgres import DATABASE, Postgres
from devstack.temporal import Temporal
from tests.crash.world import World
from tests.roles import lay_out
from tests.scene import open_scene

_ONE_AT_A_TIME = asyncio.Lock()  # Alembic keeps what it is doing in global variables


@asynccontextmanager
async def own_postgres(world: World) -> AsyncIterator[tuple[World, Postgres]]:
    """The world with a PostgreSQL of its own."""
    with temporary_folder() as folder:
        postgres = Postgres(folder / "postgres", durable=False, port=free_ports([None])[0])
        await postgres.start()
        try:
            url = await postgres.create_database(DATABASE)
            async with _ONE_AT_A_TIME:
                await lay_out(url)
            async with open_scene(world.scene.client, url) as scene:
                own = World(scene, world.office, world.temporal, world.turns)
                async with own.open:
                    yield own, postgres
        finally:
            await postgres.stop()


async def bring_back(postgres: Postgres, world: World) -> None:
    """Start PostgreSQL again, and forget the connections to what it was."""
    await postgres.start()
    await world.scene.engine.dispose()


@asynccontextmanager
async def own_temporal(world: World) -> AsyncIterator[tuple[World, Temporal]]:
    """The world with a Temporal of its own, which keeps what it knows in a file."""
    with tempfile.TemporaryDirectory() as folder:
        port, ui_port = free_ports([None, None])
        temporal = Temporal(Path(folder) / "temporal", in_memory=False, port=port, ui_port=ui_port)
        await temporal.start()
        try:
            client = await Client.connect(temporal.address, data_converter=pydantic_data_converter)
            async with open_scene(client, world.scene.database_url) as scene:
                own = World(scene, world.office, temporal.address, world.turns)
                async with own.open:
                    yield own, temporal
        finally:
            await temporal.kill()
