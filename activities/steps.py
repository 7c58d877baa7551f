"""The activities of a step: deliver it (once), settle it (never sends), record its outcome (until it succeeds)."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from temporalio import activity

from activities.logs import LOG
from activities.redaction import log_place
from activities.shielded import shielded
from activities.signals import signal_pause, signal_resume
from domain.instance import Reason
from domain.lease import lease_of
from domain.outcome import Outcome, Unknown, without_reply
from domain.step import (
    DecisionRefused,
    DeliverStep,
    Held,
    Paused,
    PauseFollowUp,
    Ready,
    Recorded,
    RecordOutcome,
    Settled,
    SettleStep,
    StepResult,
    Unrecorded,
)
from providers.provider import Letter, Provider
from store.drafts import Claim, StoredDraft, holds_claim
from store.engine import is_down
from transactions.claim import claim_step, hold_for_thread, thread_was_busy
from transactions.record import record
from transactions.sending_policy import SendingPolicy
from transactions.settle import pause_for, settle

_T = TypeVar("_T")
# How long one activity waits for PostgreSQL to come back before it hands the matter to Temporal, which waits for days.
_PATIENCE = timedelta(seconds=10)
_PAUSE_BETWEEN_TRIES = timedelta(milliseconds=500)


class StepActivities:
    """What a worker does for a step. `identity` names the worker in the ledger."""

    def __init__(
        self,
        engine: AsyncEngine,
        provider: Provider,
        policy: SendingPolicy,
        send_timeout: timedelta,
        identity: str,
    ) -> None:
        self._engine = engine
        self._provider = provider
        self._policy = policy
        self._send_timeout = send_timeout
        self._identity = identity

    @activity.defn
    async def deliver_step(self, call: DeliverStep) -> StepResult:
        """Claim the draft of a step, make the one provider call, record what it answered.

        An attempt after the first never sends: Temporal makes one only when a person asks for it.
        """
        info = activity.info()
        if info.attempt > 1:
            return await self._look(call)
        return await shielded(self._deliver(call, info.workflow_run_id or ""))

    @activity.defn
    async def settle_step(self, call: SettleStep) -> Settled:
        """Find out what became of a step, or apply a decision. Never sends; may run any number of times."""
        run = activity.info().workflow_run_id or ""
        async with self._engine.begin() as connection:
            return await settle(connection, call, run, self._identity)

    @activity.defn
    async def pause_follow_up(self, call: PauseFollowUp) -> Settled:
        """Send nothing of an instance until it is resumed."""
        async with self._engine.begin() as connection:
            return await pause_for(connection, call)

    @activity.defn
    async def record_outcome(self, call: RecordOutcome) -> Recorded:
        """I9: record what a provider answered while the store was down. Retried until it succeeds."""
        return await self._record(call)

    async def _look(self, call: DeliverStep) -> StepResult:
        settled = await self.settle_step(SettleStep(instance_id=call.instance_id, step=call.step))
        if isinstance(settled, Ready | DecisionRefused):
            # a fresh activity may claim it; this one may not
            return Held(until=call.due_at, reason=Reason.NOT_SENT)
        return settled

    async def _deliver(self, call: DeliverStep, run: str) -> StepResult:
        claim = Claim(uuid.uuid4(), run, self._identity, lease_of(self._send_timeout))
        begun = _uptime()
        claimed = await self._claim(call, claim)
        if not isinstance(claimed, StoredDraft):
            return claimed
        outcome = await self._call_provider(claimed, claim, begun)
        told = RecordOutcome(
            instance_id=call.instance_id,
            step=call.step,
            token=str(claim.token),
            outcome=outcome,
            generation=claimed.generation,
        )
        try:
            result = await self._record(told)
        except Exception as error:  # I9: whatever kept it from being recorded, the answer is not lost with it
            log_place(f"{claimed.id}: {outcome.kind} {outcome.code} is recorded later", error)
            return Unrecorded(token=told.token, outcome=without_reply(outcome), generation=told.generation)
        if isinstance(outcome, Unknown) and isinstance(result, Paused):
            await signal_pause(self._identity)
        return result

    async def _claim(self, call: DeliverStep, claim: Claim) -> StoredDraft | Recorded:
        try:
            return await self._while_up(lambda connection: claim_step(connection, call, claim, self._policy))
        except IntegrityError as error:
            if not thread_was_busy(error):
                raise
        return await self._while_up(lambda connection: hold_for_thread(connection, call, self._identity))

    async def _call_provider(self, draft: StoredDraft, claim: Claim, begun: float) -> Outcome:
        """Make the one provider call. Whatever is not foreseen after it began is unknown."""

        async def may_cross() -> bool:
            # the database first: its answer may be long in coming, and the lease ends meanwhile
            return await self._still_holds(draft, claim) and claim.lease.goes_on(timedelta(seconds=_uptime() - begun))

        try:
            bounces_to = self._policy.links.envelope_sender(draft.message_hash, draft.sender)
            letter = Letter(draft.id, bounces_to, draft.recipient, draft.content)
            outcome = await self._provider.send(letter, may_cross)
        except Exception as error:
            log_place(f"{draft.id}: the provider adapter failed", error)
            return Unknown(code="unforeseen")
        LOG.info("%s: %s %s", draft.id, outcome.kind, outcome.code)
        return outcome

    async def _still_holds(self, draft: StoredDraft, claim: Claim) -> bool:
        try:
            async with self._engine.connect() as connection:
                # one statement, which needs no transaction around it
                await connection.execution_options(isolation_level="AUTOCOMMIT")
                return await holds_claim(connection, draft.id, claim)
        except SQLAlchemyError:
            return False  # who can't ask may not send

    async def _record(self, call: RecordOutcome) -> Recorded:
        answered = await self._while_up(lambda connection: record(connection, call, self._identity))
        if answered.late and not isinstance(answered.result, Paused):  # what still waits for a person is left to one
            await signal_resume(self._identity)
        return answered.result

    async def _while_up(self, transaction: Callable[[AsyncConnection], Awaitable[_T]]) -> _T:
        """Run a transaction; again, for a while, when PostgreSQL was down. Each is safe to run after itself."""
        give_up = _uptime() + _PATIENCE.total_seconds()
        while True:
            try:
                async with self._engine.begin() as connection:
                    return await transaction(connection)
            except DBAPIError as error:
                if not is_down(error) or _uptime() > give_up:
                    raise
            await asyncio.sleep(_PAUSE_BETWEEN_TRIES.total_seconds())


def _uptime() -> float:
    """Seconds on a clock that nobody sets and that goes on while the machine is suspended, where it has one (Linux)."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()
