"""The message of a draft, made once and frozen: the same inputs give the same bytes, on every machine."""

import binascii
import email
import hashlib
import re
from datetime import UTC, datetime
from email import policy
from email.headerregistry import Address, AddressHeader
from email.utils import format_datetime
from functools import lru_cache
from typing import NamedTuple

from domain.address import deliverable
from domain.draft import message_id
from mail import headers
from mail.headers import MessageError

__all__ = ["FrozenMessage", "MessageError", "Thread", "answering", "freeze", "read_sender"]


class Thread(NamedTuple):
    """The conversation a message belongs to: the Message-IDs of its earlier messages, oldest first."""

    references: tuple[str, ...] = ()


class FrozenMessage(NamedTuple):
    """A message as it is sent to the byte. `fingerprint` is the SHA-256 of `content`, in hex."""

    message_id: str
    content: bytes
    fingerprint: str


class _Parts(NamedTuple):
    sender: Address
    recipient: Address
    subject: str
    date: str
    message_id: str
    references: tuple[str, ...]
    body: str
    reply_to: str | None = None
    unsubscribe_url: str | None = None


def freeze(
    *,
    message_hash: str,
    sender: Address,
    recipient_name: str,
    recipient_address: str,
    subject: str,
    body: str,
    date: datetime,
    thread: Thread,
    reply_to: str | None = None,
    unsubscribe_url: str | None = None,
) -> FrozenMessage:
    """Make the message of a draft (RFC 5322, plain text). A message that has a thread answers it, with one `Re:`.

    `date` is aware. `reply_to` is an address; a POST to `unsubscribe_url` unsubscribes the recipient (RFC 8058).
    Raises MessageError naming the field; it never quotes what it was given.
    """
    if date.tzinfo is None:
        raise MessageError("Date: has no time zone: give an aware instant")
    from_ = _mailbox("From", sender.display_name, sender.addr_spec)
    parts = _Parts(
        sender=from_,
        recipient=_mailbox("To", recipient_name, recipient_address),
        subject=answering(subject) if thread.references else subject.strip(" "),
        date=format_datetime(date.astimezone(UTC)),
        message_id=message_id(message_hash, from_.domain),
        references=thread.references,
        body=line_ends(body),
        reply_to=_mailbox("Reply-To", "", reply_to).addr_spec if reply_to else None,
        unsubscribe_url=unsubscribe_url,
    )
    content = _written(parts)
    _require_read_back(content, parts)
    return FrozenMessage(parts.message_id, content, hashlib.sha256(content).hexdigest())


def read_sender(content: bytes) -> Address:
    """Read the sender of a message that `freeze` made."""
    written = str(email.message_from_bytes(content, policy=policy.compat32)["From"])
    header = policy.SMTP.header_factory("From", "".join(written.splitlines()))
    if not isinstance(header, AddressHeader) or len(header.addresses) != 1:
        raise ValueError("the message has no sender")
    return header.addresses[0]


# The sender is the same in message after message, and checking and reading addresses is half of what freezing costs.
_KEPT = 64


@lru_cache(maxsize=_KEPT)
def _mailbox(field: str, name: str, address: str) -> Address:
    headers.one_line(field, name)
    try:
        return Address(display_name=" ".join(name.split()), addr_spec=deliverable(address))
    except ValueError as error:
        raise MessageError(f"{field}: {error}") from None


def answering(subject: str) -> str:
    """Return the subject of an answer: with one `Re:`, however many it had."""
    return "Re: " + re.sub(r"^\s*(?:re:\s*)*", "", subject.strip(" "), flags=re.IGNORECASE)


def line_ends(body: str) -> str:
    """Return a body with the one kind of line end it is frozen with, and one at its end."""
    return body.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n") + "\n"


