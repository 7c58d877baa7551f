"""The operators: they settle by the peer's log, approve, pause, resume, stop and reset, by the real commands' words."""

import asyncio
import random
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.service import RPCError

from domain.command import APPROVE, RESUME, Approve, Command, Decision, Pause, Reject, Resume, Stop
from domain.instance import Reason, workflow_id
from operating.acting.act import act
from proof.chaos.log import read_taken
from proof.chaos.schedule import SMTP
from proof.chaos.world import World
from store.listing import find_by_prefix

_Work = Callable[[], Awaitable[None]]
_BY = "chaos-operator"
_EVERY = 1.0  # seconds between two looks
_AT_ONCE = 24
_MEDDLERS, _MEDDLES = 3, 0.15  # so many people, in so many of their looks
# The log is behind while the peer, or the way to it, stands still, and for a moment after.
_LOG_IS_BEHIND = 3.0
_UNKNOWN = "SELECT instance_id, message_id, overdue_at FROM drafts WHERE state = 'unknown'"
_WAITING = "SELECT instance_id, fingerprint FROM drafts WHERE state = 'awaiting_approval'"
# An overdue claim belongs to nobody any more, and a resume finds that out; an unknown one is settled, not resumed.
# One whose address is another's goes on when that one has ended: a person who lets both go on means to.
_PAUSED = """
    SELECT id, reason FROM instances WHERE status = 'paused' AND NOT EXISTS (SELECT 1 FROM drafts
      WHERE instance_id = instances.id AND (state = 'unknown' OR state = 'sending' AND overdue_at > now()))
    AND (reason <> 'recipient_in_use' OR NOT EXISTS (SELECT 1 FROM leads own
      JOIN leads their ON their.workspace = own.workspace AND lower(their.email) = lower(own.email)
      JOIN instances other ON other.workspace = their.workspace AND other.lead_id = their.lead_id
      WHERE own.workspace = instances.workspace AND own.lead_id = instances.lead_id
      AND other.lead_id <> instances.lead_id AND other.status NOT IN ('completed', 'stopped')))"""
_HELD = """
    SELECT id FROM instances WHERE status = 'held' AND reason <> 'lead_weekly_cap'
    AND until > now() + interval '3 seconds'"""
# A week is longer than a run.
_CAPPED = "SELECT id FROM instances WHERE status = 'held' AND reason = 'lead_weekly_cap'"
_RUNNING = """
    SELECT id FROM instances WHERE status NOT IN ('completed', 'stopped')
    AND NOT EXISTS (SELECT 1 FROM drafts WHERE instance_id = instances.id AND state IN ('sending', 'unknown'))"""
_UNDER_WAY = "SELECT id FROM instances WHERE status NOT IN ('completed', 'stopped')"
# Nothing keeps them, and they are not going on; a claim that is overdue is what the audit names.
_IDLE = """
    SELECT id, (SELECT fingerprint FROM drafts WHERE instance_id = instances.id AND step = 2) AS fingerprint
    FROM instances
    WHERE (status IN ('completed', 'stopped') OR status IN ('active', 'held') AND until < now() - interval '8 seconds')
    AND NOT EXISTS (SELECT 1 FROM drafts
      WHERE instance_id = instances.id AND (state = 'unknown' OR state = 'sending' AND overdue_at > now()))"""
_UNDONE = """
    SELECT id FROM instances WHERE status NOT IN ('completed', 'stopped')
    OR EXISTS (SELECT 1 FROM drafts WHERE instance_id = instances.id AND state IN ('sending', 'unknown'))"""


