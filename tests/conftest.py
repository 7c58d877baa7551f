"""The world the tests run in: one devstack for the session, and a database with the schema for each test."""

import time
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from sqlalchemy import update
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from devstack.passable import temporary_folder
from devstack.stack import Devstack
from store.engine import open_engine
from store.tables import LinkKey
from tests.command import Command
from tests.naming import KEY
from tests.replaying import assert_replays
from tests.roles import as_application, lay_out
from tests.scene import Scene, open_scene

TEMPLATE = "followup_template"
# What sessions must not take from their server: whoever forgets to set it fails somewhere in the suite.
_HOSTILE = {
    "synchronous_commit": "off",
    "default_transaction_isolation": "repeatable read",
    "TimeZone": "Pacific/Kiritimati",
    "DateStyle": "SQL, DMY",
}
# no test is timed: a busy machine is no reason to fail
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
async def stack() -> AsyncIterator[Devstack]:
    """A devstack that leaves the usual ports to a `make run` beside it. Whoever takes a part down takes it up again."""
    with temporary_folder() as folder:
        async with Devstack(folder, durable=False, in_memory=True, usual_ports=False) as running:
            await running.postgres.set_defaults(_HOSTILE)
            yield running


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder for a devstack of one's own. Not pytest's: it closes those to the user that root runs PostgreSQL as."""
    with temporary_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def temporal_address(stack: Devstack) -> str:
    """Where Temporal answers, as host:port."""
    return stack.temporal.address


@pytest.fixture(scope="session")
async def client(temporal_address: str) -> Client:
    """A client as the application's processes have it."""
    return await Client.connect(temporal_address, data_converter=pydantic_data_converter)


@pytest.fixture(scope="session")
async def template_database(stack: Devstack) -> str:
    """A database with the schema, made once by the real migrations, to be copied."""
    url = await stack.postgres.create_database(TEMPLATE)
    await lay_out(url)
    engine = open_engine(url, connections=1)
    async with engine.begin() as connection:
        await connection.execute(update(LinkKey).values(secret=KEY))
    await engine.dispose()  # a database that somebody is connected to can't be copied
    return TEMPLATE


@pytest.fixture
async def database_url(stack: Devstack, template_database: str) -> AsyncIterator[str]:
    """A database with the schema and no rows, for this test alone; reached as its owner."""
    name = f"test_{uuid.uuid4().hex}"
    yield await stack.postgres.create_database(name, template=template_database)
    await stack.postgres.drop_database(name)


@pytest.fixture
def application_url(database_url: str) -> str:
    """The same database, reached as the application."""
    return as_application(database_url)


@pytest.fixture
async def scene(client: Client, database_url: str) -> AsyncIterator[Scene]:
    """Follow-ups in a workspace and on a task queue of this test's own; in the end their histories must replay."""
    async with open_scene(client, database_url) as opened:
        yield opened
        await assert_replays(opened)


@pytest.fixture
def followup(scene: Scene) -> Command:
    """`followup`, said in the scene."""
    return Command("cli.py", scene)


# What takes longest is begun first, so that no process is left alone with it at the end. Stories of crashes mostly
# wait, so beside them goes what computes, and what waits comes after.
_LONGEST = (
    "tests/crash/",
    "tests/store/",
    "tests/transactions/",
    "tests/whole/web_ui/",
    "tests/devstack/",
    "tests/proof/",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the suite, file by file."""
    items.sort(key=lambda item: next((at for at, one in enumerate(_LONGEST) if item.nodeid.startswith(one)), 99))


class _ByFile(LoadFileScheduling):  # type: ignore[misc]  # xdist ships no types
    """Gives each process whole files, and one of them all stories of crashes: they are told side by side."""

    def _split_scope(self, nodeid: str) -> str:
        crashes = "tests/crash/"
        return crashes if nodeid.startswith(crashes) else super()._split_scope(nodeid)


@pytest.hookimpl(optionalhook=True)  # it is xdist's, which may be switched off
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling:
    """Share the suite among processes."""
    return _ByFile(config, log)


def pytest_unconfigure() -> None:
    """Give the Temporal SDK's threads time to rest: at once, the interpreter's end now and then aborts (SIGABRT)."""
    time.sleep(0.5)
