"""The follow-up instance: one lead's run through one sequence version, and its id."""

from enum import StrEnum
from typing import NamedTuple
from urllib.parse import quote, unquote

WORKFLOW_TYPE = "FollowUpWorkflow"
_WORKFLOW_PREFIX = "follow-up:"
# Temporal's default limit of an id is 1000 bytes, but PostgreSQL-backed servers want 255.
LONGEST_WORKFLOW_ID = 255


class InstanceStatus(StrEnum):
    """What a follow-up instance is doing; the value of the search attribute `FollowUpStatus`.

    ACTIVE: waits for its next step or delivers it; the workflow moves it on.
    HELD: something forbids the step until an instant (a window, a gap, a back-off); the workflow moves it on by itself.
    AWAITING_APPROVAL: a person has to approve the rendered draft, or to do a manual step; only a person, a stop or
        the step's time-out moves it on.
    PAUSED: waits for an operator, or for evidence; nothing is sent meanwhile, and nothing moves it on by itself.
    COMPLETED: every step was sent or skipped; final.
    STOPPED: a stop ended it; final.
    """

    ACTIVE = "active"
    HELD = "held"
    AWAITING_APPROVAL = "awaiting_approval"
    PAUSED = "paused"
    COMPLETED = "completed"
    STOPPED = "stopped"


# Nothing more happens to an instance that is one of these.
FINAL = (InstanceStatus.COMPLETED, InstanceStatus.STOPPED)


class Reason(StrEnum):
    """Why an instance is where it is; the value of the search attribute `FollowUpReason`."""

    NONE = "none"
    # held
    DRAFT_ALREADY_SENDING = "draft_already_sending"
    NOT_SENT = "not_sent"
    OUTSIDE_WINDOW = "outside_window"
    MINIMUM_GAP = "minimum_gap"
    THREAD_BUSY = "thread_busy"
    OUT_OF_OFFICE = "out_of_office"
    LEAD_WEEKLY_CAP = "lead_weekly_cap"
    SENDER_DAILY_CAP = "sender_daily_cap"
    SENDER_GAP = "sender_gap"
    # awaiting approval
    APPROVAL = "approval"
    MANUAL_STEP = "manual_step"
    # paused
    SEND_OUTCOME_UNKNOWN = "send_outcome_unknown"
    REFUSED_MESSAGE = "refused_message"
    REFUSED_CONFIGURATION = "refused_configuration"
    EXPIRED = "expired"
    STEP_FAILED = "step_failed"
    UNRENDERABLE = "unrenderable"
    EVIDENCE_CONTRADICTS = "evidence_contradicts"
    UNDELIVERED = "undelivered"
    LONG_ABSENCE = "long_absence"
    STORE_IS_BEHIND = "store_is_behind"
    RECIPIENT_IN_USE = "recipient_in_use"
    # stopped
    NOT_ENROLLED = "not_enrolled"
    REFUSED_RECIPIENT = "refused_recipient"
    SUPPRESSED = "suppressed"
    REPLIED = "replied"
    BOOKED = "booked"
    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"
    CLOSED = "closed"
    ANSWERED = "answered"
    # paused or stopped by a person
    OPERATOR = "operator"


# What holds a step by rules of its lead, its sequence or its sender, which may change while it is held.
CIRCUMSTANCES = frozenset(
    {
        Reason.OUTSIDE_WINDOW,
        Reason.MINIMUM_GAP,
        Reason.OUT_OF_OFFICE,
        Reason.LEAD_WEEKLY_CAP,
        Reason.SENDER_DAILY_CAP,
        Reason.SENDER_GAP,
    }
)


class InstanceKey(NamedTuple):
    """What an instance id is derived from."""

    workspace: str
    sequence: str
    lead_id: str
    enrolment_key: str = ""


def instance_id(key: InstanceKey) -> str:
    """Derive the one id of an instance: `workspace:sequence:lead` or `workspace:sequence:lead:key`, percent-encoded.

    The same key gives the same id for ever, so a second enrolment finds the first one.
    """
    return ":".join(quote(part, safe="") for part in key if part)


def instance_key(instance_id: str) -> InstanceKey:
    """Invert `instance_id`. Raises ValueError for a text that no key gives."""
    parts = [unquote(part) for part in instance_id.split(":")]
    if len(parts) not in (3, 4) or not all(parts):
        raise ValueError(f"{instance_id!r} is not an instance id: expected workspace:sequence:lead[:key]")
    return InstanceKey(*parts)


def workflow_id(instance_id: str) -> str:
    """Derive the id of the Temporal workflow that runs this instance."""
    return _WORKFLOW_PREFIX + instance_id


def instance_of_workflow(workflow_id: str) -> str:
    """Invert `workflow_id`; an instance id given as it is comes back unchanged."""
    return workflow_id.removeprefix(_WORKFLOW_PREFIX)
