"""Everything else by which Temporal makes a step run again: the provider sees no second message (I1, I2, I9)."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import text
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from devstack.ports import free_ports
from devstack.temporal import Temporal
from domain.outcome import Unknown
from domain.step import FollowUp
from intake.enrolment import RowResult
from providers.scripted import Halt, ScriptedProvider
from tests.scene import Scene, a_lead, a_sequence, open_scene
from tests.whole.breakage import find, lose, waiting_for_us
from tests.whole.commands import allow_attempts, pause_activity, running_activity, unpause_activity
from tests.whole.looking import count, until, until_page

_ONCE_EACH = ["1/email", "2/email", "3/email"]


def _ids(provider: ScriptedProvider) -> list[str]:
    return [letter.draft_id[-7:] for letter in provider.sent]


def _again(scene: Scene) -> FollowUp:
    return FollowUp(instance_id=scene.instance(), steps=3, first_due_at=datetime.now(UTC))


async def test_a_second_start_after_completion_sends_nothing(scene: Scene) -> None:
    provider = ScriptedProvider()
    async with scene.worker(provider):
        await scene.enroll(a_sequence(), a_lead())
        await scene.handle().result()
        before = await scene.ledger()
        again = await scene.start_by_hand("lead-1", _again(scene))
        assert (await again.result()).status == "completed"
    assert (_ids(provider), await scene.ledger()) == (_ONCE_EACH, before)


async def test_an_enroller_that_never_heard_of_the_start_begins_no_second_run_of_what_has_ended(scene: Scene) -> None:
    provider = ScriptedProvider()
    async with scene.worker(provider):
        await scene.enroll(a_sequence(), a_lead())
        await scene.handle().result()
        first = (await scene.handle().describe()).run_id
        async with scene.engine.begin() as connection:
            await connection.execute(text("UPDATE instances SET started_at = NULL"))
        await scene.enroll(a_sequence(), a_lead())
        assert (await scene.handle().describe()).run_id == first
    assert [row.known for row in await scene.rows("SELECT started_at IS NOT NULL AS known FROM instances")] == [True]
    assert _ids(provider) == _ONCE_EACH


async def test_a_start_after_temporal_has_forgotten_the_first_sends_nothing(database_url: str, home: Path) -> None:
    provider = ScriptedProvider()
    port, ui_port = free_ports([None, None])
    temporal = Temporal(home, in_memory=True, port=port, ui_port=ui_port)
    for _ in range(2):
        await temporal.start()
        client = await Client.connect(temporal.address, data_converter=pydantic_data_converter)
        async with open_scene(client, database_url) as scene:
            scene.workspace = "forgotten"
            [enrolled] = await scene.enroll(a_sequence(), a_lead())
            if enrolled.answer is RowResult.ALREADY_ENROLLED:  # then the starter starts nothing, but a person may
                await scene.start_by_hand("lead-1", _again(scene))
            async with scene.worker(provider):
                assert (await scene.handle().result()).status == "completed"
        await temporal.stop()
    assert _ids(provider) == _ONCE_EACH


async def test_a_start_after_a_stop_stays_stopped(scene: Scene) -> None:
    provider = ScriptedProvider()
    async with scene.worker(provider):
        await scene.enroll(a_sequence(), a_lead())
        await scene.handle().signal("stop")
        await scene.handle().result()
        again = await scene.start_by_hand("lead-1", _again(scene))
        ending = await again.result()
    assert (ending.status, ending.reason) == ("stopped", "operator")
    assert await scene.status() == ("stopped", "operator")


async def test_a_start_after_a_termination_goes_on_behind_what_was_sent(scene: Scene) -> None:
    halt = Halt.new()
    provider = ScriptedProvider(after=halt)
    async with scene.worker(provider):
        await scene.enroll(a_sequence(), a_lead())
        await halt.reached.wait()
        await scene.handle().terminate()
        again = await scene.start_by_hand("lead-1", _again(scene))
        await until_page(again, "**held** (draft_already_sending)")
        halt.go.set()
        assert (await again.result()).status == "completed"
    assert (_ids(provider), await scene.states()) == (_ONCE_EACH, ["sent"] * 3)


async def test_a_start_after_a_termination_of_a_paused_one_is_paused_for_the_same_reason(scene: Scene) -> None:
    provider = ScriptedProvider(lambda _: Unknown(code="cut"))
    async with scene.worker(provider):
        await scene.enroll(a_sequence(), a_lead())
        await until_page(scene.handle(), "**paused**")
        await scene.handle().terminate()
        again = await scene.start_by_hand("lead-1", _again(scene))
        await until_page(again, "**paused** (send_outcome_unknown)")
    assert (_ids(provider), await scene.states()) == (["1/email"], ["unknown"])


async def _fail_once(scene: Scene, meddle: Callable[[str], Awaitable[None]]) -> None:
    """Let the first attempt of a step run into a failure, after something was done to its activity meanwhile."""
    async with waiting_for_us(scene) as connection:
        await meddle(await running_activity(scene.handle()))
        await connection.exec_driver_sql("ALTER TABLE leads RENAME TO lost")
    await until(lambda: _failed(scene))
    await find(scene, "leads")


async def test_an_activity_that_is_paused_fails_and_is_unpaused_sends_once(scene: Scene) -> None:
    provider = ScriptedProvider()
    await scene.enroll(a_sequence(timedelta(seconds=1), *[timedelta(0)] * 2), a_lead())
    async with scene.worker(provider):
        await _fail_once(scene, lambda activity: pause_activity(scene.client, scene.handle(), activity))
        await unpause_activity(scene.client, scene.handle(), await running_activity(scene.handle()))
        await scene.handle().result()
    assert _ids(provider) == _ONCE_EACH
    assert await count(scene.handle(), EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED) == 4


async def test_an_activity_that_may_be_tried_three_times_and_fails_sends_once(scene: Scene) -> None:
    provider = ScriptedProvider()
    await scene.enroll(a_sequence(timedelta(seconds=1), *[timedelta(0)] * 2), a_lead())
    async with scene.worker(provider):
        await _fail_once(scene, lambda activity: allow_attempts(scene.client, scene.handle(), activity, 3))
        await scene.handle().result()
    assert _ids(provider) == _ONCE_EACH
    assert await count(scene.handle(), EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED) == 4


async def _failed(scene: Scene) -> bool:
    pending = (await scene.handle().describe()).raw_description.pending_activities
    return any(one.HasField("last_failure") for one in pending)


async def test_an_answer_that_can_not_be_recorded_is_kept_and_recorded_once_it_can(scene: Scene) -> None:
    halt = Halt.new()
    provider = ScriptedProvider(after=halt)
    async with scene.worker(provider):
        await scene.enroll(a_sequence(), a_lead())
        await halt.reached.wait()
        await lose(scene, "drafts")
        halt.go.set()
        await until(lambda: _failed(scene))
        assert await count(scene.handle(), EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED) == 1
        await find(scene, "drafts")
        await scene.handle().result()
    assert (_ids(provider), await scene.states()) == (_ONCE_EACH, ["sent"] * 3)
