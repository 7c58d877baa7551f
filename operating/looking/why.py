"""Why a step was sent, or was not: one paragraph from its draft, its follow-up and the ledger."""

import shlex
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple, assert_never

from domain.cause import Cause
from domain.draft import DraftState
from domain.instance import InstanceStatus, Reason
from operating.looking.page import printable
from operating.looking.reasons import BECAUSE
from operating.looking.story import instant
from store.draft_view import ShownDraft
from store.ledger import Entry
from store.listing import Listed


class StepQuestion(NamedTuple):
    """A step that is asked about, and everything that is known of it."""

    at: Listed
    step: int
    draft: ShownDraft | None
    ledger: list[Entry]  # of the whole follow-up, oldest first
    now: datetime


def why(asked: StepQuestion) -> str:
    """Answer in one paragraph: what became of the step, who did it, when and why, and what moves it on."""
    return " ".join([_what_became_of(asked), *_released(asked), *_notes(asked)])


def _what_became_of(asked: StepQuestion) -> str:  # noqa: C901  # a branch for each state, and none left out
    step, draft = f"Step {asked.step}", asked.draft
    if draft is None:
        return _never_claimed(asked)
    match DraftState(draft.state):
        case DraftState.PENDING | DraftState.AWAITING_APPROVAL:
            return _never_claimed(asked)
        case DraftState.SENDING:
            claimed = f"{step} is being sent: {printable(draft.who)} claimed it at {instant(draft.claimed_at)}"
            overdue = f"the provider's answer is awaited until {instant(draft.overdue_at)}"
            return f"{claimed}, and {overdue}.{_stopped_meanwhile(asked)}"
        case DraftState.SENT:
            return _sent(asked, draft)
        case DraftState.REFUSED:
            reply = f" {printable(draft.reply)}" if draft.reply else ""
            return f"{step} was not sent and never will be: the provider refused it{_told(asked)}; {draft.code}{reply}."
        case DraftState.UNKNOWN:
            return (
                f"{step} may have been sent: no answer to its sending is known{_told(asked)}; {printable(draft.code)}. "
                f"It is never sent again by itself; evidence or a person's word settles it.{_stopped_meanwhile(asked)}"
            )
        case DraftState.SKIPPED:
            return f"{step} was not sent and won't be: it was skipped{_told(asked)}."
        case DraftState.STOPPED:
            return f"{step} was not sent and never will be: it was stopped{_told(asked)}{_because_of(asked)}."
        case DraftState.DISCARDED:
            return f"{step} was not sent and won't be: a person rejected its message{_told(asked)}."
        case DraftState.DONE:
            return f"{step} was done by a person, and counts as sent{_told(asked)}."
        case never:
            assert_never(never)


def _sent(asked: StepQuestion, draft: ShownDraft) -> str:
    entry = _last(asked, "draft")
    if entry is not None and entry.from_state == DraftState.UNKNOWN:
        return f"Step {asked.step} counts as sent: its outcome was unknown, and was settled{_told(asked)}."
    claimed = f" at {instant(draft.claimed_at)}" if draft.claimed_at else ""
    return (
        f"Step {asked.step} was sent at {instant(draft.sent_at)}: it was due, nothing forbade it, "
        f"it was claimed{claimed}{f' by {printable(entry.who)}' if entry else ''}, and {printable(draft.why)}."
    )


def _never_claimed(asked: StepQuestion) -> str:
    """A step that nothing was tried of, or is open again: where its follow-up stands says why."""
    at, step = asked.at, f"Step {asked.step}"
    status = InstanceStatus(at.status)
    if status is InstanceStatus.STOPPED:
        return f"{step} was not sent and never will be: the follow-up was stopped{_since(asked)}{_because_of(asked)}."
    if status is InstanceStatus.COMPLETED or asked.step < at.step:
        return _behind(asked)
    if asked.step > at.step:
        return f"{step} was not sent yet: it comes after step {at.step}. {_still(asked, at.step)}"
    return _still(asked, asked.step)


