"""What was really received: an mbox file, a Maildir, or a folder of .eml files, and what is wrong with it."""

import hashlib
import mailbox
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email import message_from_binary_file
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from intake.files.file_error import FileError
from operating.audit.finding import Finding, Kind, Mark
from operating.audit.sending import repeated, span

# What `domain.draft.message_id` makes: two messages that share it came of one draft, whatever follows the `@`.
_OURS = re.compile(r"<[0-9a-f]{40}")
# Where a mail server says whom it delivered to; the first of them that is there counts.
_DELIVERED = ("Delivered-To", "X-Original-To", "Envelope-To", "To")


class Received(NamedTuple):
    """A message that a mailbox holds. `text` is a hash of its body; `at` is when it arrived, as far as it says.

    `entered`: what the first server that took it wrote down. Copies of one hand-over share it, two hand-overs never do.
    """

    place: str
    message_id: str
    recipient: str
    subject: str
    text: bytes
    at: datetime | None
    entered: str = ""

    @property
    def draft(self) -> str:
        """The left part of its Message-ID, where that could be ours."""
        left = self.message_id.partition("@")[0]
        return left if _OURS.fullmatch(left) else ""


def read_received(path: Path) -> Iterator[Received]:
    """Read the messages of a mailbox, one at a time. Raises FileError."""
    try:
        if path.is_file() and _is_mbox(path):
            with closing(mailbox.mbox(path, create=False)) as box:
                yield from _read(box)
        elif (path / "cur").is_dir() and (path / "new").is_dir():
            yield from _read_maildir(mailbox.Maildir(path, create=False))
        elif path.is_dir() and any(path.glob("*.eml")):
            for file in sorted(path.glob("*.eml")):
                with file.open("rb") as opened:
                    yield _received(file.name, message_from_binary_file(opened))
        else:
            raise FileError([f"{path}: is no mbox file, no Maildir and no folder of .eml files; check the name"])
    except OSError as error:
        raise FileError([f"{path}: can't be read ({error.strerror}); check the name and its permissions"]) from None


def _is_mbox(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(5) in (b"From ", b"")  # an mbox of no messages is an empty file


def _read(box: mailbox.mbox | mailbox.Maildir) -> Iterator[Received]:
    for key in box.iterkeys():
        yield _received(f"message {int(key) + 1}" if isinstance(box, mailbox.mbox) else str(key), box[key])


def _read_maildir(box: mailbox.Maildir) -> Iterator[Received]:
    yield from _read(box)
    for name in sorted(box.list_folders()):  # a filter may have put one of two copies aside
        yield from (one._replace(place=f".{name}/{one.place}") for one in _read(box.get_folder(name)))


def _received(place: str, message: Message) -> Received:
    delivered = next((str(message[name]) for name in _DELIVERED if message[name]), "")
    addresses = sorted(address.lower() for _, address in getaddresses([delivered]))
    return Received(
        place=place,
        message_id="".join(str(message["Message-ID"] or "").split()),
        recipient=", ".join(addresses),
        subject=_decoded(message["Subject"]),
        text=_text(message),
        at=_arrived(message),
        entered=" ".join(str((message.get_all("Received") or [""])[-1]).split()),
    )


def _decoded(subject: object) -> str:
    try:
        return " ".join(str(make_header(decode_header(str(subject or "")))).split())
    except (ValueError, LookupError):  # an encoding nobody knows: compared as it stands
        return str(subject)


def _text(message: Message) -> bytes:
    digest = hashlib.sha256()
    for part in message.walk():
        payload = part.get_payload(decode=True)
        if isinstance(payload, bytes):
            # line ends and the space before them change on the way
            digest.update(b"\n".join(line.rstrip() for line in payload.rstrip().splitlines()))
    return digest.digest()[:16]


def _arrived(message: Message) -> datetime | None:
    for written in (str(message["Received"] or "").rpartition(";")[2], str(message["Date"] or "")):
        try:
            at = parsedate_to_datetime(" ".join(written.split()))
        except (ValueError, TypeError):
            continue
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return None


def received_findings(messages: Sequence[Received], burst: timedelta) -> Iterator[Finding]:
    """Find what came more than once, and what looks as if it had."""
    for same in repeated([one for one in messages if one.draft], lambda one: one.draft):
        yield from _of_one_draft(same)
    others = [one for one in messages if one.message_id and not one.draft]
    for same in repeated(others, lambda one: (one.message_id, one.recipient)):
        yield _finding(Kind.RECEIVED_TWICE, same)
    for alike in repeated(messages, lambda one: (one.recipient, one.subject, one.text)):
        yield from (_finding(Kind.LOOKS_THE_SAME, close) for close in _close(alike, burst))


def _of_one_draft(same: list[Received]) -> Iterator[Finding]:
    """A draft has one recipient. What came of it to several mailboxes may be one message that was passed on."""
    handed_over = {one.entered for one in same if one.entered}
    groups = [same] if len(handed_over) > 1 else repeated(same, lambda one: one.recipient)
    for group in groups:
        kind = Kind.RECEIVED_TWICE if len({(one.message_id, one.text) for one in group}) == 1 else Kind.TWO_MESSAGES
        yield _finding(kind, group)


def _close(alike: Iterable[Received], burst: timedelta) -> Iterator[list[Received]]:
    """Group what arrived within the time of a burst; copies under one id have been told already."""
    # by id or, without one, by place: nothing tells those apart
    different = {one.draft or one.message_id or one.place: one for one in alike if one.at is not None}
    rows = sorted(different.values(), key=lambda one: one.at or datetime.max.replace(tzinfo=UTC))
    close: list[Received] = rows[:1]
    for earlier, later in pairwise(rows):
        if earlier.at and later.at and later.at - earlier.at <= burst:
            close.append(later)
            continue
        if len(close) > 1:
            yield close
        close = [later]
    if len(close) > 1:
        yield close


def _finding(kind: Kind, same: list[Received]) -> Finding:
    first, instants = same[0], sorted(one.at for one in same if one.at)
    within = f" within {span(instants[-1] - instants[0])}" if len(instants) > 1 else ""
    places = ", ".join(one.place for one in same[:8])
    what = {
        Kind.RECEIVED_TWICE: f"{first.message_id} came {len(same)} times",
        Kind.TWO_MESSAGES: f"{len(same)} different messages of the one draft {first.draft}…> came",
        Kind.LOOKS_THE_SAME: f"{len(same)} messages of the same subject and text came",
    }[kind]
    to = " and ".join(sorted({one.recipient for one in same if one.recipient})) or "one mailbox"
    sentence = f"{what} to {to}{within}: {places}"
    marks = tuple(Mark(one.at, one.message_id or one.place) for one in same if one.at)
    return Finding(kind, first.recipient, None, sentence, marks)
