"""What became of a file's rows, counted, and written down for people and for programs."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from intake.enrolment import Result, RowResult


@dataclass
class EnrolmentTally:
    """How many rows were answered how; those that are not as they were asked are kept, with their reasons."""

    counts: Counter[RowResult] = field(default_factory=Counter)
    noted: list[Result] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """How many rows were answered so far."""
        return self.counts.total()

    @property
    def refused(self) -> list[Result]:
        """Those that were not enrolled."""
        return [one for one in self.noted if one.answer is RowResult.REFUSED]

    def add(self, result: Result) -> None:
        """Take in what became of a row."""
        self.counts[result.answer] += 1
        if result.reason:
            self.noted.append(result)

    def as_facts(self) -> dict[str, Any]:
        """The tally for programs; a row's number or lead id is None where it could not be told.

        `refused` are the rows that were not enrolled, `noted` the others of which something is to be known.
        """
        counts = {str(answer): self.counts[answer] for answer in RowResult if answer is not RowResult.REFUSED}
        others = [one for one in self.noted if one.answer is not RowResult.REFUSED]
        noted = [{"answer": str(one.answer), **_facts(one)} for one in others]
        return counts | {"refused": [_facts(one) for one in self.refused], "noted": noted}

    def as_sentences(self) -> list[str]:
        """The tally for people: the rows of which something is to be known, then the counts."""
        always = (RowResult.ENROLLED, RowResult.ALREADY_ENROLLED, RowResult.REFUSED)
        told = [answer for answer in RowResult if answer in always or self.counts[answer]]
        counts = ", ".join(f"{self.counts[answer]} {answer.replace('_', ' ')}" for answer in told)
        return [*(f"{one.answer.replace('_', ' ')}: {one.reason}" for one in self.noted), counts]


def _facts(result: Result) -> dict[str, Any]:
    return {"row": result.row, "lead_id": result.lead_id or None, "reason": result.reason}
