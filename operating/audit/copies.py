"""What was seen in a Sent folder: a message lies there as often as it was sent."""

from collections.abc import Iterator, Sequence

from operating.audit.finding import Finding, Kind, Mark
from operating.audit.sending import repeated
from store.copies import SentCopy


def copy_findings(copies: Sequence[SentCopy]) -> Iterator[Finding]:
    """Find the messages of which several copies lie in one folder, though each draft was sent once at most."""
    for same in repeated(copies, lambda copy: (copy.instance_id, copy.step, _folder(copy.source))):
        first = same[0]
        sentence = (
            f"step {first.step} of {first.instance_id} lies {len(same)} times in a Sent folder: {first.message_id}, "
            + ", ".join(copy.source for copy in same[:8])
        )
        marks = tuple(Mark(copy.seen_at, copy.source) for copy in same)
        yield Finding(Kind.SEEN_TWICE, first.instance_id, str(first.step), sentence, marks)


def _folder(source: str) -> str:
    """Leave out the number of the message; a folder that was numbered again shows each copy once more."""
    return source.rpartition("/")[0]
