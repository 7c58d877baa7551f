"""The scene of a deploy or a restore."""

from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client

from devstack.stack import Devstack
from tests.deploy.restoring import Backup
from tests.scene import Scene, open_scene


@pytest.fixture
async def scene(client: Client, database_url: str) -> AsyncIterator[Scene]:
    async with open_scene(client, database_url) as opened:
        yield opened


@pytest.fixture
def backup(stack: Devstack, scene: Scene) -> Backup:
    return Backup(stack.postgres, scene)
