"""Restoring a scene's database to an earlier point, as from a backup; Temporal goes on."""

from sqlalchemy.engine import make_url

from devstack.postgres import Postgres
from tests.scene import Scene


class Backup:
    """A copy of a scene's database. `take` wants no worker to run; `restore` cuts off whoever is connected."""

    def __init__(self, postgres: Postgres, scene: Scene) -> None:
        self._postgres, self._scene = postgres, scene
        self._name = str(make_url(scene.database_url).database)
        self._copy = f"{self._name}_backup"

    async def take(self) -> None:
        """Copy what there is by now."""
        await self._scene.engine.dispose()  # nobody may be connected to what is copied
        await self._postgres.create_database(self._copy, template=self._name)

    async def restore(self) -> None:
        """Put the copy back: what was committed since is forgotten."""
        await self._postgres.drop_database(self._name)
        await self._postgres.create_database(self._name, template=self._copy)
        await self._postgres.drop_database(self._copy)
        await self._scene.engine.dispose()  # what was cut off
