"""What a run comes to: its figures, its zeros, and, of what is none, the whole story."""

import time
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import text
from temporalio.api.enums.v1 import EventType
from temporalio.service import RPCError, RPCStatusCode

from domain.instance import workflow_id
from proof.chaos.app import App
from proof.chaos.breaking import Breaker
from proof.chaos.counting import (
    Claim,
    Draft,
    Offences,
    Trouble,
    Unsure,
    broken_promises,
    ended_for_nothing,
    is_written_off,
    unexplained,
    written_off,
)
from proof.chaos.log import Taken, Wrong, read_taken, read_wrong
from proof.chaos.operators import Operators
from proof.chaos.people import enrolled_at, shared, stopped
from proof.chaos.recipients import Known, broken_to_recipients
from proof.chaos.schedule import OUTSIDE, WORKERS, How, Kind
from proof.chaos.story import SENDERS, STEPS, TOLERANT, WORKSPACES
from proof.chaos.world import CAPS, World
from store.counting import StepKind, count_steps
from store.ledger import read_ledger

PROMISES = (
    "duplicates",
    "missing",
    "not known as sent",
    "uncounted",
    "claimed after a stop",
    "mailed after a stop",
    "two at a time",
    "the same again",
    "over the cap",
    "of another workspace",
    "ended for nothing",
    "unexplained",
    "ended by itself",
    "audit's findings",
)
_ENDED = {StepKind.SENT, StepKind.SKIPPED, StepKind.REFUSED, StepKind.STOPPED}
_DRAFTS = """
    SELECT d.instance_id, i.workspace || '/' || i.lead_id, d.step, d.message_id, d.state, d.why
    FROM drafts d JOIN instances i ON i.id = d.instance_id"""
_CLAIMS = """
    SELECT l.instance_id, i.workspace || '/' || i.lead_id, l.step, extract(epoch FROM l.at)::float8 AS at, l.who
    FROM ledger l JOIN instances i ON i.id = l.instance_id WHERE subject = 'draft' AND to_state = 'sending'"""
_UNSURE = """
    SELECT l.instance_id, lower(d.recipient) AS recipient, l.step, extract(epoch FROM c.at)::float8 AS claimed_at,
      extract(epoch FROM l.at)::float8 AS marked_at, c.who
    FROM ledger l JOIN drafts d ON (d.instance_id, d.step) = (l.instance_id, l.step) JOIN LATERAL (
      SELECT at, who FROM ledger WHERE instance_id = l.instance_id AND step = l.step AND subject = 'draft'
      AND to_state = 'sending' AND id < l.id ORDER BY id DESC LIMIT 1) c ON true
    WHERE l.subject = 'draft' AND l.to_state = 'unknown'"""
_INSTANCES = "SELECT id, workspace || '/' || lead_id AS lead FROM instances"
_UNENDED = """
    SELECT id, status, reason, step FROM instances WHERE status NOT IN ('completed', 'stopped')
    OR EXISTS (SELECT 1 FROM drafts WHERE instance_id = instances.id AND state NOT IN
      ('sent', 'refused', 'skipped', 'stopped', 'discarded', 'done'))"""


class Result(NamedTuple):
    """One run: figures by name, what was done by whom, and the offences."""

    seed: int
    figures: dict[str, int]
    faults: Counter[str]
    operators: Counter[str]
    offences: Offences
    seconds: float

    @property
    def kept(self) -> bool:
        """Whether every promise was."""
        return not any(self.offences.values())


class Actors(NamedTuple):
    """Who did something in a run."""

    app: App
    operators: Operators
    breaker: Breaker


