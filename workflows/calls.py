"""What a follow-up asks of its activities: deliver the step, settle it, pause it, record what a provider answered."""

from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from activities.shielded import HEARTBEAT_TIMEOUT
    from activities.steps import StepActivities
    from domain.command import Decision, Verdict
    from domain.instance import Reason
    from domain.step import DeliverStep, Held, PauseFollowUp, RecordOutcome, Settled, SettleStep, StepResult, Unrecorded
    from workflows.progress import Progress

# Longer than the longest send time-out (an hour) and all around it; the heartbeat notices a dead worker long before.
_DELIVER_AT_MOST = timedelta(hours=2)
_STORE_AT_MOST = timedelta(minutes=1)
_ONCE = RetryPolicy(maximum_attempts=1)
# For ever: what these do is read or recorded truth, and the step waits for it.
_UNTIL_DONE = RetryPolicy(maximum_interval=timedelta(minutes=1))


class StepCalls:
    """Asks about the step at which a follow-up is."""

    def __init__(self, at: Progress) -> None:
        self._at = at

    @property
    def summary(self) -> str:
        """Say which step it is, for the Web UI."""
        return f"step {self._at.step} of {self._at.follow_up.steps}"

    async def deliver(self) -> StepResult:
        """Try to deliver the step, once. Raises ActivityError: nobody answered, or it failed by its own fault."""
        call = DeliverStep(instance_id=self._id, step=self._at.step, due_at=self._at.due_at)
        return await workflow.execute_activity_method(
            StepActivities.deliver_step,
            call,
            start_to_close_timeout=_DELIVER_AT_MOST,
            heartbeat_timeout=HEARTBEAT_TIMEOUT,
            retry_policy=_ONCE,
            summary=self.summary,
        )

    async def settle(self, decision: Decision | Verdict | None, **said: Any) -> Settled:
        """Find out what is so, or say a person's decision; waits while somebody else may still be sending."""
        call = SettleStep(instance_id=self._id, step=self._at.step, decision=decision, **said)
        while True:
            result: Settled = await self._until_done(StepActivities.settle_step, call)
            if not isinstance(result, Held):
                return result
            await workflow.sleep(max(result.until - workflow.now(), timedelta(0)), summary=self.summary)

    async def pause(self, reason: Reason, *, by: str) -> Settled:
        """Pause the follow-up."""
        call = PauseFollowUp(instance_id=self._id, step=self._at.step, reason=reason, by=by)
        paused: Settled = await self._until_done(StepActivities.pause_follow_up, call)
        return paused

    async def record(self, unrecorded: Unrecorded) -> Settled:
        """Record what the provider answered while the store was down."""
        told = unrecorded.model_dump(include={"token", "outcome", "generation"})
        call = RecordOutcome(instance_id=self._id, step=self._at.step, **told)
        recorded: Settled = await self._until_done(StepActivities.record_outcome, call)
        return recorded

    async def _until_done(self, activity: Any, call: Any) -> Any:
        """Run what reads or records the truth: the step waits for it, however long."""
        return await workflow.execute_activity_method(
            activity, call, start_to_close_timeout=_STORE_AT_MOST, retry_policy=_UNTIL_DONE, summary=self.summary
        )

    @property
    def _id(self) -> str:
        return self._at.follow_up.instance_id
