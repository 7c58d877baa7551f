"""A deploy: the previous release's worker goes on while the schema is migrated under it, and hands over to today's."""

import asyncio
import signal
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.client import Client

from devstack.stack import Devstack
from providers.choose import open_provider
from tests.counted import assert_counted
from tests.crash.post_office import Place, PostOffice
from tests.crash.process import PATIENCE
from tests.deploy.previous import Previous
from tests.roles import as_owner, lay_out
from tests.scene import SEND_TIMEOUT, Scene, a_lead, a_sequence, open_scene
from tests.store.worst import set_defaults

_SEQUENCE = """
name: no-reply
steps:
  - {wait: 0s, subject: "Following up, {{ name }}", body: "Hello {{ name }}"}
  - {wait: 0s, body: "Hello again {{ name }}"}
"""
_LEADS = "lead_id,email,name,timezone\nlead-1,lead-1@example.test,Grace,UTC\n"


@pytest.fixture
async def scene(stack: Devstack, client: Client) -> AsyncIterator[Scene]:
    """A scene whose database has no schema yet."""
    name = f"test_{uuid.uuid4().hex}"
    url = await stack.postgres.create_database(name)
    # the release before took its server's word for these
    await set_defaults(url, {"DateStyle": "ISO", "default_transaction_isolation": "read committed"})
    async with open_scene(client, url) as opened:
        yield opened
    await stack.postgres.drop_database(name)


@pytest.fixture
async def office() -> AsyncIterator[PostOffice]:
    async with PostOffice() as opened:
        yield opened


@pytest.fixture
def previous(tmp_path: Path, stack: Devstack, scene: Scene, office: PostOffice) -> Previous:
    settings = {
        "FOLLOWUP_DATABASE_URL": as_owner(scene.database_url),  # there was no other role
        "FOLLOWUP_SMTP_URL": office.url,
        "FOLLOWUP_SENDER": "Ada Lovelace <ada@example.test>",
        "FOLLOWUP_TASK_QUEUE": scene.task_queue,
        "FOLLOWUP_WORKSPACE": scene.workspace,
        "TEMPORAL_ADDRESS": stack.temporal.address,
    }
    return Previous(tmp_path, settings)


async def test_the_previous_worker_goes_on_through_the_migration_and_hands_over_with_every_step_sent_once(
    scene: Scene, office: PostOffice, previous: Previous
) -> None:
    async with asyncio.timeout(PATIENCE.total_seconds()):
        await _deploy(scene, office, previous)
    assert set(office.received().values()) == {1}
    assert len(office.accepted) == 2 + 3
    assert await assert_counted(scene) == {"sent": 2 + 3}
    sent = {entry.step: entry.who for entry in await scene.ledger("lead-2") if entry.to_state == "sent"}
    assert len(sent) == 3
    assert len(set(sent.values())) == 2, "each of the two workers sent something of it"


async def _deploy(scene: Scene, office: PostOffice, previous: Previous) -> None:
    await previous.migrate(as_owner(scene.database_url))
    await previous.enroll(_SEQUENCE, _LEADS)
    sending = office.stand_at(Place.REPLY)
    old = await previous.worker()
    try:
        await sending.reached.wait()
        await lay_out(as_owner(scene.database_url))
        office.go_on()
        await scene.handle("lead-1").result()  # claimed on one schema, recorded on the next

        sending = office.stand_at(Place.REPLY)
        await scene.enroll(a_sequence(), a_lead("lead-2"))
        await sending.reached.wait()
        old.signal(signal.SIGTERM)
        await old.said("draining")
        provider = open_provider("smtp", office.url, SEND_TIMEOUT)
        async with scene.worker(provider):
            office.go_on()
            assert await old.exit_code() == 0
            await scene.handle("lead-2").result()
        await provider.close()
    finally:
        await old.end()
