"""The task: something a person has to do, opened by a cause and closed when the cause is gone."""

from datetime import timedelta
from enum import StrEnum

# A person who has not looked after a day has missed it: whoever asks what is to be done is told that it is overdue.
REMIND_AFTER = timedelta(days=1)


class TaskKind(StrEnum):
    """What has to be done.

    SETTLE_OUTCOME: find out whether an uncertain send went out, and say so. Evidence may do it instead.
    APPROVE_DRAFT: read a rendered message, and approve, edit or reject it.
    MANUAL_STEP: do what its instructions say, and say that it is done.
    SHARED_RECIPIENT: two follow-ups that tolerate no other go to one address by now: stop one, or resume this one too.
    ALARM: evidence contradicts what was decided or recorded, or a message came back: find out why.
    """

    SETTLE_OUTCOME = "settle_outcome"
    APPROVE_DRAFT = "approve_draft"
    MANUAL_STEP = "manual_step"
    SHARED_RECIPIENT = "shared_recipient"
    ALARM = "alarm"


class TaskState(StrEnum):
    """OPEN until its cause is gone, however that came about; then CLOSED. A cause that comes back opens it again."""

    OPEN = "open"
    CLOSED = "closed"
