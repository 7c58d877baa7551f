"""Enrolling leads: the facts in one transaction, every step rendered once, then the workflow. All idempotent."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from domain import sequence as sequences
from domain.instance import InstanceKey, InstanceStatus, instance_id
from domain.lead import Lead
from intake.files.lead_file import BadRow, LeadRow
from intake.starting import Starter
from mail.links import stand_in_url
from transactions.enrol import Enrolling, EnrolmentResults, Placed, WantedEnrolment, store_enrolments

# One transaction's worth: enough that its cost is spread, few enough that memory stays flat and locks short.
_BATCH = 250


class RowResult(StrEnum):
    """What became of a row.

    ENROLLED: a follow-up begins. ALREADY_ENROLLED: it had begun before. STOPPED: it was enrolled, and a stop that is
    not older ends it at once. SUPPRESSED: it is enrolled, and nothing is sent to its address. REFUSED: it is not
    enrolled.
    """

    ENROLLED = "enrolled"
    ALREADY_ENROLLED = "already_enrolled"
    STOPPED = "stopped"
    SUPPRESSED = "suppressed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of one row. `row` counts from 1 where the source has rows.

    `reason` is a sentence wherever somebody should know more than the answer tells: then not all is as it was asked.
    """

    answer: RowResult
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
            numbers: dict[str, int | None] = {}
            wanted: list[WantedEnrolment] = []
            for row in batch:
                if isinstance(row, BadRow):
                    yield Result(answer=RowResult.REFUSED, lead_id=row.lead_id, row=row.row, reason=row.problem)
                    continue
                number, lead = (row.row, row.lead) if isinstance(row, LeadRow) else (None, row)
                key = InstanceKey(self._workspace, sequence.name, lead.lead_id, enrolment_key)
                wanted.append(WantedEnrolment(lead, instance_id(key)))
                numbers[wanted[-1].instance_id] = number
            for result in await self._enroll(sequence, wanted, numbers):
                yield result

    async def _enroll(
        self, sequence: sequences.Sequence, wanted: Sequence[WantedEnrolment], numbers: Mapping[str, int | None]
    ) -> list[Result]:
        enrolling = Enrolling(
            workspace=self._workspace, sequence=sequence, at=datetime.now(UTC), by=self._by, link=self._link
        )
        async with self._engine.begin() as connection:
            stored = await store_enrolments(connection, enrolling, wanted)
        await self._starter.start(stored.enrolled, self._by)
        await self._starter.stop_each(stored.ended, self._by)
        return [_result(one, stored, numbers[one.instance_id]) for one in wanted]


def _result(one: WantedEnrolment, stored: EnrolmentResults, row: int | None) -> Result:
    where = "" if row is None else f"row {row}: "
    lead_id = one.lead.lead_id
    if refused := stored.refused.get(one.instance_id):
        about = "" if refused.other is None else f"lead {lead_id} "
        reason = f"{where}{about}{refused.sentence}"
        return Result(answer=RowResult.REFUSED, lead_id=lead_id, row=row, reason=reason)
    answer, reason = _answer(stored.placed[one.instance_id])
    said = f"{where}lead {lead_id} {reason}" if reason else ""
    return Result(answer=answer, lead_id=lead_id, instance_id=one.instance_id, row=row, reason=said)


def _answer(placed: Placed) -> tuple[RowResult, str]:
    enrolled = placed.enrolled
    if enrolled.new and enrolled.status is InstanceStatus.STOPPED:
        return RowResult.STOPPED, "is stopped at once: a stop that is not older than this enrolment was recorded before"
    if placed.suppressed and enrolled.status not in (InstanceStatus.COMPLETED, InstanceStatus.STOPPED):
        return (
            RowResult.SUPPRESSED,
            "has a suppressed address: nothing is sent to it (see `followup suppress list`)",
        )
    if not enrolled.new and placed.differs:
        fields = ", ".join(placed.differs)
        return (
            RowResult.ALREADY_ENROLLED,
            f"is enrolled already, with another {fields}: nothing was changed; send lead.updated to change it",
        )
    return (RowResult.ENROLLED if enrolled.new else RowResult.ALREADY_ENROLLED), ""
