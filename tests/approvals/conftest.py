"""The scene of a test, and `followup` in it."""

from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client

from tests.command import Command
from tests.scene import Scene, open_scene


@pytest.fixture
async def scene(client: Client, database_url: str) -> AsyncIterator[Scene]:
    async with open_scene(client, database_url) as opened:
        yield opened


@pytest.fixture
def followup(scene: Scene) -> Command:
    return Command("cli.py", scene)
