"""What a follow-up waits for: its wait, a window, a gap, a back-off, and when it is late, a person."""

from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.api.workflowservice.v1 import CountWorkflowExecutionsRequest
from temporalio.client import WorkflowHandle

from domain.outcome import NotSent
from domain.schedule import FIRST_BACK_OFF
from domain.step import Ending, FollowUp
from providers.scripted import ScriptedProvider
from tests.scene import Scene, a_lead, a_sequence
from tests.whole.looking import events, until, until_page
from workflows.search_attributes import LEAD, REASON, SEQUENCE, STATUS, WORKSPACE

_SECOND = timedelta(seconds=1)
_AT_ONCE = timedelta(0)


async def test_a_wait_is_one_timer_of_its_length_and_no_wait_is_none(scene: Scene) -> None:
    async with scene.worker(ScriptedProvider()):
        await scene.enroll(a_sequence(_AT_ONCE, _SECOND, _AT_ONCE), a_lead())
        await scene.handle().result()
    first, second, third = await scene.rows("SELECT sent_at FROM drafts ORDER BY step")
    timers = [event for event in await events(scene.handle()) if event.HasField("timer_started_event_attributes")]
    [timer] = [event.timer_started_event_attributes.start_to_fire_timeout.ToTimedelta() for event in timers]
    assert timedelta(0) < timer <= _SECOND
    assert second.sent_at - first.sent_at >= _SECOND
    assert third.sent_at >= second.sent_at


async def test_the_first_wait_counts_from_the_enrolment(scene: Scene) -> None:
    provider = ScriptedProvider()
    async with scene.worker(provider):
        await scene.enroll(a_sequence(timedelta(hours=1)), a_lead())
        shown = await until_page(scene.handle(), "| 1 | due ")
    [row] = await scene.rows("SELECT enrolled_at, until FROM instances")
    assert row.until - row.enrolled_at == timedelta(hours=1)
    assert f"due {row.until:%Y-%m-%d %H:%M:%S} UTC" in shown
    assert provider.begun == []


async def test_a_completed_follow_up_says_so_in_the_store_and_in_its_search_attributes(scene: Scene) -> None:
    async with scene.worker(ScriptedProvider()):
        await scene.enroll(a_sequence(), a_lead())
        await scene.handle().result()
    found = (await scene.handle().describe()).typed_search_attributes
    assert [found[key] for key in (STATUS, REASON)] == ["completed", "none"] == list(await scene.status())
    assert [found[key] for key in (SEQUENCE, WORKSPACE, LEAD)] == ["no-reply", scene.workspace, "lead-1"]


async def test_people_find_paused_follow_ups_by_status_and_workspace(scene: Scene) -> None:
    async with scene.worker(ScriptedProvider()):
        await scene.enroll(a_sequence(timedelta(hours=1)), a_lead(), a_lead("lead-2"))
        await scene.handle().execute_update("pause")
    query = f"{STATUS.name} = 'paused' AND {REASON.name} = 'operator' AND {WORKSPACE.name} = '{scene.workspace}'"

    async def found() -> bool:  # what Temporal lists lags behind what is
        request = CountWorkflowExecutionsRequest(namespace=scene.client.namespace, query=query)
        return (await scene.client.workflow_service.count_workflow_executions(request)).count == 1

    await until(found)


async def test_what_was_not_sent_is_held_until_a_back_off_and_tried_again_with_the_same_bytes(scene: Scene) -> None:
    first = ScriptedProvider(lambda _: NotSent(code="greylisted"))
    async with scene.worker(first):
        await scene.enroll(a_sequence(_AT_ONCE), a_lead())
        shown = await until_page(scene.handle(), "**held** (not_sent)")
    [row] = await scene.rows("SELECT status, until, why FROM instances")
    assert (row.status, row.why) == ("held", "step 1: not_sent greylisted")
    assert timedelta(0) < row.until - datetime.now(UTC) <= FIRST_BACK_OFF
    assert f"held until {row.until:%Y-%m-%d %H:%M:%S} UTC: not_sent" in shown
    second = ScriptedProvider()
    async with scene.worker(second):
        await scene.handle().execute_update("pause")  # a person need not wait for the back-off
        await scene.handle().execute_update("resume")
        await scene.handle().result()
    assert first.begun == second.sent
    assert await scene.states() == ["sent"]


async def test_a_hold_ends_by_itself_and_the_gap_of_the_thread_is_kept(scene: Scene) -> None:
    async with scene.worker(ScriptedProvider()):
        await scene.enroll(a_sequence(_AT_ONCE, _AT_ONCE, min_gap=_SECOND), a_lead())
        ending = await scene.handle().result()
    first, second = await scene.rows("SELECT sent_at FROM drafts ORDER BY step")
    assert second.sent_at - first.sent_at >= _SECOND
    assert ("held", "step 2: minimum_gap") in [(entry.to_state, entry.why) for entry in await scene.ledger()]
    assert ending.status == "completed"


async def test_a_window_holds_the_step_until_it_opens(scene: Scene) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    window = {"days": f"{tomorrow:%a}", "from": "09:00", "to": "17:00"}
    provider = ScriptedProvider()
    async with scene.worker(provider):
        await scene.enroll(a_sequence(_AT_ONCE, window=window), a_lead())
        await until_page(scene.handle(), f"held until {tomorrow:%Y-%m-%d} 09:00:00 UTC: outside_window")
    assert (await scene.status(), provider.begun) == (("held", "outside_window"), [])


async def _start_late(scene: Scene, by: timedelta) -> WorkflowHandle[Any, Ending]:
    """Begin a follow-up whose first step fell due a while ago, as after a long outage."""
    await scene.enroll(a_sequence(_AT_ONCE), a_lead())
    await scene.handle().terminate()
    late = FollowUp(instance_id=scene.instance(), steps=1, first_due_at=datetime.now(UTC) - by)
    return await scene.start_by_hand("lead-1", late)


async def test_an_expired_step_waits_for_a_person_and_resume_sends_it(scene: Scene) -> None:
    provider = ScriptedProvider()
    handle = await _start_late(scene, by=timedelta(days=8))
    async with scene.worker(provider):
        await until_page(handle, "**paused** (expired)")
        assert (await scene.status(), provider.begun) == (("paused", "expired"), [])
        await handle.execute_update("resume")
        assert (await handle.result()).status == "completed"
    assert len(provider.sent) == 1


async def test_a_step_less_late_than_its_expiry_is_sent(scene: Scene) -> None:
    handle = await _start_late(scene, by=timedelta(days=6))
    async with scene.worker(ScriptedProvider()):
        assert (await handle.result()).status == "completed"


async def test_a_step_that_is_held_past_its_expiry_waits_for_a_person(scene: Scene) -> None:
    step = {"wait": _AT_ONCE, "body": "Hello", "expires_after": _SECOND}
    provider = ScriptedProvider()
    async with scene.worker(provider):
        await scene.enroll(a_sequence(min_gap=2 * _SECOND, steps=[step | {"subject": "Hello"}, step]), a_lead())
        await until_page(scene.handle(), "**paused** (expired), step 2 of 2")
    assert len(provider.sent) == 1
