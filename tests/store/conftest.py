"""Engines on databases of tests."""

import uuid
from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from devstack.stack import Devstack
from store.engine import open_engine


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """An engine on the test's own database."""
    opened = open_engine(database_url)
    yield opened
    await opened.dispose()


@pytest.fixture(scope="module")
async def module_url(stack: Devstack, template_database: str) -> AsyncIterator[str]:
    """A database for all tests of a file."""
    name = f"test_{uuid.uuid4().hex}"
    yield await stack.postgres.create_database(name, template=template_database)
    await stack.postgres.drop_database(name)


@pytest.fixture(scope="module")
async def module_engine(module_url: str) -> AsyncIterator[AsyncEngine]:
    """An engine on the file's database."""
    opened = open_engine(module_url)
    yield opened
    await opened.dispose()


@pytest.fixture
async def connection(module_engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A transaction on the file's database, of which nothing stays."""
    async with module_engine.connect() as opened:
        yield opened
        await opened.rollback()
