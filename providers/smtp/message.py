"""A letter as SMTP carries it: what can't be carried faithfully is refused before anything is connected."""

import re
from collections.abc import Mapping

from domain.outcome import Fault, Refused
from providers.provider import Letter

# A lone CR or LF is a line's end to some servers: one before a dot would end the message early and turn the rest of
# it into commands ("SMTP smuggling"). RFC 5321, 2.3.8 forbids to send them.
_LONE = re.compile(rb"\r(?!\n)|(?<!\r)\n")
# RFC 5321, 4.5.3.1.6: 1000 octets with CRLF; servers cut longer lines, so what arrives would not be what was approved
_LONGEST_LINE = 998
_LEADING_DOT = re.compile(rb"(?m)^\.")

TERMINATOR = b".\r\n"


def refuse_unfit(letter: Letter) -> Refused | None:
    """Refuse a letter no server could be given; None when it is fit."""
    if not _is_address(letter.sender):
        return Refused(fault=Fault.CONFIGURATION, code="smtp-bad-sender")
    if not _is_address(letter.recipient):
        return Refused(fault=Fault.RECIPIENT, code="smtp-bad-recipient")
    if _LONE.search(letter.message):
        return Refused(fault=Fault.MESSAGE, code="smtp-bare-line-end")
    if any(len(line) > _LONGEST_LINE for line in letter.message.split(b"\r\n")):
        return Refused(fault=Fault.MESSAGE, code="smtp-long-line")
    return None


def stuffed(message: bytes) -> bytes:
    """Give the body of DATA without its terminator: dots doubled, the last line ended (RFC 5321, 4.5.2)."""
    ended = message if not message or message.endswith(b"\r\n") else message + b"\r\n"
    return _LEADING_DOT.sub(b"..", ended)


def refuse_for_server(letter: Letter, extensions: Mapping[str, str]) -> Refused | None:
    """Refuse a letter that needs more than a server announced; None when it may be tried.

    The message's fault throughout: the address may be good, and other servers may carry it.
    """
    limit = extensions.get("size", "")
    # RFC 1870, 6.1: zero, or no number, means that no limit is known
    if limit.isdecimal() and 0 < int(limit) < len(letter.message):
        return Refused(fault=Fault.MESSAGE, code="smtp-too-large")
    missing = [need for need in _needs(letter) if need not in extensions]
    return Refused(fault=Fault.MESSAGE, code=f"smtp-no-{missing[0]}") if missing else None


def envelope(letter: Letter, extensions: Mapping[str, str]) -> tuple[bytes, bytes]:
    """Give the MAIL and RCPT commands of a letter."""
    needs = _needs(letter)
    options = [f"SIZE={len(letter.message)}"] if "size" in extensions else []
    options += ["BODY=8BITMIME"] if "8bitmime" in needs else []
    options += ["SMTPUTF8"] if "smtputf8" in needs else []
    mail = " ".join([f"MAIL FROM:<{letter.sender}>", *options])
    return mail.encode(), f"RCPT TO:<{letter.recipient}>".encode()


def _needs(letter: Letter) -> list[str]:
    """Name the extensions a letter needs: RFC 6531 and 6532 for addresses and headers, RFC 6152 for any octet."""
    header = letter.message.partition(b"\r\n\r\n")[0]
    names_are_ascii = letter.sender.isascii() and letter.recipient.isascii() and header.isascii()
    return ([] if names_are_ascii else ["smtputf8"]) + ([] if letter.message.isascii() else ["8bitmime"])


def _is_address(address: str) -> bool:
    """Whether an address fits between angle brackets and can't end them; what it names is the server's to judge."""
    local, at, domain = address.rpartition("@")
    return bool(local and at and domain) and address.isprintable() and not set(address) & set(' <>"')