class Operators:
    """People at their work. `done` counts what they did, `stopped_at` tells when a stop of theirs was answered.

    `ending` are the instances to which they said what ends a step, answered or not.
    """

    def __init__(self, world: World, seed: int) -> None:
        self._world, self._dice = world, random.Random(f"operators {seed}")
        self._limit = asyncio.Semaphore(_AT_ONCE)
        self.done: Counter[str] = Counter()
        self.stopped_at: dict[str, float] = {}
        self.reset: set[str] = set()
        self.ending: set[str] = set()

    async def work(self) -> None:
        """Do what comes up, and at random what nobody asked for; until cancelled. Nobody waits for another."""
        works: list[_Work] = [self._settle, partial(self._approve, 0.6), partial(self._resume, 0.3)]
        await asyncio.gather(*map(_again_and_again, [*works, *[self._meddle] * _MEDDLERS]))

    async def finish(self) -> int:
        """Do all that waits for a person; returns how many follow-ups have not ended, or their workflows."""
        works = self._settle(), self._approve(1), self._resume(1), self._hasten(), self._say_again(), self._end_capped()
        await _as_far_as_possible(*works)
        return max(len(await self._rows(_UNDONE)), len(await self._world.running_workflows()))

    async def _settle(self) -> None:
        """Say what the log says; that a message is not in it only when it is overdue, and the log is not behind."""
        unknown = await self._rows(_UNKNOWN)
        behind, now = self._log_is_behind(), datetime.now(UTC)
        taken = {one.message_id for one in read_taken(self._world.folder)}
        decided = [
            (draft.instance_id, Decision.SENT if draft.message_id in taken else Decision.NOT_SENT)
            for draft in unknown
            if draft.message_id in taken or (draft.overdue_at < now and not behind)
        ]
        await self._all(self._tell(one, f"settled as {what}", Resume(decision=what, by=_BY)) for one, what in decided)

    async def _approve(self, share: float) -> None:
        waiting = [one for one in await self._rows(_WAITING) if self._dice.random() < share]
        words: dict[str, Command] = {
            one.instance_id: Approve(fingerprint=one.fingerprint[:8], by=_BY)
            if self._dice.random() > 0.05
            else Reject(by=_BY)
            for one in waiting
        }
        self.ending |= {one for one, word in words.items() if isinstance(word, Reject)}
        await self._all(
            self._tell(one, "approved" if isinstance(word, Approve) else "rejected", word)
            for one, word in words.items()
        )

    async def _resume(self, share: float) -> None:
        paused = [one for one in await self._rows(_PAUSED) if self._dice.random() < share]
        await self._all(
            self._tell(one.id, "resumed", Resume(paused_for=Reason(one.reason), by=_BY))
            for one in paused
            if one.reason != Reason.SEND_OUTCOME_UNKNOWN
        )

    async def _hasten(self) -> None:
        """A pause that is resumed is no longer held for the back-off after a failure."""
        await self._all(self._tell(one.id, "hastened", Pause(by=_BY)) for one in await self._rows(_HELD))

    async def _end_capped(self) -> None:
        await self._all(self._stop(one.id) for one in await self._rows(_CAPPED))

    async def _say_again(self) -> None:
        """Say what was said before to whom it was lost on: a run that was reset may begin with what it waits for."""
        idle = {row.id: row.fingerprint for row in await self._rows(_IDLE) if row.id in self.reset}
        running = await self._world.running_workflows() if idle else set()
        await self._all(self._repeat(one, idle[one]) for one in idle if one in running)

    async def _repeat(self, instance_id: str, approved: str | None) -> None:
        handle = self._world.client.get_workflow_handle(workflow_id(instance_id))
        words = [(RESUME, Resume(by=_BY)), (APPROVE, Approve(fingerprint=approved or "0" * 8, by=_BY))]
        for name, word in words:
            with suppress(WorkflowUpdateFailedError):
                await handle.execute_update(name, word)
                self.done["said again after a reset"] += 1

    async def _meddle(self) -> None:
        """Pause, stop or reset somebody, now and then."""
        meddlings = ((_UNDER_WAY, self._pause), (_RUNNING, self._stop), (_UNDER_WAY, self._reset))
        statement, meddle = self._dice.choices(meddlings, (3, 1, 3))[0]
        if self._dice.random() < _MEDDLES and (found := await self._rows(statement)):
            await meddle(self._dice.choice(found).id)

    async def _pause(self, instance_id: str) -> None:
        await self._tell(instance_id, "paused", Pause(by=_BY))

    async def _stop(self, instance_id: str) -> None:
        self.ending.add(instance_id)
        if await self._tell(instance_id, "stopped", Stop(by=_BY)):
            self.stopped_at.setdefault(instance_id, time.time())

    async def _reset(self, instance_id: str) -> None:
        client, name = self._world.client, workflow_id(instance_id)
        history = client.get_workflow_handle(name).fetch_history_events()
        tasks = [
            one.event_id async for one in history if one.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
        ]
        if not tasks:
            return
        self.reset.add(instance_id)  # it may be done though its answer is lost
        await client.workflow_service.reset_workflow_execution(
            ResetWorkflowExecutionRequest(
                namespace=client.namespace,
                workflow_execution=WorkflowExecution(workflow_id=name),
                reason="an operator's finger",
                workflow_task_finish_event_id=self._dice.choice(tasks),
                request_id=str(uuid.uuid4()),
            )
        )
        self.done["reset"] += 1

    async def _tell(self, instance_id: str, what: str, command: Command) -> bool:
        async with self._limit, self._world.engine.connect() as connection:
            [found] = await find_by_prefix(connection, instance_id)
        async with self._limit:
            answer = await act(self._world.engine, self._world.client, found, command, "chaos")
        self.done[what] += answer.done
        return answer.done

    async def _all(self, words: Iterable[Awaitable[Any]]) -> None:
        for result in await asyncio.gather(*words, return_exceptions=True):
            if isinstance(result, Exception) and not isinstance(result, _BROKEN):
                raise result

    def _log_is_behind(self) -> bool:
        recently = time.time() - _LOG_IS_BEHIND
        return any(one.target.endswith(SMTP) and one.ended > recently for one in self._world.happened)

    async def _rows(self, statement: str) -> list[Any]:
        async with self._world.engine.connect() as connection:
            return list(await connection.execute(text(statement)))


# What a broken world makes of a command. It is said again in the next round.
_BROKEN = (SQLAlchemyError, RPCError, OSError, RuntimeError)


async def _again_and_again(work: _Work) -> None:
    while True:
        await _as_far_as_possible(work())
        await asyncio.sleep(_EVERY)


async def _as_far_as_possible(*works: Awaitable[None]) -> None:
    for result in await asyncio.gather(*works, return_exceptions=True):
        if isinstance(result, Exception) and not isinstance(result, _BROKEN):
            raise result
