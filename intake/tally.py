"""What became of a file's rows, counted, and written down for people and for programs."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from intake.enrolment import Answer, Result


@dataclass
class Tally:
    """How many rows were answered how; those that were refused are kept, with their reasons."""

    counts: Counter[Answer] = field(default_factory=Counter)
    refused: list[Result] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """How many rows were answered so far."""
        return self.counts.total()

    def add(self, result: Result) -> None:
        """Take in what became of a row."""
        self.counts[result.answer] += 1
        if result.answer is Answer.REFUSED:
            self.refused.append(result)

    def as_facts(self) -> dict[str, Any]:
        """The tally for programs; a row's number or lead id is None where it could not be told."""
        return {
            "enrolled": self.counts[Answer.ENROLLED],
            "already_enrolled": self.counts[Answer.ALREADY_ENROLLED],
            "refused": [
                {"row": result.row, "lead_id": result.lead_id or None, "reason": result.reason}
                for result in self.refused
            ],
        }

    def as_sentences(self) -> list[str]:
        """The tally for people: the refused rows, then the counts."""
        counts = ", ".join(f"{self.counts[answer]} {answer.replace('_', ' ')}" for answer in Answer)
        return [*(f"refused: {result.reason}" for result in self.refused), counts]
