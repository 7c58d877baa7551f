"""The follow-up: wait until a step is due, deliver it, take in the answer, go on. All of it happens in one loop."""

import asyncio
from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from domain.command import Approve, Command, Done, Look, Pause, Reject, Resume, Stop, settlement
    from domain.instance import WORKFLOW_TYPE, Reason
    from domain.schedule import back_off
    from domain.step import DecisionRefused, Ending, FollowUp, Ready, Settled, Unrecorded
    from workflows.calls import StepCalls
    from workflows.inbox import Inbox, PendingCommand, was_reset
    from workflows.page import details
    from workflows.progress import Progress
    from workflows.search_attributes import REASON, STATUS

Obeyed = Pause | Resume | Stop | Approve | Reject | Done
# An activity that fails so often in a row fails by its own fault; a person should look.
_FAILURES_BEFORE_PAUSE = 5


@workflow.defn(name=WORKFLOW_TYPE)
class FollowUpWorkflow(Inbox):
    """One follow-up instance. What is said to it lies in the inbox; `run` obeys it in turn."""

    @workflow.init
    def __init__(self, follow_up: FollowUp) -> None:
        super().__init__(Progress(follow_up))
        self._asking = StepCalls(self._at)
        self._failures = 0
        self._cancelled = False
        self._waits = 0
        self._looked = False
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
                self._apply_cancellation()

    async def _follow_up(self) -> Ending:
        while not self._at.over:
            self._apply_cancellation()  # one that came before the first turn is heeded before it
            await self._turn()
        for asked in self.inbox:
            self.answer(asked, self.objection(asked.command) or "", refused=True)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return Ending(status=self._at.status, reason=self._at.reason)

    def _apply_cancellation(self) -> None:
        """Take a cancellation for a stop by an operator: a follow-up ends counted, not interrupted."""
        if not self._cancelled and workflow.cancellation_reason() is not None:
            self._cancelled = True
            self.put(Stop(by="cancellation"), by_update=True)

    async def _turn(self) -> None:
        if self.inbox:
            await self._obey(self.inbox.pop(0))
        elif self._is_to_wait() and await self._reconcile_after_reset():
            return
        elif self._at.paused:
            await workflow.wait_condition(lambda: bool(self.inbox))
        elif self._is_to_wait():
            await self._sleep()
        elif self._at.awaiting:
            self._apply(await self._asking.settle(None))
        else:
            await self._deliver()

    def _is_to_wait(self) -> bool:
        return self._at.paused or self._at.until > workflow.now()

    async def _reconcile_after_reset(self) -> bool:
        """Ask what is so, once, in a run that was reset: it begins with what was true for the run before.

        What it repeats of that run had no such look, and a replay can't see where that ends: the patch's marker tells.
        """
        self._waits += 1
        may_look = workflow.unsafe.is_replaying() or (was_reset() and not self._looked)
        if not (may_look and workflow.patched(f"look-before-wait-{self._waits}")):
            return False
        self._looked = True
        self._apply(await self._asking.settle(None))
        return True

    async def _sleep(self) -> None:
        try:
            await workflow.wait_condition(
                lambda: bool(self.inbox), timeout=self._at.until - workflow.now(), timeout_summary=self._asking.summary
            )
        except TimeoutError:
            return

    async def _deliver(self) -> None:
        try:
            result = await self._asking.deliver()
        except ActivityError:
            await self._after_failure()
            return
        self._failures = 0
        self._apply(await self._asking.record(result) if isinstance(result, Unrecorded) else result)

    async def _after_failure(self) -> None:
        """The attempt is gone without an answer: only the store knows how far it came."""
        self._failures += 1
        result = await self._asking.settle(None)
        if isinstance(result, Ready) and self._failures >= _FAILURES_BEFORE_PAUSE:
            self._failures = 0
            result = await self._asking.pause(Reason.STEP_FAILED, by="workflow")
        self._apply(result)
        if isinstance(result, Ready) and self._failures > 1:
            self._at.until += back_off(self._failures)

    async def _catch_up(self, step: int) -> None:
        """Come to the step that something was said of: a run that was reset begins with steps that are behind."""
        before = 0
        while before < self._at.step <= step and not self._at.over:
            before = self._at.step
            self._apply(await self._asking.settle(None))

    def _look_again(self, asked: PendingCommand) -> None:
        """What holds the step may have changed: the claim judges it again. Nothing else is changed by a look."""
        if self._at.held_by_circumstances:
            self._apply(Ready())
        self.answer(asked, f"step {self._at.step} of {self._at.follow_up.steps}: {self._at.status}")

    async def _obey(self, asked: PendingCommand) -> None:
        if isinstance(asked.command, Look):
            self._look_again(asked)
            return
        if isinstance(asked.command, Resume | Reject | Done) and self.is_ahead(asked.command):
            await self._catch_up(asked.command.step or 0)
        if (objection := self.objection(asked.command)) is not None:
            self.answer(asked, objection, refused=not self._at.already_holds(asked.command))
            return
        result = await self._ask_for(asked.command, asked.not_sent_from)
        self._apply(result)
        if isinstance(result, Ready):
            self._at.due_at = self._at.until  # a person has looked: it expires again from here
        if isinstance(result, DecisionRefused):
            if isinstance(asked.command, Approve | Reject | Done):
                self._apply(await self._asking.settle(None))  # what was seen is old: the page shows what is so
            self.answer(asked, result.sentence, refused=True)
        else:
            self.answer(asked, f"step {self._at.step} of {self._at.follow_up.steps}: {self._at.status}")

    async def _ask_for(self, command: Obeyed, not_sent_from: datetime) -> Settled:
        """Ask the store to make a command true."""
        match command:
            case Pause(reason=Reason.SEND_OUTCOME_UNKNOWN, by=by):
                # the draft knows better: a run that was reset hears again what has been settled long ago
                return await self._asking.settle(None, by=by)
            case Pause(reason=reason, by=by):
                paused = await self._asking.pause(reason, by=by)
                self._looked = False  # another run may be sending
                return paused
            case said:
                return await self._asking.settle(
                    **settlement(said),
                    not_sent_from=not_sent_from,
                    paused_for=self._at.reason if self._at.paused else None,
                    generation=self._at.generation,
                )

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
