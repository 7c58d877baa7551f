"""Header lines, written by ourselves to the byte.

The standard library's generators differ between Python versions in just what matters here: some let an encoded word
smuggle a line end in (CVE-2024-6923, CVE-2026-1299), and most encode a Message-ID longer than a line, which breaks the
thread (cpython#100991). What is written here is the same everywhere: checked parts, fixed names.
"""

import re
import unicodedata
from base64 import b64encode
from collections.abc import Iterable

# RFC 5322, 2.1.1: a line should have at most 78 characters, and must not have more than 998, CRLF not counted.
_LINE, LONGEST_LINE = 78, 998
# RFC 2047, 2: an encoded word has at most 75 characters. 39 bytes give 64, so the longest header name fits in front.
_ENCODED_BYTES = 39
_LONGEST_PLAIN_NAME = 60
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
# No sign that ends it, parts it from another, or makes it an encoded word (RFC 2369, 2; RFC 2047).
_LINK = re.compile(r"https?://[!#-+./0-9:;A-Z\[\]_a-z~=@-]+")
_MESSAGE_ID = re.compile(r"<[!-;=?-~]+@[!-;=?-~]+>")


class MessageError(Exception):
    """A message can't be made of what was given. The sentence names the field, never its content."""


def header(name: str, tokens: Iterable[str]) -> str:
    """Write one header: tokens parted by a space or, where the line would be too long, by CRLF and a space."""
    lines = [f"{name}:"]
    for token in tokens:
        # never folded right behind the name: a first line without content is obsolete (RFC 5322, 4.2)
        if lines == [f"{name}:"] or len(lines[-1]) + 1 + len(token) <= _LINE:
            lines[-1] += f" {token}"
        else:
            lines.append(f" {token}")
    if max(map(len, lines)) > LONGEST_LINE:
        raise MessageError(f"{name}: has a part longer than a line of mail: shorten it")
    return "\r\n".join(lines) + "\r\n"


def text(field: str, words: str) -> list[str]:
    """Return the tokens of unstructured text (a subject): plain where it is plain, else encoded words."""
    one_line(field, words)
    tokens = words.split(" ")
    return tokens if re.fullmatch(r"[ -~]+", words) and all(tokens) else _encoded_words(words)


def mailbox(field: str, name: str, address: str) -> list[str]:
    """Return the tokens of a display name (it may be empty) and an ASCII address that was checked."""
    one_line(field, name)
    if not name:
        return [address]
    if len(name) > _LONGEST_PLAIN_NAME or not re.fullmatch(r"[ -~]+", name):
        return [*_encoded_words(name), f"<{address}>"]
    return [name if _ATOMS.fullmatch(name) else _quoted(name), f"<{address}>"]


def message_ids(field: str, ids: Iterable[str]) -> list[str]:
    """Return the tokens of a list of Message-IDs, each left whole. Raises MessageError for what is not one."""
    tokens = list(ids)
    if not all(_MESSAGE_ID.fullmatch(token) and "=?" not in token for token in tokens):
        raise MessageError(f"{field}: holds what is not a Message-ID: expected <left@right>")
    return tokens


def link(field: str, url: str) -> str:
    """Return a URL as the one token of a List- header (RFC 2369). Raises MessageError for what is not one."""
    if not _LINK.fullmatch(url):
        raise MessageError(f"{field}: holds what is not a plain URL: expected https://…")
    return f"<{url}>"


def one_line(field: str, words: str) -> None:
    """Refuse what could end a header line, now or after somebody decoded it. Raises MessageError."""
    if any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in words):
        raise MessageError(f"{field}: contains a line end or a control character: remove it")
    if "=?" in words:
        raise MessageError(f"{field}: contains '=?', which mail programs take for encoded text: remove it")


def _quoted(name: str) -> str:
    return '"' + re.sub(r'(["\\])', r"\\\1", name) + '"'


def _encoded_words(words: str) -> list[str]:
    """Return the text as encoded words of RFC 2047, none of which parts a character."""
    chunks = [b""]
    for character in words:
        encoded = character.encode()
        if len(chunks[-1]) + len(encoded) > _ENCODED_BYTES:
            chunks.append(b"")
        chunks[-1] += encoded
    return [f"=?utf-8?b?{b64encode(chunk).decode()}?=" for chunk in chunks]
