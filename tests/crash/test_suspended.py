"""A claim outlives its process' sleep: whatever was decided meanwhile, the woken process sends nothing more."""

import signal

from sqlalchemy.engine import make_url

from tests.counted import assert_counted
from tests.crash.points import during_the_body
from tests.crash.post_office import Place
from tests.crash.process import WorkerProcess
from tests.crash.side_by_side import side_by_side
from tests.crash.world import World, eventually

_CLAIM_IS_OLDER = "SELECT clock_timestamp() > claimed_at + make_interval(secs => :seconds) AS older FROM drafts"


async def _age_of_claim(world: World, seconds: int) -> None:
    async def older() -> bool:
        return bool((await world.scene.rows(_CLAIM_IS_OLDER, seconds=seconds))[0].older)

    await eventually(older, wanted=True)


async def _leaves(world: World, worker: WorkerProcess) -> None:
    """The worker ends as it should; all that any worker ever wrote to the post office has been read by then."""
    worker.signal(signal.SIGTERM)
    assert await worker.exit_code() == 0, worker.lines
    await world.all_left()


async def _completed(world: World, worker: WorkerProcess) -> None:
    """The follow-up has come to its end, and each message was received once."""
    assert (await world.end()).status == "completed"
    await _leaves(world, worker)
    assert await world.received() == {1: 1, 2: 1}
    assert (await assert_counted(world.scene))["sent"] == 2


@side_by_side
async def test_a_woken_claim_that_was_settled_as_sent_writes_no_message(world: World) -> None:
    relay = await world.relay(world.temporal)
    async with during_the_body(world, TEMPORAL_ADDRESS=relay.address) as sleeper:
        await sleeper.suspended()
        await relay.cut()  # else Temporal would go on handing tasks to polls nobody reads
        await world.next_worker()
        await world.paused("send_outcome_unknown")
        assert await world.resume("sent") == "step 2 of 2: active"
        await world.states("sent", "sent")
        sleeper.signal(signal.SIGCONT)
    await sleeper.said("not_sent claim-expired")
    assert (await world.end()).status == "completed"
    await _leaves(world, sleeper)
    assert await world.received() == {2: 1}, "the operator took step 1 for sent: nothing may send it now"
    assert (await assert_counted(world.scene))["sent"] == 2


@side_by_side
async def test_a_woken_claim_that_was_settled_as_not_sent_neither_sends_nor_touches_the_next_claim(
    world: World,
) -> None:
    relay = await world.relay(world.temporal)
    # overdue 64 s after the claim: surely later than the half minute in which Temporal misses the heartbeat
    async with during_the_body(world, TEMPORAL_ADDRESS=relay.address, FOLLOWUP_SEND_TIMEOUT="32") as sleeper:
        await sleeper.suspended()
        await relay.cut()
        await world.next_worker()
        await world.paused("send_outcome_unknown")
        overdue = (await world.scene.rows("SELECT overdue_at FROM drafts"))[0].overdue_at
        await _not_sent_is_refused_before(world, f"not_sent is accepted from {overdue:%Y-%m-%d %H:%M:%S} UTC")
        reply = world.office.stand_at(Place.REPLY)
        await eventually(lambda: _accepted(world, "not_sent"), wanted=True)
        released = [entry.at for entry in await world.scene.ledger() if entry.from_state == "unknown"]
        assert released[0] >= overdue
        await reply.reached.wait()
        sleeper.signal(signal.SIGCONT)
        await eventually(lambda: _late_answers(world), wanted=1)
        assert await world.scene.states() == ["sending"], "the next claim is not the woken one's to release"
        reply.go.set()
    await _completed(world, sleeper)


async def _not_sent_is_refused_before(world: World, sentence: str) -> None:
    before = await world.scene.ledger()
    assert sentence in await world.resume("not_sent")
    assert await world.scene.ledger() == before
    assert await world.open_tasks() == ["settle_outcome"]


async def _accepted(world: World, decision: str) -> bool:
    return not (await world.resume(decision)).startswith("refused")


async def _late_answers(world: World) -> int:
    return len([entry for entry in await world.scene.ledger() if entry.to_state == "late_answer"])


@side_by_side
async def test_a_claim_that_waits_for_the_database_past_its_lease_writes_no_message(world: World) -> None:
    url = make_url(world.scene.database_url)
    relay = await world.relay(f"127.0.0.1:{url.port}")
    through = url.set(port=relay.port).render_as_string(hide_password=False)
    # 15 s are the lease
    async with during_the_body(world, FOLLOWUP_DATABASE_URL=through, FOLLOWUP_SEND_TIMEOUT="15") as worker:
        relay.freeze()
    await relay.stuck.wait()
    await _age_of_claim(world, seconds=16)
    relay.thaw()
    await worker.said("not_sent claim-expired")
    assert world.office.accepted == []
    await _completed(world, worker)
