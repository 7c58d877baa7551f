"""PostgreSQL or Temporal is down for a while: an outcome is not lost (I9), and nothing is sent again."""

from datetime import timedelta

from temporalio.api.enums.v1 import EventType

from tests.counted import assert_counted
from tests.crash.outages import bring_back, own_postgres, own_temporal
from tests.crash.points import before_the_claim, before_the_reply
from tests.crash.side_by_side import side_by_side
from tests.crash.world import World, eventually
from tests.scene import a_sequence


async def _completed(world: World) -> None:
    assert (await world.end()).status == "completed"
    assert await world.received() == {1: 1, 2: 1}
    assert await world.transitions(1) == await world.transitions(2) == ["pending", "sending", "sent"]
    assert (await assert_counted(world.scene))["sent"] == 2


async def _pending_activities(world: World) -> list[str]:
    described = await world.scene.handle().describe()
    return [pending.activity_type.name for pending in described.raw_description.pending_activities]


async def _timers(world: World) -> int:
    events = (await world.scene.handle().fetch_history()).events
    return len([event for event in events if event.event_type == EventType.EVENT_TYPE_TIMER_STARTED])


@side_by_side
async def test_an_answer_that_came_while_postgresql_was_down_is_recorded_when_it_is_back(world: World) -> None:
    async with own_postgres(world) as (own, postgres):
        async with before_the_reply(own) as worker:
            await postgres.kill()
        await worker.said("recorded later")
        assert sum(world.office.received().values()) == 1
        await bring_back(postgres, own)
        await _completed(own)


@side_by_side
async def test_an_answer_that_postgresql_and_then_the_worker_lost_is_recorded_by_the_next_worker(world: World) -> None:
    async with own_postgres(world) as (own, postgres):
        async with before_the_reply(own) as worker:
            await postgres.kill()
        await eventually(lambda: _pending_activities(own), ["record_outcome"])
        await worker.killed()
        await bring_back(postgres, own)
        await own.next_worker()
        await _completed(own)


@side_by_side
async def test_a_claim_that_postgresql_lost_is_made_when_it_is_back(world: World) -> None:
    async with own_postgres(world) as (own, postgres):
        async with before_the_claim(own) as worker:
            await postgres.kill()
            await worker.said("Completing activity as failed")
        assert world.office.accepted == []
        await bring_back(postgres, own)
        await _completed(own)


@side_by_side
async def test_a_send_during_which_temporal_died_is_recorded_and_the_follow_up_goes_on(world: World) -> None:
    async with own_temporal(world) as (own, temporal):
        async with before_the_reply(own) as worker:
            await temporal.kill()
        await own.states("sent")
        await temporal.start()
        await _completed(own)
        assert worker.alive, worker.lines


@side_by_side
async def test_a_step_that_fell_due_while_temporal_was_down_is_sent_when_it_is_back(world: World) -> None:
    async with own_temporal(world) as (own, temporal):
        await own.enroll(a_sequence(timedelta(0), timedelta(seconds=5)))
        worker = await own.worker()
        await own.states("sent")
        await eventually(lambda: _timers(own), 1)
        await temporal.kill()
        await eventually(lambda: _is_due(own), wanted=True)
        assert await own.received() == {1: 1}
        await temporal.start()
        await _completed(own)
        assert worker.alive, worker.lines


async def _is_due(world: World) -> bool:
    return bool((await world.scene.rows("SELECT clock_timestamp() > until AS due FROM instances"))[0].due)
