"""What a follow-up knows of itself between two turns, and what may be asked of it then."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from domain.command import Approve, Command, Decision, Done, Pause, Reject, Resume, too_early
from domain.draft import DraftState
from domain.instance import CIRCUMSTANCES, FINAL, InstanceStatus, Reason
from domain.step import Awaiting, DecisionRefused, FollowUp, Held, Paused, Ready, Settled, StepDone, Stopped

# The store's clock may be behind: what it says is so is not asked again and again until it has caught up.
_AGAIN = timedelta(seconds=1)


@dataclass
class Progress:
    """Where the follow-up stands. `due_at` is when the step fell due, `until` what it sleeps for; both UTC."""

    follow_up: FollowUp
    step: int = 1
    status: InstanceStatus = InstanceStatus.ACTIVE
    reason: Reason = Reason.NONE
    due_at: datetime = field(init=False)
    until: datetime = field(init=False)
    code: str = ""
    not_sent_from: datetime | None = None
    generation: int = 1  # of the try that is uncertain
    message_hash: str = ""  # what its message is looked for by
    awaits: Awaiting | None = None
    behind: list[DraftState] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.due_at = self.until = self.follow_up.first_due_at

    @property
    def over(self) -> bool:
        """Nothing more will happen."""
        return self.status in FINAL

    @property
    def paused(self) -> bool:
        """Only a person, or evidence, moves it on."""
        return self.status is InstanceStatus.PAUSED

    @property
    def awaiting(self) -> bool:
        """A person has to approve the draft, or to do the step."""
        return self.status is InstanceStatus.AWAITING_APPROVAL

    @property
    def held_by_circumstances(self) -> bool:
        """Something holds the step that may change before it is over; a back-off and another's send do not."""
        return self.status is InstanceStatus.HELD and self.reason in CIRCUMSTANCES

    def apply(self, result: Settled, now: datetime) -> None:
        """Take in what a step was answered."""
        match result:
            case StepDone():
                self._go_on(result)
            case Held():
                self._become(InstanceStatus.HELD, result.reason)
                self.until = result.until
            case Paused():
                self._become(InstanceStatus.PAUSED, result.reason)
                self.code, self.not_sent_from = result.code, result.not_sent_from
                self.generation, self.message_hash = result.generation, result.message_hash
            case Awaiting():
                self._become(InstanceStatus.AWAITING_APPROVAL, result.reason)
                self.awaits, self.until = result, max(result.look_at, now + _AGAIN)
            case Stopped():
                self._become(InstanceStatus.STOPPED, result.reason)
            case Ready():
                self._become(InstanceStatus.ACTIVE, Reason.NONE)
                # a pause is no short cut: a step that is not due yet is still waited for
                self.until = max(self.due_at, now)
            case DecisionRefused():
                pass

    def _go_on(self, done: StepDone) -> None:
        self.behind.append(done.state)
        if done.steps is not None:
            self.follow_up = self.follow_up.model_copy(update={"steps": done.steps})
        if done.next_due_at is None:
            self._become(InstanceStatus.COMPLETED, Reason.NONE)
            return
        self._become(InstanceStatus.ACTIVE, Reason.NONE)
        self.step += 1
        self.due_at = self.until = done.next_due_at

    def _become(self, status: InstanceStatus, reason: Reason) -> None:
        self.status, self.reason = status, reason
        self.code, self.not_sent_from, self.generation, self.awaits = "", None, 1, None
        self.message_hash = ""

    def already_holds(self, command: Command) -> bool:
        """Say whether a command asks for what is so already, as the signal does that repeats an activity's result."""
        return isinstance(command, Pause) and self.paused and command.reason is self.reason

    def objection(self, command: Command, now: datetime) -> str | None:
        """Say why a command is impossible now; None when it may be tried."""
        if self.over:
            return f"the follow-up is {self.status} ({self.reason}): nothing more can be asked of it"
        if isinstance(command, Pause) and self.paused:
            return f"it is paused already ({self.reason})"
        if isinstance(command, Approve | Reject | Done):
            return self._objection_to_verdict(command)
        return self._objection_to_resume(command, now) if isinstance(command, Resume) else None

    def _objection_to_verdict(self, command: Approve | Reject | Done) -> str | None:
        if not self.awaiting and not self.paused:
            return f"step {self.step} waits for no person: the follow-up is {self.status} ({self.reason})"
        return None if isinstance(command, Approve) else self._said_of_another(command.step)

    def _said_of_another(self, step: int | None) -> str | None:
        if step in (None, self.step):
            return None
        return f"it was said of step {step}, but step {self.step} waits: look again, and say it of that one"

    def _objection_to_resume(self, command: Resume, now: datetime) -> str | None:
        if self.awaiting and command.decision in (Decision.SKIP, Decision.STOP):
            return self._said_of_another(command.step)
        if self.awaiting:
            word = "done" if self.reason is Reason.MANUAL_STEP else "approve"
            return f"step {self.step} waits for a person ({self.reason}): say {word}, reject or stop"
        held_for_the_lead = command.asked_pause_only and self.reason is Reason.OUT_OF_OFFICE
        if not self.paused and not held_for_the_lead:
            return f"it is not paused but {self.status} ({self.reason}): there is nothing to resume"
        if objection := self._said_of_another(command.step):
            return objection
        if command.paused_for not in (None, self.reason):
            return f"it was said of a pause for {command.paused_for}, but it is paused for {self.reason}: look again"
        if command.decision is Decision.NOT_SENT and self.not_sent_from is not None and now < self.not_sent_from:
            return too_early(self.step, self.not_sent_from)
        return None
