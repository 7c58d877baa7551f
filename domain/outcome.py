"""What is known after a provider call, typed by phase: the phase decides what may be done next.

`code` is short, made by us, and safe to show anywhere (`smtp-250`, `smtp-eof-final`). `reply` is the provider's own
words; it may name people, so it is stored in PostgreSQL and never handed to Temporal (`without_reply`).
"""

from enum import StrEnum
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field


class Fault(StrEnum):
    """Whose fault a refusal is."""

    RECIPIENT = "recipient"
    MESSAGE = "message"
    CONFIGURATION = "configuration"


class _Outcome(BaseModel):
    model_config = ConfigDict(frozen=True)

    code: str
    reply: str = ""


class Sent(_Outcome):
    """The provider took responsibility."""

    kind: Literal["sent"] = "sent"


class Refused(_Outcome):
    """Surely not sent, and never will be as it is."""

    kind: Literal["refused"] = "refused"
    fault: Fault


class NotSent(_Outcome):
    """Surely not sent: the failure came before the point of no return, or the provider knows and says so."""

    kind: Literal["not_sent"] = "not_sent"


class Unknown(_Outcome):
    """The failure came after the point of no return, or what was answered there proves nothing: it may be sent."""

    kind: Literal["unknown"] = "unknown"


_OutcomeT = TypeVar("_OutcomeT", bound=_Outcome)
Outcome = Annotated[Sent | Refused | NotSent | Unknown, Field(discriminator="kind")]


def without_reply(outcome: _OutcomeT) -> _OutcomeT:
    """Return the outcome as Temporal may see it: the code alone."""
    return outcome.model_copy(update={"reply": ""})