async def read_result(world: World, actors: Actors, seed: int, begun: float, audit: tuple[int, str]) -> Result:
    """Count everything."""
    taken, wrong = read_taken(world.folder), read_wrong(world.folder)
    drafts = [Draft(*row) for row in await _rows(world, _DRAFTS)]
    claimed = await _rows(world, _CLAIMS)
    claims = [Claim(*row[:4]) for row in claimed]
    unsure = [_unsure(world, row) for row in await _rows(world, _UNSURE)]
    instances = {row.id: row.lead for row in await _rows(world, _INSTANCES)}
    app, stopped_at = actors.app, actors.app.stopped_at | actors.operators.stopped_at
    lost = app.enrolled - set(instances.values()) | app.not_enrolled - shared(app.story.leads)
    offences = broken_promises(taken, drafts, lost, claims, stopped_at)
    began = app.beginning.timestamp()
    known = Known(
        senders=SENDERS,
        tolerant=TOLERANT,
        moved={event.lead for event in app.story.events if event.type == "lead.updated"},
        asked_at=enrolled_at(app.story, app.heard, began),
        ended_at=_ended_at(instances, stopped_at),
        written_off={draft.message_id for draft in drafts if is_written_off(draft)},
        caps=CAPS,
    )
    offences |= broken_to_recipients(taken, claims, stopped(app.story, app.heard, began), known)
    troubles = [Trouble(one.target, one.begun, one.ended) for one in world.happened if one.kind is not Kind.MISBEHAVE]
    troubles += [Trouble(f"to:{one.recipient}", one.at, one.at) for one in wrong if one.phase in OUTSIDE]
    those = {one: {lead, *_persons(app, lead)} for one, lead in instances.items()}
    offences["ended for nothing"] = ended_for_nothing(those, drafts, _causes(actors, wrong))
    by_worker = Counter(_worker(world, row.who, row.at) for row in claimed)
    offences["ended by itself"] = {
        name: f"{part.ended_by_itself} times" for name, part in world.parts.items() if part.ended_by_itself
    }
    offences["unexplained"] = unexplained(unsure, troubles)
    offences["uncounted"], steps = await _uncounted(world)
    offences["audit's findings"] = {} if audit[0] == 0 else {"audit": audit[1]}
    figures = {
        "leads": len(actors.app.enrolled),
        "not enrolled": len(actors.app.not_enrolled),
        "addresses of several": _of_several(taken),
        "steps": sum(steps.values()),
        **{str(kind): steps[kind] for kind in StepKind},
        "drawn": actors.breaker.begun,
        "sends": len(taken),
        "peer went wrong": len(wrong),
        "unknown": len(unsure),
        "written off": written_off(taken, drafts),
        "stops": len(stopped_at),
        "deliveries": actors.app.deliveries,
        "redeliveries": actors.app.redeliveries,
        **{f"claims of {name}": by_worker[name] for name in WORKERS},
    }
    return Result(seed, figures, actors.breaker.done, actors.operators.done, offences, time.time() - begun)


def _persons(app: App, lead: str) -> set[str]:
    """Name everybody that a lead ever was: its addresses, in its workspace."""
    workspace = lead.partition("/")[0]
    return {f"{workspace}/{address}" for address in app.story.leads.get(lead, ())}


def _causes(actors: Actors, wrong: list[Wrong]) -> set[str]:
    """Name whom something was said of, or answered to, that ends a step."""
    workspaces = {sender: workspace for workspace, sender in SENDERS.items()}
    refused = {f"{workspaces.get(one.sender)}/{one.recipient}" for one in wrong if one.how == How.NEVER}
    leads = actors.app.stopped_at.keys()
    persons = {person for lead in leads for person in _persons(actors.app, lead)}
    return leads | persons | refused | actors.operators.ending


def _ended_at(instances: Mapping[str, str], stopped_at: Mapping[str, float]) -> dict[str, float]:
    """Tell when a follow-up's own stop was answered, an operator's or its lead's."""
    never = float("inf")
    return {one: min(stopped_at.get(one, never), stopped_at.get(lead, never)) for one, lead in instances.items()}


def _of_several(taken: list[Taken]) -> int:
    """Count the addresses that got messages of several follow-ups."""
    pairs = {(one.person, one.instance_id) for one in taken}
    return sum(times > 1 for times in Counter(person for person, _ in pairs).values())


