"""A scene, and an app whose door takes mail too."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import settings
from temporalio.client import Client

from tests.app import App
from tests.scene import Scene, open_scene

# no test is timed: a busy machine is no reason to fail
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture
async def scene(client: Client, database_url: str) -> AsyncIterator[Scene]:
    async with open_scene(client, database_url) as opened:
        yield opened


@pytest.fixture
def app(scene: Scene, tmp_path: Path) -> App:
    return App(scene, tmp_path)
