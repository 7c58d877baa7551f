"""Enrolling leads: every step rendered once, then the facts in one transaction, then the workflow. All idempotent."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from enum import StrEnum
from itertools import islice
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.common import (
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError

from domain import sequence as sequences
from domain.instance import LONGEST_WORKFLOW_ID, InstanceKey, InstanceStatus, Reason, instance_id, workflow_id
from domain.lead import Lead
from domain.step import FollowUp
from intake.lead_file import BadRow, LeadRow
from mail.template import TemplateError, render_step
from store.instances import Enrolled, Enrolment, enroll, find_enrolled, mark_started, save_sequence
from store.leads import save_leads
from workflows import search_attributes
from workflows.follow_up import FollowUpWorkflow

# One transaction's worth: enough that its cost is spread, few enough that memory stays flat and locks short.
_BATCH = 250
# How many starts are under way at Temporal at a time; more only wait in its queue.
_STARTS_AT_ONCE = 32


class Answer(StrEnum):
    """What became of a row."""

    ENROLLED = "enrolled"
    ALREADY_ENROLLED = "already_enrolled"
    REFUSED = "refused"


class Result(NamedTuple):
    """What became of one row. `row` counts from 1 where the source has rows; `reason` is a sentence when refused."""

    answer: Answer
    lead_id: str = ""
    instance_id: str = ""
    row: int | None = None
    reason: str = ""


class EnrolmentError(Exception):
    """A sequence can't be enrolled in. The message is for people."""


def check_enrollable(sequence: sequences.Sequence) -> None:
    """Raise EnrolmentError for a sequence that asks for what is not done yet: it would send what nobody approved."""
    for order, step in enumerate(sequence.steps, start=1):
        if step.approval:
            raise EnrolmentError(
                f"{sequence.name}: step {order} has approval: true, and approvals are not supported yet; "
                "nobody was enrolled: remove it there, or wait with this sequence"
            )


class _Wanted(NamedTuple):
    lead: Lead
    instance_id: str


class Enroller:
    """Enrols leads of one workspace. `by` names who does, in the ledger."""

    def __init__(self, engine: AsyncEngine, client: Client, *, workspace: str, task_queue: str, by: str) -> None:
        self._engine = engine
        self._client = client
        self._workspace = workspace
        self._task_queue = task_queue
        self._by = by

    async def enroll(
        self, sequence: sequences.Sequence, rows: Iterable[Lead | LeadRow | BadRow], enrolment_key: str = ""
    ) -> AsyncIterator[Result]:
        """Enrol leads in a sequence, a batch at a time; yields what became of each row.

        Doing it again changes nothing, and starts what a failure left unstarted. Raises what the store and Temporal
        raise when they are down: the rows answered by then are enrolled, and enrolling again does the rest. Raises
        EnrolmentError before the first.
        """
        check_enrollable(sequence)
        source = iter(rows)
        while batch := list(islice(source, _BATCH)):
            wanted: list[_Wanted] = []
            for row in batch:
                checked = self._check(sequence, row, enrolment_key)
                if isinstance(checked, Result):
                    yield checked
                else:
                    wanted.append(checked)
            for result in await self._enroll(sequence, wanted):
                yield result

    def _check(
        self, sequence: sequences.Sequence, row: Lead | LeadRow | BadRow, enrolment_key: str
    ) -> _Wanted | Result:
        if isinstance(row, BadRow):
            return Result(Answer.REFUSED, row.lead_id, row=row.row, reason=row.problem)
        number, lead = (row.row, row.lead) if isinstance(row, LeadRow) else (None, row)
        identity = instance_id(InstanceKey(self._workspace, sequence.name, lead.lead_id, enrolment_key))
        problem = _problem(sequence, lead, identity)
        if not problem:
            return _Wanted(lead, identity)
        where = "" if number is None else f"row {number}: "
        return Result(Answer.REFUSED, lead.lead_id, row=number, reason=where + problem)

    async def _enroll(self, sequence: sequences.Sequence, wanted: Sequence[_Wanted]) -> list[Result]:
        enrolled = await self._store(sequence, wanted)
        waiting = [one for one in enrolled if not one.started]
        limit = asyncio.Semaphore(_STARTS_AT_ONCE)
        await asyncio.gather(*(self._start(sequence, one, limit) for one in waiting))
        async with self._engine.begin() as connection:
            await mark_started(connection, [one.instance_id for one in waiting])
        return [
            Result(Answer.ENROLLED if one.new else Answer.ALREADY_ENROLLED, one.lead_id, one.instance_id)
            for one in enrolled
        ]

    async def _store(self, sequence: sequences.Sequence, wanted: Sequence[_Wanted]) -> list[Enrolled]:
        """Write the facts of a batch. A lead that is enrolled already stays as it is."""
        wait = sequence.steps[0].wait.total_seconds()
        rows = [Enrolment(one.instance_id, one.lead.lead_id, len(sequence.steps), wait) for one in wanted]
        async with self._engine.begin() as connection:
            await save_sequence(connection, self._workspace, sequence)
            known = await find_enrolled(connection, [one.instance_id for one in wanted])
            fresh = [one.lead for one in wanted if one.instance_id not in known]
            await save_leads(connection, self._workspace, fresh)
            return await enroll(connection, self._workspace, sequence, rows, self._by)

    async def _start(self, sequence: sequences.Sequence, one: Enrolled, limit: asyncio.Semaphore) -> None:
        follow_up = FollowUp(instance_id=one.instance_id, steps=one.steps, first_due_at=one.first_due_at)
        async with limit:
            try:
                await self._client.start_workflow(
                    FollowUpWorkflow.run,
                    follow_up,
                    id=workflow_id(one.instance_id),
                    task_queue=self._task_queue,
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                    search_attributes=self._attributes(sequence.name, one.lead_id),
                    static_summary=f"{sequence.name}, {one.steps} steps",
                )
            except WorkflowAlreadyStartedError:
                return  # it ran and closed; starting it again is what must not happen

    def _attributes(self, sequence: str, lead_id: str) -> TypedSearchAttributes:
        return TypedSearchAttributes(
            [
                SearchAttributePair(search_attributes.STATUS, InstanceStatus.ACTIVE),
                SearchAttributePair(search_attributes.REASON, Reason.NONE),
                SearchAttributePair(search_attributes.SEQUENCE, sequence),
                SearchAttributePair(search_attributes.WORKSPACE, self._workspace),
                SearchAttributePair(search_attributes.LEAD, lead_id),
            ]
        )


def _problem(sequence: sequences.Sequence, lead: Lead, identity: str) -> str:
    """Say why a lead can't be enrolled; nothing when it can."""
    try:
        for order in range(1, len(sequence.steps) + 1):
            render_step(sequence, order, lead)
    except TemplateError as error:
        return str(error)
    if len(workflow_id(identity)) > LONGEST_WORKFLOW_ID:
        return f"lead_id: the id {identity} is longer than Temporal takes: shorten lead_id or enrolment key"
    return ""
