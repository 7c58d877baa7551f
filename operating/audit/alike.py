"""Messages that went to one address close together and say the same, found in our own tables alone.

Each may be one step of its own follow-up: to whoever reads them they are copies.
"""

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import timedelta
from difflib import SequenceMatcher

from sqlalchemy.ext.asyncio import AsyncEngine

from domain.instance import instance_key
from domain.sequence import REPLY
from mail.rewriting import read_message
from operating.audit.finding import Finding, Kind, Mark
from operating.audit.sending import span
from store.audit import SentTo, read_messages, read_sent_to

# Of two texts whose words agree to this part a reader says that they are the same.
_NEARLY = 0.9
# The beginning of a text tells which one it is; comparing all of a long one takes the square of its length.
_MOST_WORDS = 500


async def alike_findings(engine: AsyncEngine, workspace: str, burst: timedelta) -> AsyncIterator[Finding]:
    """Find equal and nearly equal messages to one address within the time of a burst, in different follow-ups."""
    async for close in _close(engine, workspace, burst):
        async with engine.connect() as connection:
            contents = await read_messages(connection, [one.draft_id for one in close])
        texts = {one.draft_id: _words(contents[one.draft_id]) for one in close if one.draft_id in contents}
        for same in _alike(close, texts):
            yield _finding(same)


async def _close(engine: AsyncEngine, workspace: str, burst: timedelta) -> AsyncIterator[list[SentTo]]:
    """Yield what went to one address in a row, each within the time of a burst after the one before."""
    close: list[SentTo] = []
    last: SentTo | None = None
    while True:
        async with engine.connect() as connection:
            page = await read_sent_to(connection, workspace, last)
        for one in page:
            if close and (one.recipient != close[-1].recipient or one.sent_at - close[-1].sent_at > burst):
                if _is_of_several(close):
                    yield close
                close = []
            close.append(one)
        if not page:
            break
        last = page[-1]
    if _is_of_several(close):
        yield close


def _is_of_several(close: Sequence[SentTo]) -> bool:
    return len({one.instance_id for one in close}) > 1


def _alike(close: Sequence[SentTo], texts: dict[str, list[str]]) -> Iterator[list[SentTo]]:
    """Group what says the same as the first of its group; what one follow-up says is its sequence's own affair."""
    groups: list[list[SentTo]] = []
    for one in close:
        if instance_key(one.instance_id).sequence == REPLY or one.draft_id not in texts:
            continue  # a person wrote it, or its recipient was forgotten
        said = texts[one.draft_id]
        group = next((group for group in groups if _is_nearly(texts[group[0].draft_id], said)), None)
        if group is None:
            groups.append([one])
        else:
            group.append(one)
    yield from (group for group in groups if _is_of_several(group))


def _is_nearly(one: list[str], other: list[str]) -> bool:
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    return matcher.quick_ratio() >= _NEARLY and matcher.ratio() >= _NEARLY


def _words(content: bytes) -> list[str]:
    message = read_message(content)
    subject = re.sub(r"^(?:re:\s*)+", "", message.subject.lower())
    return f"{subject} {message.body.lower()}".split()[:_MOST_WORDS]


def _finding(same: list[SentTo]) -> Finding:
    first, instants = same[0], [one.sent_at for one in same]
    steps = ", ".join(f"step {one.step} of {one.instance_id}" for one in same[:8])
    sentence = (
        f"{len(same)} messages that say the same went to one address within {span(max(instants) - min(instants))}"
    )
    marks = tuple(Mark(one.sent_at, f"{one.instance_id} {one.message_id}") for one in same)
    return Finding(Kind.LOOKS_THE_SAME, first.instance_id, str(first.step), f"{sentence}: {steps}", marks)
