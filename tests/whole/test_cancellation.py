"""A cancellation from the Web UI is a stop by an operator: counted, and no begun send is broken off."""

import asyncio
from datetime import timedelta

from temporalio.client import WorkflowExecutionStatus, WorkflowUpdateStage
from temporalio.service import RPCError

from domain.outcome import Unknown
from providers.scripted import Halt, ScriptedProvider
from tests.scene import Scene, a_lead, a_sequence
from tests.whole.looking import Handle, stumbles, until, until_page

_LATER = timedelta(days=1)
_STOPPED = ("stopped", "operator")


async def _ended_well(handle: Handle) -> bool:
    description = await handle.describe()
    return description.status is WorkflowExecutionStatus.COMPLETED and await stumbles(handle) == 0


async def test_cancelling_while_it_waits_stops_it(scene: Scene) -> None:
    provider = ScriptedProvider()
    async with scene.worker(provider):
        await scene.enroll(a_sequence(timedelta(0), _LATER), a_lead())
        await until_page(scene.handle(), "| 1 | sent |")
        await scene.handle().cancel()
        ending = await scene.handle().result()
    assert (ending.status, ending.reason) == await scene.status() == _STOPPED
    assert await _ended_well(scene.handle())
    assert len(provider.sent) == 1


async def test_cancelling_before_a_worker_came_stops_it_unsent(scene: Scene) -> None:
    provider = ScriptedProvider()
    await scene.enroll(a_sequence(), a_lead())
    await scene.handle().cancel()
    async with scene.worker(provider):
        await scene.handle().result()
    assert (await scene.status(), provider.begun) == (_STOPPED, [])


async def test_cancelling_while_it_sends_lets_the_send_finish_and_then_stops(scene: Scene) -> None:
    halt = Halt.new()
    provider = ScriptedProvider(after=halt)
    async with scene.worker(provider):
        await scene.enroll(a_sequence(), a_lead())
        await halt.reached.wait()
        await scene.handle().cancel()
        halt.go.set()
        await scene.handle().result()
    assert (await scene.status(), await scene.states()) == (_STOPPED, ["sent"])
    assert len(provider.sent) == 1


async def test_cancelling_while_it_is_paused_stops_it_and_counts_the_unknown_as_skipped(scene: Scene) -> None:
    provider = ScriptedProvider(lambda _: Unknown(code="cut"))
    async with scene.worker(provider):
        await scene.enroll(a_sequence(), a_lead())
        await until_page(scene.handle(), "**paused**")
        await scene.handle().cancel()
        await scene.handle().result()
    assert (await scene.status(), await scene.states()) == (_STOPPED, ["skipped"])
    assert await _ended_well(scene.handle())


async def test_cancelling_while_a_command_is_carried_out_answers_it_and_stops(scene: Scene) -> None:
    provider = ScriptedProvider()
    async with scene.worker(provider):
        await scene.enroll(a_sequence(_LATER), a_lead())
        async with scene.engine.connect() as connection:
            await connection.exec_driver_sql("LOCK TABLE leads")  # carrying it out now waits for us
            update = await scene.handle().start_update("pause", wait_for_stage=WorkflowUpdateStage.ACCEPTED)
            await until(lambda: _has_pending_activity(scene.handle()))
            await scene.handle().cancel()
            await until(lambda: _is_cancelled(scene.handle()))
        assert "paused" in await update.result()
        await scene.handle().result()
    assert await scene.status() == _STOPPED
    assert await _ended_well(scene.handle())


async def test_cancelling_a_second_time_is_the_same_cancellation(scene: Scene) -> None:
    halt = Halt.new()
    async with scene.worker(ScriptedProvider(before=halt)):
        await scene.enroll(a_sequence(), a_lead())
        await halt.reached.wait()
        await asyncio.gather(scene.handle().cancel(), scene.handle().cancel(), return_exceptions=True)
        halt.go.set()
        await scene.handle().result()
    assert (await scene.status(), await _ended_well(scene.handle())) == (_STOPPED, True)


async def _has_pending_activity(handle: Handle) -> bool:
    return bool((await handle.describe()).raw_description.pending_activities)


async def _is_cancelled(handle: Handle) -> bool:
    # its own event is the cancellation's workflow task: told apart by asking what a closed or cancelled one refuses
    try:
        description = await handle.describe()
    except RPCError:
        return False
    return bool(description.raw_description.workflow_extended_info.cancel_requested)
