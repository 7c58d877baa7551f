"""The incident that began it, replayed: everything that made duplicates then happens at once, and makes none."""

import asyncio
from datetime import UTC, datetime, timedelta

from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.testing import ActivityEnvironment

from activities.steps import StepActivities
from domain.outcome import Unknown
from domain.step import DeliverStep, FollowUp
from operating.audit.finding import Report
from operating.audit.tables import World, audit_tables
from providers.scripted import Halt, ScriptedProvider
from tests.counted import assert_counted
from tests.scene import SEND_TIMEOUT, Scene, a_lead, a_sequence
from tests.whole.breakage import find, lose
from tests.whole.commands import FIRST, reset
from tests.whole.looking import until, until_page
from transactions.sending_policy import SendingPolicy


async def _deliver_by_twenty(scene: Scene, provider: ScriptedProvider, step: int) -> None:
    """A cron that overlaps with itself: twenty more deliveries of one step, each as a worker makes it."""
    sender = scene.settings().sender_address
    activities = StepActivities(scene.engine, provider, SendingPolicy(sender), SEND_TIMEOUT, "cron")
    call = DeliverStep(instance_id=scene.instance(), step=step, due_at=datetime.now(UTC))
    await asyncio.gather(*(ActivityEnvironment().run(activities.deliver_step, call) for _ in range(20)))


async def _start_by_five(scene: Scene) -> None:
    follow_up = FollowUp(instance_id=scene.instance(), steps=3, first_due_at=datetime.now(UTC))
    for _ in range(5):
        try:
            await scene.start_by_hand("lead-1", follow_up)
        except WorkflowAlreadyStartedError:
            continue
        raise AssertionError("a second workflow runs")
    await asyncio.gather(*(scene.enroll(a_sequence(), a_lead()) for _ in range(5)))


async def _failed(scene: Scene) -> bool:
    pending = (await scene.handle().describe()).raw_description.pending_activities
    return any(one.HasField("last_failure") for one in pending)


async def test_the_incident_replayed_makes_one_draft_one_task_and_one_mail_a_step(scene: Scene) -> None:
    halt = Halt.new()
    provider = ScriptedProvider({f"{scene.instance()}/2/email": Unknown(code="cut")}, after=halt)
    async with scene.worker(provider):
        await scene.enroll(a_sequence(), a_lead())
        await halt.reached.wait()
        # while the first step is being sent: the cron again, starts again, an operator's reset
        await _deliver_by_twenty(scene, provider, step=1)
        await _start_by_five(scene)
        await reset(scene.client, scene.handle(), FIRST)
        halt.go.set()
        await until_page(scene.handle(), "**paused** (send_outcome_unknown)")
        await _deliver_by_twenty(scene, provider, step=2)
        await _start_by_five(scene)
        halt.reached.clear()
        halt.go.clear()
        await scene.handle().execute_update("resume", "sent")
        await halt.reached.wait()
        # the third was taken by the provider, and that can't be recorded for a while
        await lose(scene, "drafts")
        halt.go.set()
        await until(lambda: _failed(scene))
        await find(scene, "drafts")
        ending = await scene.handle().result()
        await _deliver_by_twenty(scene, provider, step=3)
        report = Report()
        world = World(scene.engine, scene.client, scene.workspace, timedelta(minutes=10), lambda _: None)
        await audit_tables(world, report)
    assert ending.status == "completed"
    assert [letter.draft_id[-7:] for letter in provider.sent] == ["1/email", "2/email", "3/email"]
    assert await scene.states() == ["sent", "sent", "sent"]
    tasks = await scene.rows("SELECT step, kind, state FROM tasks")
    assert [tuple(task) for task in tasks] == [(2, "settle_outcome", "closed")]
    assert await assert_counted(scene) == {"sent": 3}
    assert report.clean, report.in_order()
