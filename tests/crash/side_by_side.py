"""Slow tests told side by side: most of a crash's time is waiting until Temporal notices, and waits can overlap.

A test marked `@side_by_side` is written as usual, with a `World` of its own. The first of them that runs starts all
that were selected; each then waits for its own end, and fails by its own assertions. Of several processes that share
the suite one has them all (tests/conftest.py), for each sees all tests as selected, and would start them again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any

from tests.crash.world import World

# All begin at once, and a machine that others keep busy takes several times the two minutes that all of them last.
_LONGEST = timedelta(minutes=10)
Story = Callable[[World], Awaitable[None]]
OpenWorld = Callable[[str], AbstractAsyncContextManager[World]]


class SideBySide:
    """The stories of a session, and how each one ended."""

    def __init__(self, open_world: OpenWorld, stories: Iterable[Story]) -> None:
        self._open_world = open_world
        self._told = {story: asyncio.create_task(self._tell(story)) for story in stories}

    async def end_of(self, story: Story) -> None:
        """Wait for the end of a story; raises what it raised."""
        await self._told[story]

    async def stop(self) -> None:
        """Break off what is still being told, and wait until it has cleaned up."""
        for told in self._told.values():
            told.cancel()
        await asyncio.gather(*self._told.values(), return_exceptions=True)

    async def _tell(self, story: Story) -> None:
        # a story that waits for what never comes fails, instead of keeping everybody waiting
        async with self._open_world(story.__name__) as world, asyncio.timeout(_LONGEST.total_seconds()):
            await story(world)


def side_by_side(story: Story) -> Callable[[SideBySide], Awaitable[None]]:
    """Make a test of a story."""

    async def test(stories: SideBySide) -> None:
        await stories.end_of(story)

    # not functools.wraps: pytest would follow `__wrapped__` and ask for the story's own arguments
    test.__name__, test.__qualname__, test.__module__ = story.__name__, story.__qualname__, story.__module__
    vars(test)["story"] = story
    return test


def story_of(item: Any) -> Story | None:
    """Say which story a collected test tells, if any."""
    return getattr(getattr(item, "obj", None), "story", None)
