"""Histories of follow-ups that run: a change of the workflow that would send one of them astray fails here."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from tests.replay.record import HISTORIES
from tests.replay.stories import STORIES
from tests.replay.ways import lines, passing
from tests.replaying import unsandboxed
from workflows.follow_up import FollowUpWorkflow

_RECORDED = {path.stem: path.read_text() for path in sorted(HISTORIES.glob("*.json"))}
_DELIVER = FollowUpWorkflow._deliver


@pytest.mark.parametrize("name", _RECORDED)
async def test_a_recorded_follow_up_takes_the_same_way_again(name: str) -> None:
    replayer = Replayer(workflows=[FollowUpWorkflow], data_converter=pydantic_data_converter)
    await replayer.replay_workflow(WorkflowHistory.from_json(name, _RECORDED[name]))


async def test_the_histories_take_every_way_through_the_workflow() -> None:
    passed: set[tuple[str, int]] = set()
    with passing(passed):
        for name, history in _RECORDED.items():
            await unsandboxed().replay_workflow(WorkflowHistory.from_json(name, history))
    assert [said for line, said in lines().items() if line not in passed] == []


async def _a_timer_more(self: FollowUpWorkflow) -> None:
    await workflow.sleep(timedelta(seconds=1))
    await _DELIVER(self)


async def _an_activity_more(self: FollowUpWorkflow) -> None:
    await self._asking.settle(None)
    await _DELIVER(self)


async def _another_activity(self: FollowUpWorkflow) -> None:
    self._apply(await self._asking.settle(None))


@pytest.mark.parametrize("changed", [_a_timer_more, _an_activity_more, _another_activity])
async def test_a_workflow_that_was_changed_before_a_step_without_a_patch_fails_every_history_of_one(
    monkeypatch: pytest.MonkeyPatch, changed: Callable[[FollowUpWorkflow], Awaitable[None]]
) -> None:
    monkeypatch.setattr(FollowUpWorkflow, "_deliver", changed)
    unnoticed = set()
    for name, history in _RECORDED.items():
        result = await unsandboxed().replay_workflow(
            WorkflowHistory.from_json(name, history), raise_on_replay_failure=False
        )
        if result.replay_failure is None:
            unnoticed.add(name)
    assert unnoticed == {name for name, history in _RECORDED.items() if "deliver_step" not in history}


def test_every_story_is_recorded() -> None:
    assert set(STORIES) <= set(_RECORDED)
