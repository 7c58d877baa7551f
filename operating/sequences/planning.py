"""Every mail of a follow-up, and the instant it would go out at: no database, no clock, nothing sent."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from domain.calendar import is_holiday
from domain.draft import Channel
from domain.lead import Lead
from domain.schedule import after, next_permitted
from domain.sequence import Sequence
from mail.message import answering
from mail.template import render_step

_ANY = datetime(2000, 1, 1, tzinfo=UTC)  # lengths are measured from it; no clock is read


class Instants(NamedTuple):
    """When a step falls due, its wait being over, and the first instant at which it may go out then; both UTC."""

    due_at: datetime
    at: datetime


class Planned(NamedTuple):
    """A step as it would go out. `subject` and `body` are as its recipient sees them.

    `expired`: what forbids it lasts longer than its `expires_after`, so a person is asked before it goes out.
    """

    order: int
    channel: Channel
    subject: str
    body: str
    due_at: datetime
    at: datetime
    approval: bool
    expired: bool


def plan(sequence: Sequence, lead: Lead, at: datetime, link: str | None = None) -> list[Planned]:
    """Plan a follow-up of a lead enrolled at an instant, each mail going out as soon as it may.

    What nobody can know beforehand is left out: replies, absences, approvals, caps, other messages in the thread.
    `at` is aware; `link` stands for that of each message, where they have one.

    Raises TemplateError for a lead whose data do not fill a template.
    """
    planned: list[Planned] = []
    for order, instants in enumerate(plan_instants(sequence, lead.zone, at), start=1):
        step, rendered = sequence.step(order), render_step(sequence, order, lead, link)
        answers = any(one.channel is Channel.EMAIL for one in planned)
        subject = answering(rendered.subject) if answers else rendered.subject
        expired = instants.at > instants.due_at + step.expires_after
        planned.append(Planned(order, step.channel, subject, rendered.body, *instants, step.approval, expired))
    return planned


def plan_instants(sequence: Sequence, zone: ZoneInfo, at: datetime) -> Iterator[Instants]:
    """Plan when each step goes out: a wait after the step before, a min_gap after the mail before, in its window.

    A manual step is given to a person when it falls due, and counts as done then.

    Raises ValueError for a naive instant.
    """
    if at.tzinfo is None:
        raise ValueError("an instant without a time zone says nothing: give an aware one")
    done_at, last_mail_at = at.astimezone(UTC), None
    for order, step in enumerate(sequence.steps, start=1):
        due_at = done_at = after(done_at, step.wait, zone)
        if step.channel is Channel.EMAIL:
            from_ = due_at if last_mail_at is None else max(due_at, last_mail_at + sequence.min_gap)
            window = sequence.window_of(order)
            done_at = next_permitted(from_, window, zone, is_holiday(window.holidays if window else None))
            last_mail_at = done_at
        yield Instants(due_at, done_at)


def plan_without_windows(sequence: Sequence) -> list[Instants]:
    """Plan when each step goes out were no window ever closed: what waits and gaps alone ask for."""
    steps = tuple(step.model_copy(update={"window": None}) for step in sequence.steps)
    bare = sequence.model_copy(update={"window": None, "steps": steps})
    return list(plan_instants(bare, ZoneInfo("UTC"), _ANY))


def length(sequence: Sequence) -> timedelta:
    """Return how long a run takes at least, from the enrolment to the last step: its waits and gaps, no window."""
    return plan_without_windows(sequence)[-1].at - _ANY
