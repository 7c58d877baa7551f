"""A provider that sends nothing: for tests and dry runs, with outcomes by script."""

import asyncio
from collections.abc import Callable, Mapping
from typing import NamedTuple

from domain.outcome import NotSent, Outcome, Refused, Sent
from providers.provider import CLAIM_EXPIRED, GATE_FAILED, Gate, Letter

# what becomes of a letter: asked of a function, or looked up by draft id, then by recipient
Script = Callable[[Letter], Outcome] | Mapping[str, Outcome]


class Halt(NamedTuple):
    """A place where a send stands still: it sets `reached` and awaits `go`."""

    reached: asyncio.Event
    go: asyncio.Event

    @classmethod
    def new(cls) -> "Halt":
        return cls(asyncio.Event(), asyncio.Event())


class ScriptedProvider:
    """Gives the outcomes of its script, `Sent(code="scripted")` where that is silent.

    NotSent and Refused end before the gate, as they do at a server; Sent and Unknown cross the point of no return.
    `begun` holds the letter of every call, `sent` those that crossed: whatever the outcome, they may be out.
    """

    name = "scripted"

    def __init__(self, script: Script | None = None, *, before: Halt | None = None, after: Halt | None = None) -> None:
        self.begun: list[Letter] = []
        self.sent: list[Letter] = []
        self._script: Script = {} if script is None else script
        self._before = before
        self._after = after

    async def send(self, letter: Letter, gate: Gate) -> Outcome:
        """Do as the script says."""
        self.begun.append(letter)
        await _stand(self._before)
        planned = self._planned(letter)
        if isinstance(planned, NotSent | Refused):
            return planned
        try:
            may = await gate()
        except Exception as error:  # the gate is the caller's, and nothing has been crossed
            return NotSent(code=GATE_FAILED, reply=type(error).__name__)
        if not may:
            return NotSent(code=CLAIM_EXPIRED)
        self.sent.append(letter)
        await _stand(self._after)
        return planned

    def release(self) -> None:
        """Let every send that stands still go on."""
        for halt in (self._before, self._after):
            if halt is not None:
                halt.go.set()

    async def close(self) -> None:
        """Do nothing: nothing is open."""

    def _planned(self, letter: Letter) -> Outcome:
        if callable(self._script):
            return self._script(letter)
        unwritten = Sent(code="scripted")
        return self._script.get(letter.draft_id) or self._script.get(letter.recipient, unwritten)


async def _stand(halt: Halt | None) -> None:
    if halt is not None:
        halt.reached.set()
        await halt.go.wait()
