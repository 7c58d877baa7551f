"""The follow-up: wait until a step is due, deliver it, take in the answer, go on. All of it happens in one loop."""

import asyncio
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.steps import StepActivities
    from activities.uninterrupted import HEARTBEAT_TIMEOUT
    from domain.command import Approve, Command, Decision, Done, Pause, Reject, Resume, Stop, Verdict, settlement
    from domain.instance import WORKFLOW_TYPE, Reason
    from domain.schedule import back_off
    from domain.step import (
        DecisionRefused,
        DeliverStep,
        Ending,
        FollowUp,
        Held,
        PauseFollowUp,
        Ready,
        RecordOutcome,
        Settled,
        SettleStep,
        Unrecorded,
    )
    from workflows.details import details
    from workflows.inbox import Asked, Inbox
    from workflows.progress import Progress
    from workflows.search_attributes import REASON, STATUS

# Longer than the longest send time-out (an hour) and all around it; the heartbeat notices a dead worker long before.
_DELIVER_AT_MOST = timedelta(hours=2)
_STORE_AT_MOST = timedelta(minutes=1)
_ONCE = RetryPolicy(maximum_attempts=1)
# For ever: what these do is read or recorded truth, and the step waits for it.
_UNTIL_DONE = RetryPolicy(maximum_interval=timedelta(minutes=1))
# An activity that fails so often in a row fails by its own fault; a person should look.
_FAILURES_BEFORE_PAUSE = 5


