"""The worlds of the stories, opened beside each other."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from temporalio.client import Client

from devstack.stack import Devstack
from tests.crash.post_office import PostOffice
from tests.crash.side_by_side import SideBySide, Story, story_of
from tests.crash.world import World
from tests.scene import open_scene

# Workers that start at the same time: each costs seconds of a processor, and more would only slow each other down.
_STARTS_AT_ONCE = 3


# They wait longest, so they begin first: for a claim to be overdue, for a lost activity, for a missed heartbeat.
_LONGEST = ("test_suspended", "test_outages", "test_killed")


@pytest.fixture(scope="session")
async def stories(
    request: pytest.FixtureRequest, stack: Devstack, client: Client, template_database: str
) -> AsyncIterator[SideBySide]:
    """All selected stories, under way."""
    turns, copying = asyncio.Semaphore(_STARTS_AT_ONCE), asyncio.Lock()

    @asynccontextmanager
    async def open_world(_: str) -> AsyncIterator[World]:
        name = f"crash_{uuid.uuid4().hex}"
        async with copying:
            url = await stack.postgres.create_database(name, template=template_database)
        try:
            async with open_scene(client, url) as scene, PostOffice() as office:
                world = World(scene, office, stack.temporal.address, turns)
                async with world.open:
                    yield world
        finally:
            await stack.postgres.drop_database(name)

    selected = [story for item in request.session.items if (story := story_of(item))]
    stories = SideBySide(open_world, sorted(selected, key=_place))
    yield stories
    await stories.stop()


def _place(story: Story) -> int:
    """Say where in the queue a story begins."""
    file = story.__module__.rpartition(".")[2]
    return _LONGEST.index(file) if file in _LONGEST else len(_LONGEST)
