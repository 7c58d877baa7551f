"""A worker is killed (SIGKILL) at each place, and the next one comes: what was received, what is known, how it ends."""

from datetime import timedelta

from tests.counted import assert_counted
from tests.crash.points import (
    after_the_claim,
    after_the_record,
    at_the_gate,
    before_the_claim,
    before_the_confirmation,
    before_the_record,
    before_the_reply,
    during_the_body,
)
from tests.crash.side_by_side import side_by_side
from tests.crash.world import World, eventually

UNKNOWN = ["pending", "sending", "unknown"]
# A claim is overdue twice this after it was made, so that `not_sent` is accepted as soon as the death is noticed.
SHORT = timedelta(seconds=10)


async def _becomes_unknown(world: World, received: dict[int, int]) -> None:
    """The next worker finds a claim whose process is gone: a person is asked, and nothing is sent."""
    await world.next_worker(SHORT)
    await world.paused("send_outcome_unknown")
    assert await world.transitions() == UNKNOWN
    assert await world.open_tasks() == ["settle_outcome"]
    assert await world.received() == received
    counts = await assert_counted(world.scene)
    assert (counts["unknown"], counts["pending"]) == (1, 1)


async def _completes(world: World) -> None:
    """The follow-up comes to its end, each message received once."""
    assert (await world.end()).status == "completed"
    assert await world.received() == {1: 1, 2: 1}
    assert await world.open_tasks() == []
    assert (await assert_counted(world.scene))["sent"] == 2


async def _is_settled(world: World, decision: str) -> None:
    async def accepted() -> bool:
        return not (await world.resume(decision)).startswith("refused")

    await eventually(accepted, wanted=True)


@side_by_side
async def test_killed_before_the_claim_the_step_is_sent_by_the_next_worker(world: World) -> None:
    async with before_the_claim(world) as worker:
        await worker.killed()
    assert await world.received() == {}
    await world.next_worker()
    await _completes(world)
    assert await world.transitions() == ["pending", "sending", "sent"]


@side_by_side
async def test_killed_after_the_claim_the_send_is_unknown_until_an_operator_says_not_sent(world: World) -> None:
    async with after_the_claim(world, FOLLOWUP_SEND_TIMEOUT=str(SHORT.seconds)) as worker:
        await worker.killed()
    await world.office.all_left()
    await _becomes_unknown(world, received={})
    await _is_settled(world, "not_sent")
    await _completes(world)
    assert await world.transitions() == [*UNKNOWN, "pending", "sending", "sent"]


@side_by_side
async def test_killed_during_the_body_the_send_is_unknown_until_an_operator_says_not_sent(world: World) -> None:
    async with during_the_body(world, FOLLOWUP_SEND_TIMEOUT=str(SHORT.seconds)) as worker:
        await worker.killed()
    await world.office.all_left()
    await _becomes_unknown(world, received={})
    await _is_settled(world, "not_sent")
    await _completes(world)
    assert await world.transitions() == [*UNKNOWN, "pending", "sending", "sent"]


@side_by_side
async def test_killed_before_the_reply_the_send_is_unknown_until_an_operator_says_sent(world: World) -> None:
    # with the longest patience for a reply: that the run's own attempt is over is known without waiting for it
    async with before_the_reply(world, FOLLOWUP_SEND_TIMEOUT="3600") as worker:
        await worker.killed()
    await _becomes_unknown(world, received={1: 1})
    await _is_settled(world, "sent")
    await _completes(world)
    assert await world.transitions() == [*UNKNOWN, "sent"]


@side_by_side
async def test_killed_at_the_gate_the_send_is_unknown_until_an_operator_says_not_sent(world: World) -> None:
    async with at_the_gate(world, FOLLOWUP_SEND_TIMEOUT=str(SHORT.seconds)) as worker:
        await worker.killed()
    await world.office.all_left()
    await _becomes_unknown(world, received={})
    await _is_settled(world, "not_sent")
    await _completes(world)
    assert await world.transitions() == [*UNKNOWN, "pending", "sending", "sent"]


@side_by_side
async def test_killed_before_the_confirmation_the_send_is_unknown_until_an_operator_says_sent(world: World) -> None:
    async with before_the_confirmation(world) as worker:
        await worker.killed()
    await _becomes_unknown(world, received={1: 1})
    await _is_settled(world, "sent")
    await _completes(world)
    assert await world.transitions() == [*UNKNOWN, "sent"]


@side_by_side
async def test_killed_before_the_record_the_send_is_unknown_until_an_operator_says_sent(world: World) -> None:
    async with before_the_record(world) as worker:
        await worker.killed()
    await _becomes_unknown(world, received={1: 1})
    await _is_settled(world, "sent")
    await _completes(world)
    assert await world.transitions() == [*UNKNOWN, "sent"]


@side_by_side
async def test_killed_with_an_unknown_send_a_plain_resume_sends_nothing_again(world: World) -> None:
    async with before_the_reply(world) as worker:
        await worker.killed()
    await _becomes_unknown(world, received={1: 1})
    await _is_settled(world, "resume")
    await _completes(world)
    assert await world.transitions() == [*UNKNOWN, "sent"]


@side_by_side
async def test_killed_after_the_record_the_follow_up_goes_on_by_itself(world: World) -> None:
    async with after_the_record(world) as worker:
        await worker.killed()
    await world.next_worker()
    await _completes(world)
    assert await world.transitions() == ["pending", "sending", "sent"]