@workflow.defn(name=WORKFLOW_TYPE)
class FollowUpWorkflow(Inbox):
    """One follow-up instance. What is said to it lies in the inbox; `run` obeys it in turn."""

    @workflow.init
    def __init__(self, follow_up: FollowUp) -> None:
        super().__init__(Progress(follow_up))
        self._id = follow_up.instance_id
        self._failures = 0
        self._cancelled = False
        self.show()

    @workflow.run
    async def run(self, follow_up: FollowUp) -> Ending:  # noqa: ARG002  # `__init__` took it
        """Follow up, out of a cancellation's reach: what is begun is finished, and who asked gets an answer."""
        ending = asyncio.create_task(self._follow_up())
        while True:
            try:
                return await asyncio.shield(ending)
            except asyncio.CancelledError:
                if ending.cancelled() or workflow.cancellation_reason() is None:
                    raise  # the worker lets go of this run; nobody asked to cancel
                self._heed_cancellation()

    async def _follow_up(self) -> Ending:
        while not self._at.over:
            self._heed_cancellation()  # one that came before the first turn is heeded before it
            await self._turn()
        for asked in self.inbox:
            self.answer(asked, self.objection(asked.command) or "", refused=True)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return Ending(status=self._at.status, reason=self._at.reason)

    def _heed_cancellation(self) -> None:
        """Take a cancellation for a stop by an operator: a follow-up ends counted, not broken off."""
        if not self._cancelled and workflow.cancellation_reason() is not None:
            self._cancelled = True
            self.inbox.append(Asked(Stop(by="cancellation")))

    async def _turn(self) -> None:
        if self.inbox:
            await self._obey(self.inbox.popleft())
        elif self._at.paused:
            await workflow.wait_condition(lambda: bool(self.inbox))
        elif self._at.until > workflow.now():
            await self._sleep()
        elif self._at.awaiting:
            self._apply(await self._settle(None))
        else:
            await self._deliver()

    async def _sleep(self) -> None:
        try:
            await workflow.wait_condition(
                lambda: bool(self.inbox), timeout=self._at.until - workflow.now(), timeout_summary=self._summary()
            )
        except TimeoutError:
            return

    async def _deliver(self) -> None:
        call = DeliverStep(instance_id=self._id, step=self._at.step, due_at=self._at.due_at)
        try:
            result = await workflow.execute_activity_method(
                StepActivities.deliver_step,
                call,
                start_to_close_timeout=_DELIVER_AT_MOST,
                heartbeat_timeout=HEARTBEAT_TIMEOUT,
                retry_policy=_ONCE,
                summary=self._summary(),
            )
        except ActivityError:
            await self._after_failure()
            return
        self._failures = 0
        self._apply(await self._record(result) if isinstance(result, Unrecorded) else result)

    async def _until_done(self, activity: Any, call: Any) -> Any:
        """Run what reads or records the truth: the step waits for it, however long."""
        return await workflow.execute_activity_method(
            activity,
            call,
            start_to_close_timeout=_STORE_AT_MOST,
            retry_policy=_UNTIL_DONE,
            summary=self._summary(),
        )

    async def _record(self, unrecorded: Unrecorded) -> Settled:
        told = unrecorded.model_dump(include={"token", "outcome"})
        call = RecordOutcome(instance_id=self._id, step=self._at.step, **told)
        recorded: Settled = await self._until_done(StepActivities.record_outcome, call)
        return recorded

    async def _after_failure(self) -> None:
        """The attempt is gone without an answer: only the store knows how far it came."""
        self._failures += 1
        result = await self._settle(None)
        if isinstance(result, Ready) and self._failures >= _FAILURES_BEFORE_PAUSE:
            self._failures = 0
            result = await self._pause(Reason.STEP_FAILED, by="workflow")
        self._apply(result)
        if isinstance(result, Ready) and self._failures > 1:
            self._at.until += back_off(self._failures)

    async def _settle(self, decision: Decision | Verdict | None, **said: Any) -> Settled:
        call = SettleStep(instance_id=self._id, step=self._at.step, decision=decision, **said)
        while True:
            result: Settled = await self._until_done(StepActivities.settle_step, call)
            if not isinstance(result, Held):
                return result
            await workflow.sleep(max(result.until - workflow.now(), timedelta(0)), summary=self._summary())

    async def _pause(self, reason: Reason, *, by: str) -> Settled:
        call = PauseFollowUp(instance_id=self._id, step=self._at.step, reason=reason, by=by)
        paused: Settled = await self._until_done(StepActivities.pause_follow_up, call)
        return paused

    async def _catch_up(self, step: int) -> None:
        """Come to the step that something was said of: a run that was reset begins with steps that are behind."""
        before = 0
        while before < self._at.step <= step and not self._at.over:
            before = self._at.step
            self._apply(await self._settle(None))

    async def _obey(self, asked: Asked) -> None:
        if isinstance(asked.command, Resume | Reject | Done) and self._at.step < (asked.command.step or 0):
            await self._catch_up(asked.command.step or 0)
        if (objection := self.objection(asked.command)) is not None:
            self.answer(asked, objection, refused=not self._at.is_so(asked.command))
            return
        match asked.command:
            case Pause(reason=Reason.SEND_OUTCOME_UNKNOWN, by=by):
                # the draft knows better: a run that was reset hears again what has been settled long ago
                result = await self._settle(None, by=by)
            case Pause(reason=reason, by=by):
                result = await self._pause(reason, by=by)
            case said:
                paused_for = self._at.reason if self._at.paused else None
                result = await self._settle(
                    **settlement(said), not_sent_from=asked.not_sent_from, paused_for=paused_for
                )
        self._apply(result)
        if isinstance(result, Ready):
            self._at.due_at = self._at.until  # a person has looked: it expires anew from here
        if isinstance(result, DecisionRefused):
            if isinstance(asked.command, Approve | Reject | Done):
                self._apply(await self._settle(None))  # what was seen is old: the page shows what is so
            self.answer(asked, result.sentence, refused=True)
        else:
            self.answer(asked, f"step {self._at.step} of {self._at.follow_up.steps}: {self._at.status}")

    def _apply(self, result: Settled) -> None:
        before = self._at.status, self._at.reason
        self._at.apply(result, workflow.now())
        if (self._at.status, self._at.reason) != before:
            workflow.upsert_search_attributes([STATUS.value_set(self._at.status), REASON.value_set(self._at.reason)])
        self.show()

    def objection(self, command: Command) -> str | None:
        return self._at.objection(command, workflow.now())

    def show(self) -> None:
        workflow.set_current_details(details(self._at, self.misunderstood))

    def _summary(self) -> str:
        return f"step {self._at.step} of {self._at.follow_up.steps}"
