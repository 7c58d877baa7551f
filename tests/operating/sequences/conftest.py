"""An engine on a test's own database."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from store.engine import open_engine


@pytest.fixture
async def engine(application_url: str) -> AsyncIterator[AsyncEngine]:
    opened = open_engine(application_url, connections=10)
    yield opened
    await opened.dispose()