def _behind(asked: StepQuestion) -> str:
    for entry in reversed(asked.ledger):
        if entry.subject == "instance" and entry.step == asked.step and entry.cause == Cause.SKIPPED:
            return f"Step {asked.step} was not sent and won't be: it was skipped{_by(entry)}."
    return (
        f"Step {asked.step} was not sent, it is behind its follow-up, and nothing says why: "
        "`followup audit` counts it as unaccounted."
    )


def _still(asked: StepQuestion, step: int) -> str:
    """The follow-up is at this step, and is not over."""
    at, because = asked.at, BECAUSE[Reason(asked.at.reason)]
    match InstanceStatus(at.status):
        case InstanceStatus.ACTIVE:
            return f"Step {step} was not sent yet: {_due(asked)}."
        case InstanceStatus.HELD:
            return (
                f"Step {step} was not sent yet: it is held until {instant(at.until)}{_since(asked)}, "
                f"because {because}. Then it is looked at again by itself."
            )
        case InstanceStatus.AWAITING_APPROVAL:
            return f"Step {step} was not sent yet: it waits for a person{_since(asked)}, because {because}."
        case InstanceStatus.PAUSED:
            resume = f"`followup resume {shlex.quote(at.instance_id)}`"
            return (
                f"Step {step} was not sent yet: the follow-up is paused{_since(asked)}, because {because}. "
                f"It goes on when a person says how: {resume}."
            )
        case InstanceStatus.COMPLETED | InstanceStatus.STOPPED:
            raise ValueError(f"{at.instance_id} is over")
        case never:
            assert_never(never)


def _due(asked: StepQuestion) -> str:
    at = asked.at
    if at.started_at is None:
        return "its workflow was not started; enrolling the lead again starts it"
    if at.until is not None and at.until > asked.now:
        return f"it falls due at {instant(at.until)}"
    return f"it is due since {instant(at.until)}, and waits for a worker"


def _stopped_meanwhile(asked: StepQuestion) -> str:
    if asked.at.status != InstanceStatus.STOPPED:
        return ""
    return f" The follow-up was stopped meanwhile{_since(asked)}{_because_of(asked)}: nothing is sent after it."


def _because_of(asked: StepQuestion) -> str:
    stopped = asked.at.status == InstanceStatus.STOPPED
    return f", because {BECAUSE[Reason(asked.at.reason)]}" if stopped else ""


def _released(asked: StepQuestion) -> Iterator[str]:
    if asked.draft is not None and asked.draft.generation > 1:
        yield f"It was open to a claim {asked.draft.generation} times: each attempt before surely sent nothing."


def _notes(asked: StepQuestion) -> Iterator[str]:
    for entry in asked.ledger:
        if entry.subject == "note" and entry.step == asked.step:
            words = f": {printable(entry.why)}" if entry.why else ""
            yield f"At {instant(entry.at)} {printable(entry.who)} said {printable(entry.to_state)}{words}."


def _last(asked: StepQuestion, subject: str) -> Entry | None:
    """The last word of the ledger on the step's draft, or on the follow-up."""
    steps = (asked.step,) if subject == "draft" else (asked.at.step, None)
    return next((one for one in reversed(asked.ledger) if one.subject == subject and one.step in steps), None)


def _told(asked: StepQuestion) -> str:
    entry = _last(asked, "draft")
    return _by(entry) if entry else ""


def _said(asked: StepQuestion) -> str:
    return (
        "its sending began, and no answer to it is known" if asked.draft and asked.draft.claimed_at else "it is unknown"
    )


def _since(asked: StepQuestion) -> str:
    entry = _last(asked, "instance")
    return _by(entry) if entry else ""


def _by(entry: Entry) -> str:
    why = f" ({printable(entry.why)})" if entry.why else ""
    return f" at {instant(entry.at)} by {printable(entry.who)}{why}"
