"""The head of the message that a report returns, wherever the report has it: that is the message it is about."""

import re
from email import policy
from email.parser import Parser

from intake.inbound.parts import Part, leaves, own_text, text_of, values

_RETURNED = re.compile(r"text/(?:rfc822|rfc822-headers|global|global-headers|partial)")
_NAMES = ("Message-ID", "X-Original-Message-ID", "Original-Message-ID", "X-Message-ID")
# as it stands in a report's text, or among the fields of a receipt or a complaint
_QUOTED_ID = re.compile(r"(?im)^[ \t>|*]*(?:x-)?(?:original-)?message-?id[ \t]*:[ \t]*(?:\r?\n[ \t]+)?(.{0,998})$")
_MOST_CHARACTERS = 64 * 1024


def read_returned(part: Part) -> list[Part]:
    """Return the heads of the messages that are attached, in order."""
    return [_head(text_of(leaf)) for leaf in leaves(part) if _RETURNED.fullmatch(leaf.get_content_type())]


def _head(text: str) -> Part:
    head = re.split(r"\r?\n[ \t]*\r?\n", text.lstrip("\r\n \t")[:_MOST_CHARACTERS], maxsplit=1)[0]
    returned = Parser(Part, policy=policy.compat32).parsestr(head, headersonly=True)
    return returned if isinstance(returned, Part) else Part()


def returned_ids(part: Part) -> list[str]:
    """Return what the report says the id of the message is: by what it returns, by its fields, or in its text.

    The first of these places that says any counts alone: a message that came back may itself quote, or hold, another.
    """
    for head in read_returned(part):
        if ids := [one for name in _NAMES for one in values(head, name)]:
            return ids
    for leaf in leaves(part):
        if _RETURNED.fullmatch(leaf.get_content_type()) or leaf.get_content_maintype() != "text":
            continue
        if found := _QUOTED_ID.search(text_of(leaf)[:_MOST_CHARACTERS]):
            return [found[1]]
    found = _QUOTED_ID.search(own_text(part))
    return [found[1]] if found else []
