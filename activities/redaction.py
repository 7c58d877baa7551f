"""I7: a surprise is told to Temporal by its kind alone, and to the log by its kind and place.

Errors of databases and providers quote what they were given: a whole row of a lead, an address, a letter.
"""

import traceback
from typing import Any

from sqlalchemy.exc import DBAPIError
from temporalio import activity
from temporalio.exceptions import ApplicationError, FailureError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from activities.logs import LOG


def kind_of(error: BaseException) -> str:
    """Name an error without its words: the class, and of a database's error the SQLSTATE."""
    state = getattr(error.orig, "sqlstate", None) if isinstance(error, DBAPIError) else None
    return f"{type(error).__name__} {state}" if state else type(error).__name__


def log_place(what: str, error: BaseException) -> None:
    """Log what failed, the kind of error and where it was raised: everything but its words."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    LOG.error("%s: %s\n%s", what, kind_of(error), frames)


class RedactingInterceptor(Interceptor):
    """Keeps the words of activities' errors from Temporal."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002  # Temporal's own name
        """Wrap the activities of a worker."""
        return _RedactingInbound(next)


class _RedactingInbound(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002  # Temporal's own name
        try:
            return await super().execute_activity(input)
        except FailureError:
            raise  # made for Temporal's eyes
        except Exception as error:
            info = activity.info()
            log_place(f"{info.workflow_id}: {info.activity_type} failed", error)
            raise ApplicationError(kind_of(error), type=type(error).__name__) from None
