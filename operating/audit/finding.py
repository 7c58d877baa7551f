"""A finding: one thing that is not as it must be, said in a sentence, with the instants that show it."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple


class Kind(StrEnum):
    """What is wrong.

    DUPLICATE: one step of one instance was sent more than once. SAME_MESSAGE: one Message-ID was sent for several
    steps of a thread. BURST: several messages in one thread, closer together than they may be. DOUBLED_TASK: a person
    was given one task several times. STUCK_SENDING: a claim is overdue and nobody has settled it. UNACCOUNTED: a step
    that counts as nothing, or whose row and ledger disagree. NO_ROW: a workflow runs that the tables do not know.
    STILL_RUNS: a follow-up has ended and its workflow goes on.
    WORKFLOW_GONE: an instance is under way and its workflow is not. NOT_STARTED: an instance whose workflow never was.
    RECEIVED_TWICE: a mailbox got one Message-ID more than once. TWO_MESSAGES: two different messages came of one draft.
    LOOKS_THE_SAME: equal or nearly equal subject and text to one address within the time of a burst.
    RECEIVED_UNSENT: it came, and the tables say that it was not sent. RECEIVED_UNKNOWN: it came, and its outcome waits
    to be settled.
    """

    DUPLICATE = "duplicate"
    SAME_MESSAGE = "same_message"
    BURST = "burst"
    DOUBLED_TASK = "doubled_task"
    STUCK_SENDING = "stuck_sending"
    UNACCOUNTED = "unaccounted"
    NO_ROW = "no_row"
    STILL_RUNS = "still_runs"
    WORKFLOW_GONE = "workflow_gone"
    NOT_STARTED = "not_started"
    RECEIVED_TWICE = "received_twice"
    TWO_MESSAGES = "two_messages"
    LOOKS_THE_SAME = "looks_the_same"
    RECEIVED_UNSENT = "received_unsent"
    RECEIVED_UNKNOWN = "received_unknown"


class Mark(NamedTuple):
    """An instant on a finding's timeline, and what it is of."""

    at: datetime
    label: str


class Finding(NamedTuple):
    """`thread` is what it is about: a thread, an instance, a workflow or a mailbox; `step` the step, if it is one's."""

    kind: Kind
    thread: str
    step: str | None
    sentence: str
    marks: tuple[Mark, ...] = ()


# What is kept of one kind; the rest is counted. A page that lists a million lines is read by nobody.
MOST_KEPT = 1000


class Report:
    """What an audit found, and how much it looked at. Its size is bounded, however much is wrong."""

    def __init__(self) -> None:
        self.found: Counter[Kind] = Counter()
        self.looked_at: Counter[str] = Counter()
        self.steps: Counter[str] = Counter()  # I6: how many steps count as what
        self.findings: list[Finding] = []

    def add(self, findings: Iterable[Finding]) -> None:
        """Take in findings; of each kind the first are kept, all are counted."""
        for finding in findings:
            self.found[finding.kind] += 1
            if self.found[finding.kind] <= MOST_KEPT:
                self.findings.append(finding)

    def keeps(self, kind: Kind) -> bool:
        """Whether a further finding of this kind would be kept, so that it is worth telling its story."""
        return self.found[kind] < MOST_KEPT

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not self.found

    def in_order(self) -> list[Finding]:
        """The findings that were kept: kind by kind, each in the order they were found."""
        kinds = list(Kind)
        return sorted(self.findings, key=lambda finding: kinds.index(finding.kind))


def as_facts(report: Report) -> dict[str, Any]:
    """A report for programs."""
    return {
        "clean": report.clean,
        "found": dict(report.found),
        "looked_at": dict(report.looked_at),
        "steps": dict(report.steps),
        "findings": [_facts(finding) for finding in report.in_order()],
    }


def _facts(finding: Finding) -> dict[str, Any]:
    marks = [{"at": mark.at.isoformat(), "label": mark.label} for mark in finding.marks]
    return {**finding._asdict(), "marks": marks}