async def tell_story(world: World, instance_id: str) -> list[str]:
    """Tell all that happened to one follow-up, in the order of time."""
    async with world.engine.connect() as connection:
        ledger = await read_ledger(connection, instance_id)
    drafts = await _rows(world, "SELECT instance_id, lower(recipient) AS recipient FROM drafts")
    recipients = {one.recipient for one in drafts if one.instance_id == instance_id}
    story = [
        (
            one.at.timestamp(),
            f"step {one.step} {one.subject} {one.from_state or ''} -> {one.to_state}: {one.who}: {one.why}",
        )
        for one in ledger
    ]
    story += [
        (one.at, f"the peer took {one.mark}, to {one.recipient}")
        for one in read_taken(world.folder)
        if one.recipient in recipients or one.instance_id == instance_id
    ]
    story += [
        (one.at, f"the peer: {one.phase}, {one.how}, to {one.recipient}")
        for one in read_wrong(world.folder)
        if one.recipient in recipients
    ]
    first, last = min(story, default=(0.0, ""))[0], max(story, default=(0.0, ""))[0]
    for one in world.happened:
        # of the peer's own words those to this lead are told above
        if one.kind is not Kind.MISBEHAVE and one.ended >= first - 5 and one.begun <= last + 5:
            story.append((one.begun, f"    {one.target}: {one.kind}, for {one.ended - one.begun:.1f} s"))
    story += await _told_by_temporal(world, instance_id)
    return [f"{datetime.fromtimestamp(at, UTC):%H:%M:%S.%f} {words}" for at, words in sorted(story)]


async def _told_by_temporal(world: World, instance_id: str) -> list[tuple[float, str]]:
    """Tell the current run's history, and what it is about."""
    handle = world.client.get_workflow_handle(workflow_id(instance_id))
    try:
        described = (await handle.describe()).raw_description
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return []  # what broke the promise is no follow-up: a message, a lead, or the audit
    told = []
    async for event in handle.fetch_history_events():
        name = EventType.Name(event.event_type).removeprefix("EVENT_TYPE_").lower()
        said = event.workflow_task_failed_event_attributes.failure.message[:200]
        told.append((event.event_time.ToDatetime(UTC).timestamp(), f"      history: {event.event_id} {name} {said}"))
    at = described.pending_workflow_task
    pending = f"workflow task of attempt {at.attempt}" if at.attempt else "no workflow task"
    waiting = [f"{one.activity_type.name}, attempt {one.attempt}" for one in described.pending_activities]
    told.append((told[-1][0], f"      history: {pending} is pending, and {', '.join(waiting) or 'no activity'}"))
    return told


def _unsure(world: World, row: Any) -> Unsure:
    worker = _worker(world, row.who, row.claimed_at)
    return Unsure(row.instance_id, row.recipient, row.step, row.claimed_at, row.marked_at, worker)


def _worker(world: World, who: str, at: float) -> str:
    return world.worker_of(int(who.partition("@")[0].rpartition("-")[2] or 0), at)


async def _uncounted(world: World) -> tuple[dict[str, str], Counter[StepKind]]:
    """I6: each step of each instance is counted as one kind, and at the end as none that is still to come."""
    async with world.engine.connect() as connection:
        counts = [one for workspace in WORKSPACES for one in await count_steps(connection, workspace)]
    steps: Counter[StepKind] = Counter()
    for count in counts:
        steps[count.kind] += count.steps
    found = {
        row.id: f"step {row.step} has not ended: {row.status}, {row.reason}" for row in await _rows(world, _UNENDED)
    }
    for one in await world.running_workflows() - found.keys():
        found[one] = "its workflow still runs"
    [expected] = await _rows(world, "SELECT count(*) FROM instances")
    open_steps = sum(number for kind, number in steps.items() if kind not in _ENDED)
    if not found and (open_steps or sum(steps.values()) != STEPS * expected[0]):
        found["(all)"] = f"{STEPS * expected[0]} steps are counted as {dict(steps)}"
    return found, steps


async def _rows(world: World, statement: str) -> list[Any]:
    async with world.engine.connect() as connection:
        return list(await connection.execute(text(statement)))
