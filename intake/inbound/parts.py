"""The parts of a message that came in, and their text, read to a bound.

Whatever is attached as a message stays the text it is: a report is then read in whatever way it was encoded, and
nothing that somebody nested costs more than its bytes.
"""

import re
from collections.abc import Iterable, Iterator
from email import policy
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesParser
from email.utils import getaddresses
from functools import lru_cache
from html import unescape
from typing import Any

# Large enough for every report; of a message that is larger its attachments are left unread.
READ_BYTES = 256 * 1024
_MOST_LINES = 10_000
# Each level of nesting costs a look at every line below it, and takes a content type to begin.
_MOST_PARTS = 50
# RFC 5322, 2.1.1. Patterns are matched against lines, and some cost the square of a line's length.
LONGEST_LINE = 998
# A thread of a hundred messages names them all in one header.
_LONGEST_VALUE = 10_000
_LONGEST_FROM = 2000
# What is a program's own stands at the beginning.
_LONGEST_SUBJECT = 300
_BLANK_LINES = re.compile(rb"\A(?:\xef\xbb\xbf)?(?:[ \t]*\r?\n|>From [^\r\n]*\r?\n)*")
_SPACE_BEFORE_COLON = re.compile(rb"(?m)^([!-9;-~]{1,70})[ \t]+:")  # RFC 5322, 4.5
_HEAD_END = re.compile(rb"\r?\n\r?\n|\r\r")


class Part(Message):
    """A part whose content is never parsed as a message: `message/x` is called `text/x` here."""

    def get_content_type(self) -> str:
        """Return what the content is."""
        kind = super().get_content_type()
        return f"text/{kind.removeprefix('message/')}" if kind.startswith("message/") else kind


def read_parts(raw: bytes) -> Part | None:
    """Parse a message; None when it begins without a header."""
    raw = _BLANK_LINES.sub(b"", raw[:READ_BYTES], count=1)
    head, separator, body = _split(raw)
    head = _SPACE_BEFORE_COLON.sub(rb"\1:", head)
    body = b"".join(break_lines(body)[:_MOST_LINES])
    whole = body.lower().count(b"content-type:") <= _MOST_PARTS
    parser = BytesParser(Part, policy=policy.compat32)
    part = parser.parsebytes(head + separator + body, headersonly=not whole)
    return part if isinstance(part, Part) and part.keys() else None


def break_lines(raw: bytes) -> list[bytes]:
    """Part lines, ends included, and go on in the next one where one is longer than any may be."""
    lines = []
    for line in raw.splitlines(keepends=True):
        starts = range(0, max(len(line) - 2, 1), LONGEST_LINE)  # its end, which is not counted, stays with it
        lines += [line[at : at + LONGEST_LINE] + b"\n" for at in starts[:-1]]
        lines.append(line[starts[-1] :])
    return lines


def _split(raw: bytes) -> tuple[bytes, bytes, bytes]:
    end = _HEAD_END.search(raw)
    return (raw[: end.start()], end[0], raw[end.end() :]) if end else (raw, b"", b"")


def values(part: Message, name: str) -> list[str]:
    """Return what headers of a name say, decoded (RFC 2047), whatever their bytes are; of a long one its end."""
    return [_decoded(str(value)[-_LONGEST_VALUE:]) for value in part.get_all(name, [])]


def _decoded(text: str) -> str:
    if "=?" not in text:
        return text
    try:
        return str(make_header(decode_header(text)))
    except (HeaderParseError, LookupError, ValueError):
        return text


def value(part: Message, name: str) -> str:
    """Return what the first header of a name says; nothing when there is none."""
    return next(iter(values(part, name)), "")


def subject_of(part: Message) -> str:
    """Return the beginning of a subject, however it is folded."""
    return " ".join(value(part, "Subject").split())[:_LONGEST_SUBJECT]


def addresses(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the addresses in headers, in lower case, each once."""
    try:
        found = getaddresses([text[:_LONGEST_FROM] for text in texts])
    except (RecursionError, ValueError, IndexError):  # ways in which what is no address breaks it
        return ()
    return tuple(dict.fromkeys(address.lower() for _, address in found if address))


def leaves(part: Message) -> Iterator[Message]:
    """Yield the parts that hold something themselves, in order."""
    inner: Any = part.get_payload() if part.is_multipart() else None  # of a text it may raise
    if part.get_content_maintype() != "multipart" or inner is None:
        yield part
        return
    for one in inner:
        yield from leaves(one)


def text_of(part: Message) -> str:
    """Return the text of a leaf, its encoding undone."""
    content: Any = part.get_payload(decode=True)
    text = decoded(bytes(content or b""), _charset(part))
    return _plain(text) if part.get_content_type() == "text/html" else text


def _charset(part: Message) -> str:
    try:
        return part.get_content_charset("utf-8")
    except ValueError:  # one with a NUL, encoded by RFC 2231
        return "utf-8"


def text_lines(text: str) -> list[str]:
    """Part a text into lines, none of them longer than RFC 5322 allows."""
    lines = text.splitlines()
    return [line[at : at + LONGEST_LINE] for line in lines for at in range(0, max(len(line), 1), LONGEST_LINE)]


def decoded(content: bytes, charset: str = "utf-8") -> str:
    """Decode bytes, whatever they are said to be."""
    try:
        return content.decode(charset, "replace")
    except (LookupError, ValueError):  # a charset that is none, or fails in its own way
        return content.decode("utf-8", "replace")


@lru_cache(maxsize=1)  # it is asked for many times, of one message after another
def own_text(part: Message) -> str:
    """Return what the writer of a message says in it: its first plain text, else its first HTML, as text."""
    found = list(leaves(part))
    # parts that no boundary parts are text as they stand
    for kind in ("text/plain", "text/html", "multipart/"):
        for leaf in found:
            if leaf.get_content_type().startswith(kind):
                return text_of(leaf)
    return ""


_BLOCKS = frozenset({"p", "div", "br", "li", "tr", "table", "h1", "h2", "h3", "pre"})
# What is quoted, or not shown
_LEFT_OUT = frozenset({"blockquote", "style", "script", "title", "head"})
_TAG = re.compile(r"(/?)([A-Za-z][A-Za-z0-9]{0,20})")


def _plain(html: str) -> str:
    """Return what HTML shows. A parser of all of HTML takes minutes for what was made to be slow; this passes once."""
    first, *pieces = html.split("<")
    shown, left_out, depth = [first], "", 0
    for piece in pieces:
        markup, closed, text = piece.partition(">")
        tag = _TAG.match(markup) if closed else None
        ends, name = (tag[1], tag[2].lower()) if tag else ("", "")
        if name == "body":  # however badly what came before was closed
            depth = 0
        elif name in _LEFT_OUT and name == (left_out if depth else name):
            left_out, depth = name, max(depth + (-1 if ends else 1), 0)
        shown.append("\n" if name in _BLOCKS else "")
        if not depth:
            shown.append(unescape(" ".join((text if closed else f"<{markup}").split("\n"))))
    return "".join(shown)
