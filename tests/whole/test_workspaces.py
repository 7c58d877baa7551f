"""Workspaces on one database and one Temporal: nothing of one acts for another."""

from datetime import timedelta

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from providers.scripted import ScriptedProvider
from settings import Settings
from tests.replaying import assert_replays
from tests.scene import a_lead, a_sequence, open_scene
from tests.whole.looking import count, until


def _queue(workspace: str) -> str:
    settings = {"database_url": "postgresql+psycopg://", "sender": "ada@example.test", "workspace": workspace}
    return Settings.model_validate(settings).task_queue


def test_each_workspace_has_a_task_queue_of_its_own_by_default() -> None:
    assert (_queue("default"), _queue("tenant-b")) == ("follow-up", "follow-up-tenant-b")


async def test_a_worker_of_another_workspace_sends_nothing_though_it_polls_the_same_task_queue(
    client: Client, database_url: str
) -> None:
    async with open_scene(client, database_url) as ours, open_scene(client, database_url) as theirs:
        theirs.task_queue = ours.task_queue
        by_us, by_them = ScriptedProvider(), ScriptedProvider()
        await ours.enroll(a_sequence(timedelta(0)), a_lead())

        async def refused() -> bool:
            return await count(ours.handle(), EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED) > 0

        async with theirs.worker(by_them, sender="Bob <bob@example.test>"):
            await until(refused)
        assert (by_them.begun, await ours.states()) == ([], [])
        async with ours.worker(by_us):
            await ours.handle().result()
        assert [message.sender for message in by_us.sent] == ["ada@example.test"]
        await assert_replays(ours)
