"""An engine on a test's own database; no test is timed."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import settings
from sqlalchemy.ext.asyncio import AsyncEngine

from store.engine import open_engine

# a busy machine is no reason to fail
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    opened = open_engine(database_url, connections=10)
    yield opened
    await opened.dispose()
