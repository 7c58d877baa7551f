"""Temporal restored to an older point under a newer PostgreSQL: it asks again, and nothing is sent again."""

import shutil
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from devstack.ports import free_ports
from devstack.temporal import Temporal
from domain.outcome import Sent, Unknown
from providers.scripted import ScriptedProvider
from tests.counted import assert_counted
from tests.scene import a_lead, a_sequence, open_scene
from tests.whole.looking import until_page

_AT_ONCE, _LATER = timedelta(0), timedelta(days=1)


@pytest.fixture
async def temporal(home: Path) -> AsyncIterator[Temporal]:
    """A Temporal of this test alone, which keeps its state in a file."""
    port, ui_port = free_ports([None, None])
    running = Temporal(home / "temporal", in_memory=False, port=port, ui_port=ui_port)
    await running.start()
    yield running
    await running.kill()


async def test_a_temporal_that_is_restored_repeats_its_steps_and_sends_none_again(
    temporal: Temporal, home: Path, database_url: str
) -> None:
    client = await Client.connect(temporal.address, data_converter=pydantic_data_converter)
    provider = ScriptedProvider(
        lambda letter: Unknown(code="cut") if "lead-2" in letter.draft_id else Sent(code="taken")
    )
    async with open_scene(client, database_url) as scene:
        await scene.enroll(a_sequence(_AT_ONCE, _AT_ONCE, _LATER), a_lead("lead-1"), a_lead("lead-2"))
        await temporal.stop()
        shutil.copytree(home / "temporal", home / "backup")
        await temporal.start()
        async with scene.worker(provider):
            shown = await until_page(scene.handle("lead-1"), "| 3 | due")
            await until_page(scene.handle("lead-2"), "**paused** (send_outcome_unknown)")
        ledger = await scene.ledger("lead-1")

        await temporal.kill()
        shutil.rmtree(home / "temporal")
        (home / "backup").rename(home / "temporal")
        await temporal.start()
        assert len((await scene.handle("lead-1").fetch_history()).events) < 4, "it has forgotten what it did"
        async with scene.worker(provider):
            assert await until_page(scene.handle("lead-1"), "| 3 | due") == shown
            await until_page(scene.handle("lead-2"), "**paused** (send_outcome_unknown)")
        assert sorted(letter.draft_id.split(":", 2)[2] for letter in provider.sent) == [
            "lead-1/1/email",
            "lead-1/2/email",
            "lead-2/1/email",
        ]
        assert await scene.ledger("lead-1") == ledger
        assert await assert_counted(scene) == {"sent": 2, "unknown": 1, "pending": 3}
