"""What the commands on sequences print, for people and for programs."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from rich.table import Table
from rich.text import Text

from domain.draft import Channel
from domain.duration import write_duration
from domain.instance import InstanceStatus
from domain.lead import Lead
from domain.sequence import Sequence
from operating.looking.page import console, printable
from operating.looking.story import instant
from operating.sequences.checking import Variable, window_words
from operating.sequences.planning import Planned, length
from store.sequences import CountedVersion


class VersionUse(NamedTuple):
    """What the database knows of a version: whether it is there, and how many follow-ups run on it."""

    known: bool
    running: int


class CheckedSequence(NamedTuple):
    """A sequence without a mistake. `stored` is None where no database could be asked."""

    sequence: Sequence
    variables: list[Variable]
    warnings: list[str]
    stored: VersionUse | None


def check_lines(checked: CheckedSequence) -> Iterator[str]:
    """Write a screen about a sequence."""
    sequence = checked.sequence
    yield f"{sequence.name}, version {sequence.version}{_stored(checked.stored)}"
    steps = "1 step" if len(sequence.steps) == 1 else f"{len(sequence.steps)} steps"
    yield f"{steps}, {write_duration(length(sequence))} at least from the enrolment to the last one"
    for order, step in enumerate(sequence.steps, start=1):
        window = sequence.window_of(order)
        more = [window_words(window)] if window else []
        more += ["done by a person"] if step.channel is Channel.TASK else []
        more += ["approved by a person first"] if step.approval else []
        after = "the enrolment" if order == 1 else f"step {order - 1}"
        yield "  ".join([f"  {order}. {step.wait} after {after}", *more])
    read = [one.name if one.required else f"{one.name} (may be missing)" for one in checked.variables]
    yield f"reads: {', '.join(read) or 'nothing of its lead'}"
    yield from (f"warning: {warning}" for warning in checked.warnings)


def _stored(stored: VersionUse | None) -> str:
    if stored is None:
        return ""
    return f", stored; {stored.running} run on it" if stored.known else ", not stored yet: nobody was enrolled in it"


def check_facts(checked: CheckedSequence) -> dict[str, Any]:
    """Write the same for programs."""
    sequence = checked.sequence
    return {
        "ok": True,
        "name": sequence.name,
        "version": sequence.version,
        "at_least": write_duration(length(sequence)),
        "steps": [
            {
                "step": order,
                "channel": step.channel,
                "wait": str(step.wait),
                "window": (window := sequence.window_of(order)) and window.model_dump(mode="json"),
                "approval": step.approval,
                "expires_after": write_duration(step.expires_after),
            }
            for order, step in enumerate(sequence.steps, start=1)
        ],
        "variables": [one._asdict() for one in checked.variables],
        "warnings": checked.warnings,
        "stored": checked.stored and checked.stored._asdict(),
    }


class Preview(NamedTuple):
    """Every mail of a follow-up, and between whom; `sender` and `recipient` are as a mail shows them."""

    lead: Lead
    enrolled_at: datetime
    sender: str
    recipient: str
    planned: list[Planned]


def preview_lines(preview: Preview) -> Iterator[str]:
    """Write each mail as its recipient would see it, below the instant it would go out at."""
    yield f"lead {preview.lead.lead_id}, enrolled {_both(preview.enrolled_at, preview.lead)}"
    for one in preview.planned:
        yield ""
        yield f"--- step {one.order}: {_both(one.at, preview.lead)}{_but(one)}"
        if one.channel is not Channel.TASK:
            yield f"From: {preview.sender}"
            yield f"To: {preview.recipient}"
            yield f"Subject: {one.subject}"
        yield ""
        yield from one.body.rstrip("\n").split("\n")


def _both(at: datetime, lead: Lead) -> str:
    local = at.astimezone(lead.zone)
    return f"{local:%a %Y-%m-%d %H:%M:%S} {lead.timezone} ({instant(at)})"


def _but(one: Planned) -> str:
    said = ["done by a person"] if one.channel is Channel.TASK else []
    said += ["once a person has approved it"] if one.approval else []
    said += [f"its wait was over at {instant(one.due_at)}"] if one.at > one.due_at else []
    said += ["it has expired by then: a person is asked first"] if one.expired else []
    return "".join(f"; {words}" for words in said)


def preview_facts(preview: Preview) -> dict[str, Any]:
    """Write the same for programs."""
    return {
        "lead_id": preview.lead.lead_id,
        "timezone": preview.lead.timezone,
        "enrolled_at": preview.enrolled_at.isoformat(),
        "mails": [
            {
                "step": one.order,
                "channel": one.channel,
                "due_at": one.due_at.isoformat(),
                "at": one.at.isoformat(),
                "local": one.at.astimezone(preview.lead.zone).isoformat(),
                "approval": one.approval,
                "expired": one.expired,
                **_envelope(preview, one),
                "body": one.body,
            }
            for one in preview.planned
        ],
    }


def _envelope(preview: Preview, one: Planned) -> dict[str, str | None]:
    if one.channel is Channel.TASK:  # it is no mail
        return {"from": None, "to": None, "subject": None}
    return {"from": preview.sender, "to": preview.recipient, "subject": one.subject}


def print_versions(versions: Iterable[CountedVersion]) -> None:
    """Print a line for each stored version: when it was stored, and how many follow-ups it has of each status."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("SEQUENCE", "VERSION", "STORED (UTC)"):
        table.add_column(name, overflow="fold")
    for name in ("STEPS", *(status.upper() for status in InstanceStatus)):
        table.add_column(name, justify="right")
    for one in versions:
        counts = (str(one.instances.get(status, 0)) for status in InstanceStatus)
        stored_at = f"{one.stored_at:%Y-%m-%d %H:%M:%S}"
        table.add_row(Text(one.name), one.version, stored_at, str(one.steps), *counts)
    console().print(table)


def version_facts(one: CountedVersion) -> dict[str, Any]:
    """Write a stored version for programs."""
    instances = {status: one.instances.get(status, 0) for status in InstanceStatus}
    return one._asdict() | {"stored_at": one.stored_at.isoformat(), "instances": instances}


def show(lines: Iterable[str]) -> None:
    """Print lines whose words are not all ours."""
    screen = console()
    for line in lines:
        screen.print(Text(printable(line)), soft_wrap=True)
