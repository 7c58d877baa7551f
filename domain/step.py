"""What the workflow asks of a step, and the closed union of what it is answered. Ids, instants and codes only."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from domain.command import Decision, Verdict
from domain.draft import DraftState
from domain.instance import InstanceStatus, Reason
from domain.outcome import Outcome


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True)


class FollowUp(_Message):
    """The input of the workflow: which instance, how many steps, and when the first falls due (UTC)."""

    instance_id: str
    steps: int
    first_due_at: datetime


class DeliverStep(_Message):
    """Deliver a step that fell due at `due_at` (UTC); its `expires_after` counts from there."""

    instance_id: str
    step: int
    due_at: datetime


class SettleStep(_Message):
    """Find out what became of a step, or apply a decision to it. Never sends."""

    instance_id: str
    step: int
    decision: Decision | Verdict | None = None
    fingerprint: str = ""  # how that of an approved message begins
    reason: Reason = Reason.OPERATOR  # of a stop
    asked_pause_only: bool = False  # the decision takes back a pause that was asked for, and is void on any other
    not_sent_from: datetime | None = None  # of the pause that something was said of: it is void on a later try's
    paused_for: Reason | None = None  # what the workflow knows of; a store that was restored may have forgotten it
    generation: int = 1  # which try is uncertain, by what the workflow knows
    by: str = ""


class RecordOutcome(_Message):
    """Record what a provider answered to the claim that carries `token`; `generation` is which try that is."""

    instance_id: str
    step: int
    token: str
    outcome: Outcome
    generation: int = 1


class PauseFollowUp(_Message):
    """Send nothing of this instance until it is resumed."""

    instance_id: str
    step: int
    reason: Reason
    by: str


class Ending(_Message):
    """The result of the workflow."""

    status: InstanceStatus
    reason: Reason


class StepDone(_Message):
    """The step is behind us: sent, refused or skipped. `next_due_at` is None after the last step.

    `steps` is how many there are by now: an upgrade may have added or removed some. It is for showing alone.
    """

    kind: Literal["done"] = "done"
    state: DraftState
    next_due_at: datetime | None = None
    steps: int | None = None


class Held(_Message):
    """Something forbids the step until an instant; ask again then."""

    kind: Literal["held"] = "held"
    until: datetime
    reason: Reason


class Paused(_Message):
    """Only a person, or evidence, moves it on. `not_sent_from` is when the decision `not_sent` becomes acceptable.

    `generation` is which try is uncertain, `message_hash` what its message is looked for by.
    """

    kind: Literal["paused"] = "paused"
    reason: Reason
    code: str = ""
    not_sent_from: datetime | None = None
    generation: int = 1
    message_hash: str = ""


class Awaiting(_Message):
    """A person has to approve the draft or to do the step; at `look_at` it is to be looked at again.

    `expires_at`: then it is paused, or a manual step is skipped that may time out. `overdue`: a person was reminded.
    """

    kind: Literal["awaiting"] = "awaiting"
    reason: Reason
    fingerprint: str
    look_at: datetime
    expires_at: datetime
    overdue: bool = False


class Stopped(_Message):
    """The follow-up has ended early."""

    kind: Literal["stopped"] = "stopped"
    reason: Reason


class Unrecorded(_Message):
    """The provider answered but the store could not be told: `record_outcome` has to, and nothing is sent before."""

    kind: Literal["unrecorded"] = "unrecorded"
    token: str
    outcome: Outcome
    generation: int = 1


class Ready(_Message):
    """Nothing was sent and nothing is under way: the step may be delivered (again)."""

    kind: Literal["ready"] = "ready"


class DecisionRefused(_Message):
    """The decision is impossible, and changed nothing. `sentence` says why and what is possible."""

    kind: Literal["decision_refused"] = "decision_refused"
    sentence: str


StepResult = Annotated[StepDone | Held | Paused | Awaiting | Stopped | Unrecorded, Field(discriminator="kind")]
Recorded = Annotated[StepDone | Held | Paused | Awaiting | Stopped, Field(discriminator="kind")]
Settled = Annotated[
    StepDone | Held | Paused | Awaiting | Stopped | Ready | DecisionRefused, Field(discriminator="kind")
]
