"""What was sent, thread by thread, read a page at a time."""

from collections.abc import AsyncIterator, Iterable
from datetime import timedelta
from itertools import groupby

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.sequence import REPLY, Sequence
from operating.audit.sending import Outbound
from store.audit import SentDraft, read_definition, read_sent


async def sent_threads(engine: AsyncEngine, workspace: str) -> AsyncIterator[list[Outbound]]:
    """What was sent, a thread at a time, each in the order of time."""
    waits: dict[tuple[str, str], Sequence | None] = {}
    thread: list[Outbound] = []
    last: SentDraft | None = None
    while True:
        async with engine.connect() as connection:
            page = await read_sent(connection, workspace, last)
            for name, version in {(one.sequence, one.version) for one in page} - waits.keys():
                waits[name, version] = _parsed(await read_definition(connection, workspace, name, version))
        for thread_id, drafts in groupby(page, key=lambda one: one.thread_id):
            if thread and thread[0].thread != thread_id:
                yield thread
                thread = []
            thread += _outbound(drafts, waits)
        if not page:
            break
        last = page[-1]
    if thread:
        yield thread


def _outbound(drafts: Iterable[SentDraft], sequences: dict[tuple[str, str], Sequence | None]) -> list[Outbound]:
    return [
        Outbound(
            thread=one.thread_id,
            instance=one.instance_id,
            step=str(one.step),
            at=one.sent_at,
            message_id=one.message_id,
            wait=_wait(sequences[one.sequence, one.version], one.step),
            by_hand=one.sequence == REPLY,
        )
        for one in drafts
    ]


def _wait(sequence: Sequence | None, step: int) -> timedelta | None:
    return sequence.steps[step - 1].wait.shortest if sequence and 1 <= step <= len(sequence.steps) else None


def _parsed(definition: str | None) -> Sequence | None:
    try:
        return Sequence.model_validate_json(definition or "")
    except ValidationError:  # made by hand: then nothing is known of what it asks for
        return None