def _written(parts: _Parts) -> bytes:
    encoding, body = encoded_body(parts.body)
    lines = [
        headers.header("From", headers.mailbox("From", parts.sender.display_name, parts.sender.addr_spec)),
        headers.header("To", headers.mailbox("To", parts.recipient.display_name, parts.recipient.addr_spec)),
        headers.header("Subject", headers.text("Subject", parts.subject)),
        headers.header("Date", [parts.date]),
        headers.header("Message-ID", headers.message_ids("Message-ID", [parts.message_id])),
        headers.header("MIME-Version", ["1.0"]),
        headers.header("Content-Type", ["text/plain;", "charset=utf-8"]),
        headers.header("Content-Transfer-Encoding", [encoding]),
    ]
    lines[5:5] = [headers.header(name, tokens) for name, tokens in _further(parts).items()]
    return "".join(lines).encode("ascii") + b"\r\n" + body.replace(b"\n", b"\r\n")


def _further(parts: _Parts) -> dict[str, list[str]]:
    """Return the headers that not every message has, in their order, each as its tokens."""
    further: dict[str, list[str]] = {}
    if parts.references:
        ids = headers.message_ids("References", parts.references)
        further |= {"In-Reply-To": ids[-1:], "References": ids}
    if parts.reply_to is not None:
        further["Reply-To"] = [parts.reply_to]
    if parts.unsubscribe_url is not None:
        # RFC 8058, 3.1: this value and no other
        further["List-Unsubscribe"] = [headers.link("List-Unsubscribe", parts.unsubscribe_url)]
        further["List-Unsubscribe-Post"] = ["List-Unsubscribe=One-Click"]
    return further


def encoded_body(body: str) -> tuple[str, bytes]:
    """Return the transfer encoding and the body in it: as it is where every line is short plain ASCII.

    A space before a line end is lost on some ways, so it is encoded too (RFC 2045, 6.7, rule 3).
    """
    if re.fullmatch(r"(?:(?:[ -~\t]{0,77}[!-~])?\n)*", body):
        return "7bit", body.encode("ascii")
    try:
        return "quoted-printable", binascii.b2a_qp(body.encode())
    except UnicodeEncodeError:
        raise MessageError("body: contains half a character: remove it") from None


def _require_read_back(content: bytes, parts: _Parts) -> None:
    """Read the bytes as a receiver would, and require every header and value to be what was meant, and no more.

    Only what holds a lead's words is parsed by its own grammar; the rest is ours and compared as it stands.
    """
    read = email.message_from_bytes(content, policy=policy.compat32)
    expected: dict[str, object] = {
        "From": [_seen(parts.sender)],
        "To": [_seen(parts.recipient)],
        "Subject": parts.subject,
        "Date": parts.date,
        "Message-ID": parts.message_id,
        **{name: " ".join(tokens) for name, tokens in _further(parts).items()},
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=utf-8",
    }
    if read.keys() != [*expected, "Content-Transfer-Encoding"] or read.defects:
        raise MessageError("message: reads back with other headers than were written: check subject, name and address")
    for name, value in expected.items():
        if _value(name, str(read[name])) != value:
            raise MessageError(f"{name}: does not read back as it was given: make it plainer")
    payload = read.get_payload(decode=True)
    if not isinstance(payload, bytes) or line_ends(payload.decode("utf-8", "replace")) != parts.body:
        raise MessageError("body: does not read back as it was given: remove unusual characters")


@lru_cache(maxsize=_KEPT)
def _value(name: str, written: str) -> object:
    if name not in ("From", "To", "Subject"):
        return " ".join(written.split())
    header = policy.SMTP.header_factory(name, "".join(written.splitlines()))
    if isinstance(header, AddressHeader):
        return [_seen(address) for address in header.addresses]
    return str(header)


def _seen(address: Address) -> tuple[str, str]:
    # The standard library reads a name of several encoded words with spaces between them, which RFC 2047 (6.2)
    # takes away; so spaces are not compared.
    return "".join(address.display_name.split()), address.addr_spec
