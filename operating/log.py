"""The log of a process: one line a record on stderr, with the ids that the Temporal SDK keeps beside its own lines."""

import logging
import sys

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
# Where the SDK keeps what a record is about (temporalio.activity.LoggerAdapter, temporalio.workflow.LoggerAdapter)
_CONTEXTS = ("temporal_activity", "temporal_workflow")


class LineFormatter(logging.Formatter):
    """Writes ids behind the text, after it was formatted: an id may hold `%2B` and such, so it is never part of it."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging's own name
        """Format the line of a record, without its traceback."""
        contexts = [found for name in _CONTEXTS if isinstance(found := getattr(record, name, None), dict)]
        ids = "".join(f" (workflow {one.get('workflow_id')}, run {one.get('run_id')})" for one in contexts)
        return super().formatMessage(record) + ids


def start_log() -> None:
    """Write the log of this process to stderr from now on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter(_FORMAT))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
