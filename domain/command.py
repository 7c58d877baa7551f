"""What operators, apps and activities say to a running follow-up, and how unclear words are refused."""

from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from domain.instance import Reason

PAUSE, RESUME, STOP = "pause", "resume", "stop"
LOOK = "look"
APPROVE, REJECT, DONE = "approve", "reject", "done"
# What the Web UI's dialogs say beside each.
PAUSE_HELP = 'Send nothing until resumed. Input: none, or {"by": "you"}.'
RESUME_HELP = (
    'Go on. Input: none, or a decision ("sent", "not_sent", "skip", "stop"), or {"decision": "sent", "by": "you"}. '
    "No input on an unknown send means sent. Never write names or addresses here."
)
STOP_HELP = 'End this follow-up; nothing more is sent. Input: none, or {"by": "you"}.'
APPROVE_HELP = (
    "Send the message that waits for it. Input: the first 8 characters (or more) of its fingerprint, which the page "
    'tells, as "0123abcd", or {"fingerprint": "0123abcd", "by": "you"}.'
)
REJECT_HELP = 'Go on without the step that waits for a person. Input: none, or {"by": "you"}.'
LOOK_HELP = 'Look at once whether what holds the step still does. Input: none, or {"by": "you"}.'
DONE_HELP = 'The manual step that waits for it was done: go on. Input: none, or {"by": "you"}.'


class Decision(StrEnum):
    """What is said of a paused instance.

    RESUME: go on; on an unknown draft it means SENT, because a duplicate is worse than a miss.
    SENT: the message did go out. NOT_SENT: it surely did not; the same draft is claimed again.
    SKIP: go on without this step. STOP: end the follow-up.
    """

    RESUME = "resume"
    SENT = "sent"
    NOT_SENT = "not_sent"
    SKIP = "skip"
    STOP = "stop"


class Verdict(StrEnum):
    """What is said of a step that waits for a person.

    APPROVE: this very message may be sent. REJECT: go on without the step. DONE: a manual step was done.
    """

    APPROVE = "approve"
    REJECT = "reject"
    DONE = "done"


class _Command(BaseModel):
    # An unknown key is a misspelt one: acting on the rest could mean the opposite of what was meant.
    model_config = ConfigDict(frozen=True, extra="forbid")

    # Who says it: a name or a short remark. PostgreSQL takes no NUL, and what it refuses would be tried for ever.
    by: str = Field(default="unnamed", min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")


class Pause(_Command):
    """Send nothing until resumed."""

    reason: Reason = Reason.OPERATOR


class Resume(_Command):
    """Go on, with what is known of an uncertain send.

    `asked_pause_only` is an app's word: it takes back a pause that was asked for, and ends an absence. Any other pause
    stays as it is, above all that of an unknown send, of which an app knows nothing. `step` and `paused_for` are what
    was looked at: a word that is heard late is not taken for a later step, nor for another pause of it.
    """

    decision: Decision = Decision.RESUME
    asked_pause_only: bool = False
    step: int | None = None
    paused_for: Reason | None = None


class Stop(_Command):
    """End the follow-up; nothing more is sent."""

    reason: Reason = Reason.OPERATOR


class Look(_Command):
    """Look at once whether what holds the step still does: the lead's time zone, or a window, may have changed."""


class Approve(_Command):
    """Send the draft that waits for it, if it is still the one that was seen: `fingerprint` begins its own."""

    fingerprint: str = Field(pattern=r"^[0-9a-f]{8,64}$")


class Reject(_Command):
    """Go on without the step that waits for a person. `step` is what was looked at, as in a resume."""

    step: int | None = None


class Done(_Command):
    """A person did what a manual step asks for. `step` is what was looked at, as in a resume."""

    step: int | None = None


def too_early(step: int, accepted_from: datetime) -> str:
    """Say why `not_sent` can't be taken yet: the old claim may still be answered."""
    return (
        f"step {step} may still be answered: not_sent is accepted from {accepted_from:%Y-%m-%d %H:%M:%S} UTC; "
        "sent, skip and stop are possible now"
    )


def of_another_try(step: int) -> str:
    """Say why a word can't be taken: the try that it would settle is not the one it was said of."""
    return f"step {step} was tried again since that was said: look again, and say of this try what became of it"


Command = Pause | Resume | Stop | Look | Approve | Reject | Done
_C = TypeVar("_C", Pause, Resume, Stop, Look, Approve, Reject, Done)


def settlement(command: Resume | Stop | Approve | Reject | Done) -> dict[str, Any]:
    """Put a command into the words of `SettleStep`: what is decided, and what is said with it."""
    said: dict[str, Any] = {"by": command.by}
    match command:
        case Resume():
            return said | {"decision": command.decision, "asked_pause_only": command.asked_pause_only}
        case Stop():
            return said | {"decision": Decision.STOP, "reason": command.reason}
        case Approve():
            return said | {"decision": Verdict.APPROVE, "fingerprint": command.fingerprint}
        case Reject():
            return said | {"decision": Verdict.REJECT}
        case Done():
            return said | {"decision": Verdict.DONE}


_FIRST_FIELD: dict[type[Command], str] = {
    Pause: "reason",
    Resume: "decision",
    Stop: "reason",
    Look: "by",
    Approve: "fingerprint",
    Reject: "by",
    Done: "by",
}
_FINGERPRINT = "the first 8 characters or more of the fingerprint that the page tells"


def read_command(kind: type[_C], argument: Any) -> _C:
    """Read what came with a signal or update: nothing, a bare word, or an object.

    Raises ValueError with a sentence for people; what is not understood is never acted upon.
    """
    if kind is Approve and (argument is None or argument == ""):
        raise ValueError(f"fingerprint: give {_FINGERPRINT}; nothing was changed")
    if argument is None or argument == "":
        return kind.model_validate({})
    given = {_FIRST_FIELD[kind]: argument} if isinstance(argument, str) else argument
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "argument"
        if field == "fingerprint":
            raise ValueError(f"fingerprint: must be {_FINGERPRINT}; nothing was changed") from None
        raise ValueError(f"{field}: {first['msg']}; nothing was changed") from None
