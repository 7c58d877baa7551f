"""Making a step's draft: rendered for its lead, answering in its thread, frozen to the byte."""

from datetime import datetime
from email.headerregistry import Address
from functools import lru_cache

from domain.draft import DraftKey, draft_id
from domain.sequence import Sequence
from mail.message import Thread, freeze
from mail.template import render_step
from store.drafts import NewDraft
from store.leads import LockedLead


@lru_cache(
    maxsize=256
)  # versions in use at a time are few, and parsing one for every step would cost more than sending
def parse_sequence(definition: str) -> Sequence:
    """Read a stored sequence version."""
    return Sequence.model_validate_json(definition)


def make_draft(locked: LockedLead, step: int, sender: Address, references: tuple[str, ...], now: datetime) -> NewDraft:
    """Render and freeze the draft of a step.

    Raises TemplateError or MessageError when the lead's data, changed since the enrolment, no longer give a message.
    """
    rendered = render_step(parse_sequence(locked.definition), step, locked.lead)
    frozen = freeze(
        draft_id=draft_id(DraftKey(locked.instance_id, step)),
        sender=sender,
        recipient_name=locked.lead.name,
        recipient_address=locked.lead.email,
        subject=rendered.subject,
        body=rendered.body,
        date=now,
        thread=Thread(references=references),
    )
    return NewDraft(frozen.message_id, sender.addr_spec, rendered.subject, frozen.content, frozen.fingerprint)
