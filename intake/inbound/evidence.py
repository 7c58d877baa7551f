"""What was seen of our messages outside, brought in: the facts first, and the workflow told when all else is done."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.service import RPCError

from domain.draft import draft_key
from intake.events import NotTakenError
from intake.starting import Starter
from store.evidence import Named, Seen, UnknownDraft, find_named, find_written_to, list_unknown
from transactions.evidence import Concern, EvidenceEffect, Taken, take_evidence

_PAGE = 500


class EvidenceRecorder:
    """Brings evidence to the drafts of one workspace. All of it may be repeated."""

    def __init__(self, engine: AsyncEngine, starter: Starter, *, workspace: str) -> None:
        self._engine = engine
        self._starter = starter
        self._workspace = workspace

    async def find(self, message_hashes: Sequence[str]) -> Named | None:
        """Find the draft that the first of these names; the next where that is none of ours."""
        if not message_hashes:
            return None
        async with self._engine.connect() as connection:
            return next(iter(await find_named(connection, self._workspace, message_hashes)), None)

    async def unknown(self, after: str) -> list[UnknownDraft]:
        """List a page of drafts that may have been sent; `after` is the thread of the last one before."""
        async with self._engine.connect() as connection:
            return await list_unknown(connection, self._workspace, after, _PAGE)

    async def find_written_to(self, addresses: Sequence[str], since: datetime) -> Named | None:
        """Find the newest draft that went to one of these addresses, or may have."""
        if not addresses:
            return None
        async with self._engine.connect() as connection:
            return await find_written_to(connection, self._workspace, addresses, since)

    async def record(self, draft_id: str, seen: Seen, by: str, concern: Concern | None = None) -> Taken:
        """Keep what was seen, and what follows from it."""
        async with self._engine.begin() as connection:
            return await take_evidence(connection, draft_id, seen, by, concern)

    async def tell(self, draft_id: str, taken: Taken, by: str) -> None:
        """Tell the workflow, which may go on by it: so a stop is stored before. Raises NotTakenError."""
        instance, step, _ = draft_key(draft_id)
        try:
            if taken.bearing is EvidenceEffect.SETTLES:
                await self._starter.settled(instance, step, by)
            if taken.paused:
                await self._starter.paused([instance], taken.reason, by)
        except (RPCError, RuntimeError) as error:  # RuntimeError is how a failed connect shows
            raise NotTakenError("Temporal can't be reached: give it again") from error
