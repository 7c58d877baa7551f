"""What was received beside what the tables say of it: a message that came was sent, whatever is written down."""

from collections.abc import Iterator, Sequence

from sqlalchemy.ext.asyncio import AsyncEngine

from domain.draft import DraftState
from operating.audit.finding import Finding, Kind, Mark, Report
from operating.audit.received import Received
from store.audit import KnownMessage, find_messages

_AT_ONCE = 500
# Its claim or an earlier one may have sent it in these: nothing is wrong yet.
_MAY_HAVE_BEEN_SENT = (DraftState.SENT, DraftState.SENDING)


async def audit_received(engine: AsyncEngine, workspace: str, messages: Sequence[Received], report: Report) -> None:
    """Look up the drafts of what was received."""
    by_draft = {one.draft: one for one in messages if one.draft}
    lefts = sorted(by_draft)
    for start in range(0, len(lefts), _AT_ONCE):
        async with engine.connect() as connection:
            known = await find_messages(connection, workspace, lefts[start : start + _AT_ONCE])
        report.looked_at["drafts received"] += len(known)
        report.add(_findings(known, by_draft))


def _findings(known: list[KnownMessage], by_draft: dict[str, Received]) -> Iterator[Finding]:
    for draft in known:
        if draft.state in _MAY_HAVE_BEEN_SENT:
            continue
        came = by_draft[draft.left]
        where, when = f"step {draft.step} of {draft.instance_id}", f" ({came.place})"
        kind, sentence = Kind.RECEIVED_UNSENT, f"{where} came{when}, and the tables say that it is {draft.state}"
        if draft.state == DraftState.UNKNOWN:
            kind = Kind.RECEIVED_UNKNOWN
            sentence = f"{where} came{when}: settle it with `followup resume {draft.instance_id} --decision sent`"
        marks = (Mark(came.at, came.message_id),) if came.at else ()
        yield Finding(kind, draft.instance_id, str(draft.step), sentence, marks)
