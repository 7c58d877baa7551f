"""Histories of follow-ups that run: a change of the workflow that would send one of them astray fails here."""

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from tests.replay.record import HISTORIES
from tests.replay.stories import STORIES
from workflows.follow_up import FollowUpWorkflow

_RECORDED = {path.stem: path.read_text() for path in sorted(HISTORIES.glob("*.json"))}


@pytest.mark.parametrize("name", _RECORDED)
async def test_a_recorded_follow_up_takes_the_same_way_again(name: str) -> None:
    replayer = Replayer(workflows=[FollowUpWorkflow], data_converter=pydantic_data_converter)
    await replayer.replay_workflow(WorkflowHistory.from_json(name, _RECORDED[name]))


def test_every_story_is_recorded() -> None:
    assert set(STORIES) <= set(_RECORDED)
