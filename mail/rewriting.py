"""A frozen message read as its recipient sees it, and written again with other words: everything else stays."""

import email
import hashlib
import re
from datetime import UTC, datetime
from email import policy
from email.utils import format_datetime
from typing import NamedTuple

from mail import headers
from mail.message import FrozenMessage, MessageError, encoded_body, line_ends
from mail.template import LONGEST_OUTPUT

_FOLDED = re.compile(rb"\r\n(?! )")


class SeenMessage(NamedTuple):
    """What the recipient of a message sees. One that `answers` is in a thread, whose subject it has."""

    sender: str
    recipient: str
    subject: str
    body: str
    answers: bool


def read_message(content: bytes) -> SeenMessage:
    """Read a message that `freeze` or `rewrite` made."""
    read = email.message_from_bytes(content, policy=policy.compat32)

    def seen(name: str) -> str:
        return str(policy.SMTP.header_factory(name, "".join(str(read[name]).splitlines())))

    payload = read.get_payload(decode=True)
    body = payload.decode("utf-8") if isinstance(payload, bytes) else ""
    return SeenMessage(seen("From"), seen("To"), seen("Subject"), line_ends(body), read["References"] is not None)


def rewrite(content: bytes, *, subject: str | None, body: str, date: datetime) -> FrozenMessage:
    """Freeze a message with another body, and another subject where one is given; its Message-ID stays.

    `date` is aware. Raises MessageError naming the field; it never quotes what it was given.
    """
    before = read_message(content)
    subject = before.subject if subject is None else subject.strip()
    _check(before, subject, body)
    encoding, encoded = encoded_body(line_ends(body))
    head, _, _ = content.partition(b"\r\n\r\n")
    fields = {line.partition(b":")[0].decode(): line + b"\r\n" for line in _FOLDED.split(head)}
    fields |= {
        "Date": headers.header("Date", [format_datetime(date.astimezone(UTC))]).encode("ascii"),
        "Content-Transfer-Encoding": headers.header("Content-Transfer-Encoding", [encoding]).encode("ascii"),
    }
    if subject != before.subject:
        fields["Subject"] = headers.header("Subject", headers.text("Subject", subject)).encode("ascii")
    written = b"".join(fields.values()) + b"\r\n" + encoded.replace(b"\n", b"\r\n")
    if read_message(written) != before._replace(subject=subject, body=line_ends(body)):
        raise MessageError("message: does not read back as it was given: make it plainer")
    message_id = fields["Message-ID"].decode().partition(":")[2].strip()
    return FrozenMessage(message_id, written, hashlib.sha256(written).hexdigest())


def _check(before: SeenMessage, subject: str, body: str) -> None:
    if not body.strip():
        raise MessageError("body: is blank: write what shall be sent")
    if len(body) > LONGEST_OUTPUT:
        raise MessageError(f"body: is longer than {LONGEST_OUTPUT} characters: shorten it")
    if "\x00" in body:
        raise MessageError("body: contains a NUL: remove it")
    if subject == before.subject:
        return
    if before.answers:
        raise MessageError("Subject: it answers in a thread, which has one subject: leave it as it is")
    if not subject:
        raise MessageError("Subject: is blank: write one")
