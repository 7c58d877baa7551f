"""Enrolling leads: every step rendered once, then the facts in one transaction, then the workflow. All idempotent."""

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from domain import sequence as sequences
from domain.enrolling import sentence
from domain.instance import LONGEST_WORKFLOW_ID, InstanceKey, instance_id, workflow_id
from domain.lead import Lead
from intake.lead_file import BadRow, LeadRow
from intake.starting import Starter
from intake.storing import Enrolling, Stored, Wanted, store_enrolments
from mail.links import stand_in_url
from mail.template import TemplateError, render_step

# One transaction's worth: enough that its cost is spread, few enough that memory stays flat and locks short.
_BATCH = 250


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


class Enroller:
    """Enrols leads of one workspace. `by` names who does, in the ledger; `public_url` is what the links begin with."""

    def __init__(
        self,
        engine: AsyncEngine,
        client: Client,
        *,
        workspace: str,
        task_queue: str,
        by: str,
        public_url: str | None = None,
    ) -> None:
        self._engine = engine
        self._starter = Starter(engine, client, workspace=workspace, task_queue=task_queue)
        self._workspace = workspace
        self._by = by
        self._link = stand_in_url(public_url)

    async def enroll(
        self, sequence: sequences.Sequence, rows: Iterable[Lead | LeadRow | BadRow], enrolment_key: str = ""
    ) -> AsyncIterator[Result]:
        """Enrol leads in a sequence, a batch at a time; yields what became of each row.

        Doing it again changes nothing, and starts what a failure left unstarted. Raises what the store and Temporal
        raise when they are down: the rows answered by then are enrolled, and enrolling again does the rest.
        """
        source = iter(rows)
        while batch := list(islice(source, _BATCH)):
            wanted: list[tuple[int | None, Wanted]] = []
            for row in batch:
                checked = self._check(sequence, row, enrolment_key)
                if isinstance(checked, Result):
                    yield checked
                else:
                    wanted.append((row.row if isinstance(row, LeadRow) else None, checked))
            for result in await self._enroll(sequence, wanted):
                yield result

    def _check(self, sequence: sequences.Sequence, row: Lead | LeadRow | BadRow, enrolment_key: str) -> Wanted | Result:
        if isinstance(row, BadRow):
            return Result(Answer.REFUSED, row.lead_id, row=row.row, reason=row.problem)
        number, lead = (row.row, row.lead) if isinstance(row, LeadRow) else (None, row)
        identity = instance_id(InstanceKey(self._workspace, sequence.name, lead.lead_id, enrolment_key))
        problem = enrolment_problem(sequence, lead, identity, self._link)
        if not problem:
            return Wanted(lead, identity)
        where = "" if number is None else f"row {number}: "
        return Result(Answer.REFUSED, lead.lead_id, row=number, reason=where + problem)

    async def _enroll(self, sequence: sequences.Sequence, wanted: Sequence[tuple[int | None, Wanted]]) -> list[Result]:
        enrolling = Enrolling(self._workspace, sequence, datetime.now(UTC), self._by)
        async with self._engine.begin() as connection:
            stored = await store_enrolments(connection, enrolling, [one for _, one in wanted])
        await self._starter.start(stored.enrolled, self._by)
        return [
            *(self._refusal(sequence, row, one, stored) for row, one in wanted if one.instance_id in stored.refused),
            *(
                Result(Answer.ENROLLED if one.new else Answer.ALREADY_ENROLLED, one.lead_id, one.instance_id)
                for one in stored.enrolled
            ),
        ]

    def _refusal(self, sequence: sequences.Sequence, row: int | None, one: Wanted, stored: Stored) -> Result:
        lead_id, where = one.lead.lead_id, "" if row is None else f"row {row}: "
        reason = f"{where}lead {lead_id} {sentence(stored.refused[one.instance_id], sequence.name)}"
        return Result(Answer.REFUSED, lead_id, row=row, reason=reason)


def enrolment_problem(sequence: sequences.Sequence, lead: Lead, identity: str, link: str | None = None) -> str:
    """Say why a lead can't be enrolled; nothing when it can. `link` stands for that of each message, if it has one."""
    try:
        for order in range(1, len(sequence.steps) + 1):
            render_step(sequence, order, lead, link)
    except TemplateError as error:
        return str(error)
    if len(workflow_id(identity)) > LONGEST_WORKFLOW_ID:
        return f"lead_id: the id {identity} is longer than Temporal takes: shorten lead_id or enrolment key"
    return ""
