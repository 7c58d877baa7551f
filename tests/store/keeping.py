"""What must be true of every instance at every moment, read from its rows and its ledger (I1, I2, I3, I5, I8)."""

from collections import Counter
from itertools import pairwise
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.draft import LEGAL_TRANSITIONS, DraftState
from store.ledger import Entry, read_ledger

_DRAFTS = """
    SELECT id, step, state, generation, thread_id, claim_token, content, claimed_at, overdue_at, code, reply, who, why
    FROM drafts WHERE instance_id = :id ORDER BY step"""
_TASKS = "SELECT step, state FROM tasks WHERE instance_id = :id ORDER BY step"
_INSTANCE = "SELECT status, reason, step FROM instances WHERE id = :id"


class Kept:
    """An instance as its rows tell it, at one moment."""

    def __init__(self, instance: Any, drafts: list[Any], tasks: list[Any], ledger: list[Entry]) -> None:
        self.instance = instance
        self.drafts = {draft.step: draft for draft in drafts}
        self.drafts_found = len(drafts)
        self.tasks = {task.step: task.state for task in tasks}
        self.ledger = ledger

    def state(self, step: int) -> str | None:
        """The state of a step's draft; None when there is none."""
        return self.drafts[step].state if step in self.drafts else None

    def check(self) -> None:
        """Raise AssertionError where something is not as it must be."""
        assert self.drafts_found == len(self.drafts), "I1: two drafts of a step"
        in_flight = Counter(draft.thread_id for draft in self.drafts.values() if draft.state in ("sending", "unknown"))
        assert all(count == 1 for count in in_flight.values()), f"I5: {in_flight}"
        for step, draft in self.drafts.items():
            self._check_story(step, draft)
            opened = self.tasks.get(step) == "open"
            assert opened == (draft.state == "unknown"), f"step {step} is {draft.state}, its task open: {opened}"
        statuses = [entry for entry in self.ledger if entry.subject == "instance"]
        self._check_chain(statuses, self.instance.status)

    def claims(self, step: int) -> int:
        """How often the draft of a step was claimed, as the ledger tells it."""
        return sum(
            entry.subject == "draft" and (entry.step, entry.to_state) == (step, "sending") for entry in self.ledger
        )

    def _check_story(self, step: int, draft: Any) -> None:
        story = [entry for entry in self.ledger if entry.subject == "draft" and entry.step == step]
        self._check_chain(story, draft.state)
        pairs = [(DraftState(entry.from_state or ""), DraftState(entry.to_state)) for entry in story[1:]]
        assert set(pairs) <= LEGAL_TRANSITIONS
        releases = sum(after is DraftState.PENDING for _, after in pairs)
        assert draft.generation == releases + 1
        assert self.claims(step) <= draft.generation, "I2: two claims of one generation"

    def _check_chain(self, entries: list[Entry], now: str) -> None:
        assert entries[0].from_state is None
        for before, after in pairwise(entries):
            assert after.from_state == before.to_state, f"I8: {before} is followed by {after}"
        assert entries[-1].to_state == now, f"I8: the ledger ends with {entries[-1]}, the row says {now}"


async def look(connection: AsyncConnection, instance: str) -> Kept:
    """Read an instance."""
    rows = [list(await connection.execute(text(sql), {"id": instance})) for sql in (_INSTANCE, _DRAFTS, _TASKS)]
    return Kept(rows[0][0], rows[1], rows[2], await read_ledger(connection, instance))
