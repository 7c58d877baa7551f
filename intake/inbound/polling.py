"""Reading a mailbox: each message of a folder is taken once, and copies of unknown sends are looked for among the sent.

Nothing is lost by an interruption: what was not marked is taken again, and whoever takes it recognises it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy.exc import SQLAlchemyError

from domain.event import EventError
from domain.evidence import EvidenceKind
from intake.events import NotTakenError
from intake.inbound.evidence import EvidenceRecorder
from intake.inbound.imap import ImapFolder
from intake.inbound.mail import READ_BYTES
from intake.inbound.mailbox import Mailbox
from intake.inbound.taking import InboundAnswer, InboundDoor
from store.engine import is_down
from store.evidence import Seen, UnknownDraft
from transactions.evidence import EvidenceEffect


class NotRead(NamedTuple):
    """A message that can't be taken, where it is, and why."""

    place: str
    why: str

    @property
    def sentence(self) -> str:
        """What people are told."""
        return f"{self.place}: {self.why}" if self.place else self.why


class Found(NamedTuple):
    """A copy of a message of ours that may have been sent."""

    draft_id: str
    source: str
    evidence: EvidenceEffect

    @property
    def sentence(self) -> str:
        """What people are told."""
        return f"{self.draft_id}: {self.evidence}, by its copy {self.source}"


class PolledFolder:
    """A folder that mail comes in to. Where the server keeps no marks, it remembers how far it came."""

    def __init__(self, mailbox: Mailbox, door: InboundDoor) -> None:
        self._mailbox = mailbox
        self._door = door
        self._uid_validity = 0
        self._taken_to = 0

    async def poll(self, ended: Callable[[], bool]) -> AsyncIterator[InboundAnswer | NotRead]:
        """Take what lies there until `ended`. Raises ImapError, and NotTakenError: then poll again later."""
        async with _open(self._mailbox, readonly=False) as folder:
            if folder.can_mark or folder.uid_validity != self._uid_validity:
                self._taken_to = 0
            self._uid_validity = folder.uid_validity
            for uid in await asyncio.to_thread(folder.find_untaken, self._taken_to):
                if ended():
                    return
                taken = await self._take(folder, uid)
                self._taken_to = uid
                if taken is not None:
                    yield taken

    async def _take(self, folder: ImapFolder, uid: int) -> InboundAnswer | NotRead | None:
        message = await asyncio.to_thread(folder.fetch, uid, READ_BYTES)
        if message is None:
            return None
        taken: InboundAnswer | NotRead
        try:
            taken = await self._door.take(message.raw, message.came_at)
        except EventError as error:  # it will be no better the next time
            taken = NotRead(f"{self._mailbox.place}/{folder.uid_validity}/{uid}", str(error))
        await asyncio.to_thread(folder.mark_taken, uid)
        return taken


async def look_among_sent(
    mailbox: Mailbox, recorder: EvidenceRecorder, ended: Callable[[], bool]
) -> AsyncIterator[Found]:
    """Look for copies of drafts that may have been sent. That there is none proves nothing, and changes nothing.

    Raises ImapError, and NotTakenError: then look again later.
    """
    async with _open(mailbox, readonly=True) as folder:
        after = ""
        while page := await _unknown(recorder, after):
            for unknown in page:
                if ended():
                    return
                for uid in await asyncio.to_thread(folder.find_copies, unknown.message_hash):
                    yield await _take_copy(recorder, unknown, f"{mailbox.place}/{folder.uid_validity}/{uid}")
            after = page[-1].thread_id


async def _unknown(recorder: EvidenceRecorder, after: str) -> list[UnknownDraft]:
    try:
        return await recorder.unknown(after)
    except SQLAlchemyError as error:
        raise _not_taken(error) from error


async def _take_copy(recorder: EvidenceRecorder, unknown: UnknownDraft, source: str) -> Found:
    seen = Seen(EvidenceKind.SENT_COPY, source, datetime.now(UTC))
    try:
        taken = await recorder.record(unknown.draft_id, seen, source)
    except SQLAlchemyError as error:
        raise _not_taken(error) from error
    await recorder.tell(unknown.draft_id, taken, "imap")  # where the folder is, is nobody's business in Temporal
    return Found(unknown.draft_id, source, taken.bearing)


def _not_taken(error: SQLAlchemyError) -> Exception:
    return NotTakenError("PostgreSQL can't be reached: look again") if is_down(error) else error


@asynccontextmanager
async def _open(mailbox: Mailbox, *, readonly: bool) -> AsyncIterator[ImapFolder]:
    folder = await asyncio.to_thread(ImapFolder, mailbox, readonly=readonly)
    try:
        yield folder
    finally:
        await asyncio.to_thread(folder.close)
