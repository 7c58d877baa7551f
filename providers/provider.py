"""What every way of sending offers: one call, one outcome, and a gate at the point of no return."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol

from domain.outcome import Outcome

# Asked in the last instant before the point of no return: may this claim still act? After it has answered True, the
# provider crosses without awaiting anything in between. On False it must not cross, and the outcome is
# `NotSent(code=CLAIM_EXPIRED)`.
Gate = Callable[[], Awaitable[bool]]
CLAIM_EXPIRED = "claim-expired"
# The gate raised instead of answering: not crossed, and the outcome is `NotSent(code=GATE_FAILED)`.
GATE_FAILED = "gate-failed"


class Letter(NamedTuple):
    """The frozen message of one draft, and its envelope."""

    draft_id: str
    sender: str  # envelope sender, an address without a name
    recipient: str  # envelope recipient, an address without a name
    message: bytes  # RFC 5322, CRLF line ends, sent to the byte


class Provider(Protocol):
    """A way of sending."""

    name: str

    async def send(self, letter: Letter, gate: Gate) -> Outcome:
        """Make the one provider call for a letter and say what is known afterwards. Never raises for foreign errors."""
        ...

    async def close(self) -> None:
        """Let go of idle connections. Sends under way are finished first by the caller."""
        ...
