"""Whether the messages of a follow-up can be made: every step is rendered once, when its lead is enrolled."""

from domain.instance import LONGEST_WORKFLOW_ID, workflow_id
from domain.lead import Lead
from domain.sequence import Sequence
from mail.template import TemplateError, render_step


def enrolment_problem(sequence: Sequence, lead: Lead, identity: str, link: str | None = None) -> str:
    """Say why a lead can't be enrolled; nothing when it can. `link` stands for that of each message, if it has one."""
    try:
        for order in range(1, len(sequence.steps) + 1):
            render_step(sequence, order, lead, link)
    except TemplateError as error:
        return str(error)
    if len(workflow_id(identity)) > LONGEST_WORKFLOW_ID:
        return f"lead_id: the id {identity} is longer than Temporal takes: shorten lead_id or enrolment key"
    return ""
