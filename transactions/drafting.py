"""Making a step's draft: rendered for its lead, answering in its thread, frozen to the byte."""

import hashlib
from datetime import datetime
from email.headerregistry import Address
from functools import lru_cache

from sqlalchemy.ext.asyncio import AsyncConnection

from domain.draft import Channel, DraftState
from domain.sequence import Sequence
from domain.thread import in_order
from mail.message import Thread, freeze, read_sender
from mail.template import render_step
from store.drafts import NewDraft
from store.facts import StepFacts, first_sent
from store.leads import LockedLead
from transactions.linking import DraftLinks


@lru_cache(
    maxsize=256
)  # versions in use at a time are few, and parsing one for every step would cost more than sending
def parse_sequence(definition: str) -> Sequence:
    """Read a stored sequence version."""
    return Sequence.model_validate_json(definition)


async def sender_of_thread(
    connection: AsyncConnection, locked: LockedLead, facts: StepFacts, sender: Address
) -> Address:
    """Return who sends in this thread: whoever sent first, and the settings' sender where nobody has."""
    if facts.thread_sender in (None, sender.addr_spec):
        return sender
    return read_sender(await first_sent(connection, locked.thread_id))


def make_draft(
    locked: LockedLead,
    step: int,
    sender: Address,
    references: tuple[str, ...],
    now: datetime,
    links: DraftLinks,
    own_subject: str | None = None,
) -> NewDraft:
    """Render and freeze the draft of a step, an e-mail; `references` are the messages sent in its thread.

    `own_subject` is that of the first message the follow-up sent: a person may have edited it, and a thread has one.
    Raises TemplateError or MessageError when the lead's data, changed since the enrolment, no longer give a message.
    """
    sequence = parse_sequence(locked.definition)
    rendered = render_step(sequence, step, locked.lead, links.unsubscribe_url)
    origin = locked.origin
    subject = origin.subject if origin and origin.subject else own_subject or rendered.subject
    frozen = freeze(
        message_hash=links.message_hash,
        sender=sender,
        recipient_name=locked.lead.name,
        recipient_address=locked.lead.email,
        subject=subject,
        body=rendered.body,
        date=now,
        thread=Thread(references=in_order((*origin.message_ids, *references)) if origin else references),
        reply_to=links.reply_to,
        unsubscribe_url=links.unsubscribe_url,
    )
    state = DraftState.AWAITING_APPROVAL if sequence.step(step).approval else DraftState.PENDING
    return NewDraft(frozen.message_id, sender.addr_spec, subject, frozen.content, frozen.fingerprint, state=state)


def make_manual_draft(locked: LockedLead, step: int) -> NewDraft:
    """Render what a person has to do in a manual step. Raises TemplateError as `make_draft` does."""
    content = render_step(parse_sequence(locked.definition), step, locked.lead).body.encode()
    return NewDraft("", "", "", content, hashlib.sha256(content).hexdigest(), Channel.TASK)
