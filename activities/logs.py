"""The log of activities. Data are arguments of a line, never part of its text, which is a format string.

Temporal's own adapters append the workflow's id to the text, and ids carry percent signs: `%2B` is a plus.
"""

import logging

from temporalio import activity, workflow

LOG = logging.getLogger("activities")


def keep_ids_out_of_texts() -> None:
    """Let Temporal's adapters keep ids beside a record (its `extra`) alone. Holds for the whole process."""
    activity.logger.activity_info_on_message = False
    workflow.logger.workflow_info_on_message = False
