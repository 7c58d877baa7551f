"""The story of one follow-up: where it stands, its drafts, what a person has to decide, and what happened."""

import shlex
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncEngine

from domain.draft import DraftState
from domain.instance import InstanceStatus, Reason
from store.draft_view import ShownDraft, read_drafts
from store.ledger import Entry, read_ledger
from store.listing import Listed
from workflows.page import DECISIONS, MEANINGS, USUAL_DECISIONS, WHAT_HAPPENED


class NextDecision(NamedTuple):
    """One way to go on. `command` can be pasted into a shell."""

    decision: str
    command: str
    meaning: str
    accepted_from: datetime | None = None


class Trouble(NamedTuple):
    """What waits for a person; `draft` is the uncertain send, where there is one."""

    step: int
    reason: str
    why: str
    draft: ShownDraft | None
    choices: list[NextDecision]


class Story(NamedTuple):
    """What an operator is shown of one follow-up."""

    instance: Listed
    waits_for: str
    drafts: list[ShownDraft]
    trouble: Trouble | None
    ledger: list[Entry]


async def read_story(engine: AsyncEngine, found: Listed, program: str) -> Story:
    """Read the story of a follow-up; `program` is how the `followup` command is called here."""
    async with engine.connect() as connection:
        drafts = await read_drafts(connection, found.instance_id)
        ledger = await read_ledger(connection, found.instance_id)
    now = datetime.now(UTC)
    return Story(found, _waits_for(found, drafts, now), drafts, _trouble(found, drafts, now, program), ledger)


def _waits_for(at: Listed, drafts: list[ShownDraft], now: datetime) -> str:
    if unknown := _in_state(drafts, DraftState.UNKNOWN):
        return f"a person, or evidence: whether step {unknown.step} was sent"
    if sending := _in_state(drafts, DraftState.SENDING):
        return f"the provider's answer to step {sending.step}"
    match InstanceStatus(at.status):
        case InstanceStatus.COMPLETED | InstanceStatus.STOPPED:
            return "nothing: it is over"
        case InstanceStatus.PAUSED:
            return "a person"
        case InstanceStatus.AWAITING_APPROVAL:
            what = f"to do step {at.step}" if at.reason == Reason.MANUAL_STEP else f"to approve step {at.step}"
            return f"a person {what}: `followup task show` shows it"
    if at.started_at is None:
        return "its workflow, which was not started yet: enrol the lead again"
    if at.until is None or at.until <= now:
        return f"a worker: step {at.step} is due"
    why = at.reason if at.status == InstanceStatus.HELD else "it falls due then"
    return f"step {at.step} until {instant(at.until)}: {why}"


def _trouble(at: Listed, drafts: list[ShownDraft], now: datetime, program: str) -> Trouble | None:
    # a stop that came meanwhile leaves an uncertain send to be settled, so the draft is asked first
    unknown = _in_state(drafts, DraftState.UNKNOWN)
    if unknown is None and at.status != InstanceStatus.PAUSED:
        return None
    reason = Reason.SEND_OUTCOME_UNKNOWN if unknown else Reason(at.reason)
    early = unknown.overdue_at if unknown and unknown.overdue_at and unknown.overdue_at > now else None
    choices = [
        NextDecision(one, _command(at, one, program), MEANINGS[one], early if one == "not_sent" else None)
        for one in DECISIONS.get(reason, USUAL_DECISIONS)
    ]
    why = WHAT_HAPPENED.get(reason, "It waits for a person.").replace("**", "")
    return Trouble(unknown.step if unknown else at.step, reason, why, unknown, choices)


def _command(at: Listed, decision: str, program: str) -> str:
    option = "" if decision == "resume" else f" --decision {decision}"
    return f"{program} resume {shlex.quote(at.instance_id)}{option} --note '...'"


def _in_state(drafts: list[ShownDraft], state: DraftState) -> ShownDraft | None:
    return next((draft for draft in drafts if draft.state == state), None)


def instant(at: datetime | None) -> str:
    """Write an instant for people."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else "-"
