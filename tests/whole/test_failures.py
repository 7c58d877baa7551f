"""A step that fails by our own fault: tried again, later and later, and then a person should look. In skipped time."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from temporalio.api.enums.v1 import EventType
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from devstack.temporal import binary
from providers.scripted import ScriptedProvider
from tests.scene import Scene, a_lead, a_sequence, open_scene
from tests.whole.looking import count, until_page
from workflows.search_attributes import register

_SKIPPING = ["--dynamic-config-value", "frontend.WorkflowTimeSkippingEnabled=true"]


@pytest.fixture
async def scene(database_url: str) -> AsyncIterator[Scene]:
    """A scene whose workflows do not wait for their timers."""
    environment = await WorkflowEnvironment.start_time_skipping_v2(
        data_converter=pydantic_data_converter,
        dev_server_existing_path=binary(),
        dev_server_extra_args=_SKIPPING,
    )
    async with environment:
        await register(environment.client)
        async with open_scene(environment.client, database_url) as opened:
            yield opened


async def test_a_step_that_fails_five_times_waits_for_a_person_and_goes_on_once_mended(scene: Scene) -> None:
    provider = ScriptedProvider()
    async with scene.by_hand() as connection:
        await connection.execute(text("ALTER TABLE drafts ADD CONSTRAINT never CHECK (recipient = 'nobody')"))
    async with scene.worker(provider):
        await scene.enroll(a_sequence(), a_lead())
        await until_page(scene.handle(), "**paused** (step_failed)")
        failed = await count(scene.handle(), EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED)
        async with scene.by_hand() as connection:
            await connection.execute(text("ALTER TABLE drafts DROP CONSTRAINT never"))
        await scene.handle().execute_update("resume")
        ending = await scene.handle().result()
    assert (failed, ending.status, len(provider.sent)) == (5, "completed", 3)
