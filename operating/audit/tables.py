"""The audit of our own tables, and of Temporal beside them: page by page, so that it never holds them."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client, WorkflowExecutionStatus

from domain.instance import FINAL, InstanceStatus, workflow_id
from operating.audit.alike import alike_findings
from operating.audit.copies import copy_findings
from operating.audit.finding import Finding, Kind, Mark, Report
from operating.audit.running import describe, not_running, running_instances
from operating.audit.sending import TaskRow, task_findings, thread_findings
from operating.audit.threads import sent_threads
from store.audit import AuditedInstance, find_doubled_tasks, find_ended, find_stuck, read_instances
from store.copies import find_copies
from store.counting import StepKind, Unaccounted, count_steps_of, find_unaccounted, find_untold
from store.draft_view import read_drafts
from store.instances import find_enrolled, find_instances
from store.ledger import read_ledger

# A workflow starts and ends within seconds of its row; one that has not after as long as this was left behind.
_WITHIN = timedelta(minutes=5)
_ENDED = {
    None: "Temporal knows no workflow of it",
    WorkflowExecutionStatus.TERMINATED: "its workflow was ended from outside (terminated)",
    WorkflowExecutionStatus.CANCELED: "its workflow was ended from outside (cancelled)",
    WorkflowExecutionStatus.TIMED_OUT: "its workflow was ended by a time-out",
    WorkflowExecutionStatus.FAILED: "its workflow failed",
}


class World(NamedTuple):
    """What is looked at. `advance` is told of every instance that was."""

    engine: AsyncEngine
    client: Client
    workspace: str
    burst: timedelta
    advance: Callable[[int], None]


async def audit_tables(world: World, report: Report) -> None:
    """Look at everything of a workspace."""
    await _running(world, report)
    async for page in _instances(world):
        gone = await _without_workflow(world, page, report)
        await _count(world, page, gone, report)
        await _tasks(world, page, report)
        await _copies(world, page, report)
        world.advance(len(page))
    await _stuck(world, report)
    async for thread in sent_threads(world.engine, world.workspace):
        report.looked_at["messages sent"] += len(thread)
        report.add(thread_findings(thread, world.burst))
    async for finding in alike_findings(world.engine, world.workspace, world.burst):
        report.add([finding])


async def _instances(world: World) -> AsyncIterator[list[AuditedInstance]]:
    last: AuditedInstance | None = None
    while True:
        async with world.engine.connect() as connection:
            page = await read_instances(connection, world.workspace, last)
        if not page:
            return
        yield page
        last = page[-1]


async def _running(world: World, report: Report) -> None:
    """Find the workflows that run and that nobody enrolled, or whose follow-ups have ended."""
    long_ago = datetime.now(UTC) - _WITHIN
    async for page in running_instances(world.client, world.workspace):
        report.looked_at["running workflows"] += len(page)
        async with world.engine.connect() as connection:
            unknown = set(page) - await find_enrolled(connection, page)
            ended = await find_ended(connection, page, long_ago)
        said = await describe(world.client, sorted(unknown | ended.keys()))
        run = [one for one, status in said.items() if status is WorkflowExecutionStatus.RUNNING]
        report.add(_still_runs(one, ended[one]) if one in ended else _no_row(one) for one in run)


def _no_row(instance: str) -> Finding:
    sentence = f"the workflow {workflow_id(instance)} runs, and the tables know no such follow-up: nobody enrolled it"
    return Finding(Kind.NO_ROW, instance, None, sentence)


def _still_runs(instance: str, status: InstanceStatus) -> Finding:
    sentence = (
        f"the follow-up is {status} and its workflow {workflow_id(instance)} goes on: it sends nothing more; see "
        "that a worker polls, and if it goes on even so, terminate it in the Web UI: nothing is lost"
    )
    return Finding(Kind.STILL_RUNS, instance, None, sentence)


async def _without_workflow(world: World, page: list[AuditedInstance], report: Report) -> set[str]:
    """Find those that are under way while their workflow is not; returns their ids."""
    long_ago = datetime.now(UTC) - _WITHIN
    rows = {
        one.instance_id: one
        for one in page
        if one.status not in FINAL and (one.started_at is not None or one.enrolled_at < long_ago)
    }
    ended = await not_running(world.client, rows)
    if not ended:
        return set()
    async with world.engine.connect() as connection:  # it may have come to its end meanwhile
        over = {one.instance_id for one in await find_instances(connection, list(ended)) if one.status in FINAL}
    for instance, status in ended.items():
        if instance not in over:
            await _add_gone(world, rows[instance], status, report)
    return ended.keys() - over


async def _add_gone(world: World, row: AuditedInstance, status: WorkflowExecutionStatus | None, report: Report) -> None:
    kind = Kind.NOT_STARTED if status is None and row.started_at is None else Kind.WORKFLOW_GONE
    said, marks = "", tuple[Mark, ...]()
    if report.keeps(kind):
        state, marks = await _story(world, row.instance_id, row.step)
        reason = "" if row.reason == "none" else f", {row.reason}"
        was = f"while step {row.step} was {state or 'not drafted'} (the follow-up is {row.status}{reason})"
        how = _ENDED.get(status, f"its workflow has ended ({status.name.lower() if status else ''})")
        said = f"{how} {was}: nothing more happens by itself, a person has to see to it"
        if kind is Kind.NOT_STARTED:
            said = "it was enrolled and its workflow was never started: enrol the lead again, which starts it"
    report.add([Finding(kind, row.instance_id, str(row.step), said, marks)])


async def _count(world: World, page: list[AuditedInstance], gone: set[str], report: Report) -> None:
    """I6: count what each step counts as; of an instance whose workflow is gone, what waits has been stopped."""
    ids = [one.instance_id for one in page]
    async with world.engine.connect() as connection:
        counts = await count_steps_of(connection, ids)
        lost = [*await find_unaccounted(connection, ids), *await find_untold(connection, ids)]
    for one in counts:
        stopped = one.instance_id in gone and one.kind in (StepKind.PENDING, StepKind.HELD)
        report.steps[StepKind.STOPPED if stopped else one.kind] += one.steps
    report.looked_at["instances"] += len(page)
    for step in lost:
        marks = (await _story(world, step.instance_id, step.step))[1] if report.keeps(Kind.UNACCOUNTED) else ()
        report.add([Finding(Kind.UNACCOUNTED, step.instance_id, str(step.step), _unaccounted(step), marks)])


def _unaccounted(lost: Unaccounted) -> str:
    where = f"step {lost.step} of {lost.instance_id}"
    if lost.state is None and lost.told is None:
        return f"{where} is behind a follow-up that is {lost.status}, and nothing says what became of it"
    if lost.state is None:
        return f"{lost.instance_id} is {lost.status}, and the ledger says {lost.told}"
    if lost.told is None or lost.told == lost.state:
        return f"{where}: its draft is {lost.state} and the follow-up is {lost.status}; the ledger does not explain it"
    return f"{where}: its draft is {lost.state}, and the ledger says {lost.told}"


async def _tasks(world: World, page: list[AuditedInstance], report: Report) -> None:
    async with world.engine.connect() as connection:
        tasks = await find_doubled_tasks(connection, [one.instance_id for one in page])
    report.add(task_findings(TaskRow(one.instance_id, str(one.step), one.kind, one.opened_at) for one in tasks))


async def _copies(world: World, page: list[AuditedInstance], report: Report) -> None:
    async with world.engine.connect() as connection:
        copies = await find_copies(connection, [one.instance_id for one in page])
    report.add(copy_findings(copies))


async def _stuck(world: World, report: Report) -> None:
    async with world.engine.connect() as connection:
        stuck = await find_stuck(connection, world.workspace)
    for one in stuck:
        said = (
            f"step {one.step} of {one.instance_id} is being sent since {one.claimed_at:%Y-%m-%d %H:%M:%S} UTC; its "
            f"answer is overdue since {one.overdue_at:%Y-%m-%d %H:%M:%S} UTC, and nobody has settled it"
        )
        marks = (Mark(one.claimed_at, "claimed"), Mark(one.overdue_at, "overdue"))
        report.add([Finding(Kind.STUCK_SENDING, one.instance_id, str(one.step), said, marks)])


async def _story(world: World, instance: str, step: int) -> tuple[str, tuple[Mark, ...]]:
    """The state of a step's draft, and what happened to the step."""
    async with world.engine.connect() as connection:
        drafts = await read_drafts(connection, instance)
        ledger = await read_ledger(connection, instance)
    state = next((draft.state for draft in drafts if draft.step == step), "")
    marks = [Mark(entry.at, f"{entry.subject} {entry.to_state}") for entry in ledger if entry.step in (None, step)]
    return state, tuple(marks[-20:])
