"""A report for people: what was looked at, the count, and a line for each finding."""

from collections.abc import Iterator

from operating.audit.finding import Report
from operating.looking.page import printable
from store.counting import StepKind


def report_lines(report: Report) -> Iterator[str]:
    """Write a report, line by line."""
    looked = ", ".join(f"{count:,} {what}" for what, count in report.looked_at.items())
    yield f"looked at {looked or 'nothing'}"
    if report.steps:
        yield identity(dict(report.steps))
    if report.clean:
        yield "nothing is wrong"
        return
    yield f"found {report.found.total():,}: " + ", ".join(f"{count:,} {kind}" for kind, count in report.found.items())
    kind = None
    for finding in report.in_order():
        if finding.kind is not kind:
            kind = finding.kind
            yield f"\n{kind}"
        yield f"  {printable(finding.thread)}: {printable(finding.sentence)}"
    hidden = report.found.total() - len(report.findings)
    if hidden:
        yield f"\nand {hidden:,} more of the same kinds"


def identity(counts: dict[str, int], expected: int | None = None) -> str:
    """Write the count identity of I6, and whether it holds for so many steps (None: for their own sum)."""
    shown = [kind for kind in StepKind if kind is not StepKind.UNACCOUNTED or counts.get(kind)]
    parts = " + ".join(f"{counts.get(kind, 0):,} {kind}" for kind in shown)
    total = sum(counts.values())
    steps = total if expected is None else expected
    return f"{steps:,} steps = {parts}" + ("" if total == steps else f"; these are {total:,}: the counts do not match")
