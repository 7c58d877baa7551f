"""What a follow-up costs in Temporal: a timer and an activity a step, and a few actions an instance."""

from datetime import timedelta

import pytest
from temporalio.api.enums.v1 import EventType

from providers.scripted import ScriptedProvider
from tests.scene import Scene, a_lead, a_sequence
from tests.whole.looking import count

# What Temporal Cloud calls an action and counts.
_OF_A_STEP = (EventType.EVENT_TYPE_TIMER_STARTED, EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED)
_OF_AN_INSTANCE = (
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED,
    EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES,
    EventType.EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED,
    EventType.EVENT_TYPE_MARKER_RECORDED,
)


@pytest.mark.parametrize(("wait", "of_a_step"), [(timedelta(seconds=1), 2), (timedelta(0), 1)])
async def test_a_plain_step_costs_a_timer_if_it_waits_and_an_activity(
    scene: Scene, wait: timedelta, of_a_step: int
) -> None:
    async with scene.worker(ScriptedProvider()):
        await scene.enroll(a_sequence(wait, wait, wait), a_lead())
        await scene.handle().result()
    assert await count(scene.handle(), *_OF_A_STEP) == 3 * of_a_step
    assert await count(scene.handle(), *_OF_AN_INSTANCE) == 2
