"""A worker is told to stop at each place: it finishes what it began, exits with 0, and nothing is sent twice."""

import signal
from collections.abc import Callable
from typing import Any

from tests.counted import assert_counted
from tests.crash.points import (
    after_the_claim,
    after_the_record,
    before_the_claim,
    before_the_confirmation,
    before_the_record,
    before_the_reply,
    during_the_body,
)
from tests.crash.side_by_side import side_by_side
from tests.crash.world import World


async def _drains(world: World, point: Callable[..., Any], how: signal.Signals = signal.SIGTERM) -> None:
    async with point(world) as worker:
        worker.signal(how)
        await worker.said("draining")
    assert await worker.exit_code() == 0, worker.lines
    assert await world.transitions() == ["pending", "sending", "sent"]
    assert await world.received() == {1: 1}
    assert (await assert_counted(world.scene))["sent"] == 1
    await world.next_worker()
    assert (await world.end()).status == "completed"
    assert await world.received() == {1: 1, 2: 1}
    assert (await assert_counted(world.scene))["sent"] == 2


@side_by_side
async def test_terminated_before_the_claim_the_begun_step_is_finished(world: World) -> None:
    await _drains(world, before_the_claim)


@side_by_side
async def test_terminated_after_the_claim_the_begun_step_is_finished(world: World) -> None:
    await _drains(world, after_the_claim)


@side_by_side
async def test_terminated_during_the_body_the_begun_step_is_finished(world: World) -> None:
    await _drains(world, during_the_body)


@side_by_side
async def test_terminated_before_the_reply_the_begun_step_is_finished(world: World) -> None:
    await _drains(world, before_the_reply)


@side_by_side
async def test_terminated_before_the_confirmation_the_begun_step_is_finished(world: World) -> None:
    await _drains(world, before_the_confirmation)


@side_by_side
async def test_terminated_before_the_record_the_begun_step_is_finished(world: World) -> None:
    await _drains(world, before_the_record)


@side_by_side
async def test_terminated_after_the_record_the_result_still_reaches_temporal(world: World) -> None:
    await _drains(world, after_the_record)


@side_by_side
async def test_interrupted_before_the_reply_the_begun_step_is_finished(world: World) -> None:
    await _drains(world, before_the_reply, signal.SIGINT)
