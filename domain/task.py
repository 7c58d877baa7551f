"""The task: something a person has to do, opened by a cause and closed when the cause is gone."""

from enum import StrEnum


class TaskKind(StrEnum):
    """What has to be done.

    SETTLE_OUTCOME: find out whether an uncertain send went out, and say so. Evidence may do it instead.
    """

    SETTLE_OUTCOME = "settle_outcome"


class TaskState(StrEnum):
    """OPEN until its cause is gone, however that came about; then CLOSED. A cause that comes back opens it again."""

    OPEN = "open"
    CLOSED = "closed"
