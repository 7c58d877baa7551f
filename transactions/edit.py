"""Editing a message that waits for its approval. What it says never goes through Temporal, so the store alone knows."""

import re
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncEngine

from domain.draft import DraftKey, draft_id
from mail.message import MessageError
from mail.rewriting import SeenMessage, read_message, rewrite
from store.approvals import Rewritten, rewrite_draft
from store.leads import lock_lead
from store.ledger import add_note
from store.tasks import OpenTask

EDITED = "edited"
_SUBJECT = re.compile(r"Subject:[ \t]*(.*)\n(?:[ \t]*\n)?")


class EditError(Exception):
    """A message can't be edited like this, and nothing was changed. The message is for people."""


class Edit(NamedTuple):
    """What a message shall say; no subject: the one it has."""

    subject: str | None
    body: str


def as_text(mail: SeenMessage) -> str:
    """Write a mail for an editor: its subject, unless it answers in a thread, an empty line, its body."""
    return mail.body if mail.answers else f"Subject: {mail.subject}\n\n{mail.body}"


def read_text(text: str, mail: SeenMessage) -> Edit:
    """Read what an editor gave back. Raises EditError where the line with the subject is gone."""
    if mail.answers:
        return Edit(None, text)
    found = _SUBJECT.match(text)
    if found is None:
        raise EditError("the first line must be the subject, as 'Subject: …'; nothing was changed")
    return Edit(found[1].strip(), text[found.end() :])


async def edit(engine: AsyncEngine, task: OpenTask, words: Edit, *, by: str, note: str = "") -> str | None:
    """Let a message say something else, if it is still the one that was read; returns its new fingerprint.

    None: it says that already. Raises EditError.
    """
    before = read_message(task.content or b"")
    try:
        new = rewrite(task.content or b"", subject=words.subject, body=words.body, date=datetime.now(UTC))
    except MessageError as error:
        raise EditError(f"{error}; nothing was changed") from None
    after, seen = read_message(new.content), task.fingerprint or ""
    if after == before:
        return None
    rewritten = Rewritten(None if after.subject == before.subject else after.subject, new.content, new.fingerprint)
    async with engine.begin() as connection:
        await lock_lead(connection, task.instance_id)
        if not await rewrite_draft(connection, draft_id(DraftKey(task.instance_id, task.step)), seen, rewritten):
            raise EditError("it was edited or decided meanwhile: look again; nothing was changed")
        why = f"{seen[:8]} -> {new.fingerprint[:8]}{f': {note}' if note else ''}"
        await add_note(connection, task.instance_id, task.step, EDITED, by=by, why=why)
    return new.fingerprint
