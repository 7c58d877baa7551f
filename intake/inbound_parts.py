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
from html.parser import HTMLParser
from typing import Any

# Large enough for every report; of a message that is larger its attachments are left unread.
READ_BYTES = 256 * 1024
_MOST_LINES = 10_000
# Each level of nesting costs a look at every line below it, and takes a content type to begin.
_MOST_PARTS = 50
# RFC 5322, 2.1.1. Patterns are matched against lines, and some cost the square of a line's length.
LONGEST_LINE = 998
LONG_LINE = re.compile(rb"[^\r\n]{%d}(?=[^\r\n])" % LONGEST_LINE)
# A thread of a hundred messages names them all in one header.
_LONGEST_VALUE = 10_000
_LONGEST_FROM = 2000
_BLANK_LINES = re.compile(rb"\A(?:\xef\xbb\xbf)?(?:[ \t]*\r?\n)+")
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
    body = b"".join(LONG_LINE.sub(rb"\g<0>\n", body).splitlines(keepends=True)[:_MOST_LINES])
    whole = body.lower().count(b"content-type:") <= _MOST_PARTS
    parser = BytesParser(Part, policy=policy.compat32)
    part = parser.parsebytes(head + separator + body, headersonly=not whole)
    return part if isinstance(part, Part) and part.keys() else None


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


def addresses(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the addresses in headers, in lower case, each once."""
    try:
        found = getaddresses([text[:_LONGEST_FROM] for text in texts])
    except (RecursionError, ValueError, IndexError):  # ways in which what is no address breaks it
        return ()
    return tuple(dict.fromkeys(address.lower() for _, address in found if address))


def leaves(part: Message) -> Iterator[Message]:
    """Yield the parts that hold something themselves, in order."""
    inner: Any = part.get_payload()
    if part.get_content_maintype() != "multipart" or not isinstance(inner, list):
        yield part
        return
    for one in inner:
        yield from leaves(one)


def text_of(part: Message) -> str:
    """Return the text of a leaf, its encoding undone."""
    content: Any = part.get_payload(decode=True)
    text = decoded(bytes(content or b""), part.get_content_charset("utf-8"))
    return _plain(text) if part.get_content_type() == "text/html" else text


def decoded(content: bytes, charset: str = "utf-8") -> str:
    """Decode bytes, whatever they are said to be."""
    try:
        return content.decode(charset, "replace")
    except (LookupError, ValueError):  # a charset that is none, or fails in its own way
        return content.decode("utf-8", "replace")


def own_text(part: Message) -> str:
    """Return what the writer of a message says in it: its first plain text, else its first HTML, as text."""
    found = list(leaves(part))
    # parts that no boundary parts are text as they stand
    for kind in ("text/plain", "text/html", "multipart/"):
        for leaf in found:
            if leaf.get_content_type().startswith(kind):
                return text_of(leaf)
    return ""


class _Plain(HTMLParser):
    """Collects the text of HTML; nothing of what is quoted or not shown."""

    _BLOCKS = frozenset({"p", "div", "br", "li", "tr", "table", "h1", "h2", "h3", "pre"})
    _LEFT_OUT = frozenset({"blockquote", "style", "script", "title", "head"})

    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self._within: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        if tag == "body":  # however badly what came before was closed
            self._within.clear()
        if tag in self._LEFT_OUT:
            self._within.append(tag)
        if tag in self._BLOCKS:
            self.text.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._within:
            del self._within[self._within.index(tag) :]
        if tag in self._BLOCKS:
            self.text.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._within:
            self.text.append(" ".join(data.split("\n")))


def _plain(html: str) -> str:
    parser = _Plain()
    parser.feed(html)
    parser.close()
    return "".join(parser.text)
