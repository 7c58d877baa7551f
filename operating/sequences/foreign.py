"""Placeholders of other programs in a template: they are legal text, and would be sent as they stand."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from jinja2 import nodes

from mail.language import ENVIRONMENT

_INSIDE = r"[^{}\[\]<>|%\n]{1,40}"
_WORD = r"[A-Za-z][A-Za-z0-9_.]{1,39}"
_A_NAME = r"(?i:(?:your|first|last|full|company|lead|contact|customer|recipient)?[ _-]?(?:name|company|email))"
_SPINTAX = re.compile(r"\{[^{}\n]*\|[^{}\n]*\}")
# The longer ones first: what was found is not looked at again. Where it says `_A_NAME`, another word may be meant.
_PLACEHOLDERS = (
    re.compile(rf"\*\|{_INSIDE}\|\*"),  # *|FNAME|*
    re.compile(r"<%[^\n]{1,40}?%>"),  # <%= name %>
    re.compile(rf"[$#@!]\{{{_INSIDE}\}}|\{{[!#$%]{_INSIDE}\}}"),  # ${name}, #{name}, {!Contact.Name}
    re.compile(r"%\([A-Za-z_]\w*\)s"),  # %(name)s
    re.compile(rf"%%{_WORD}%%|%{_WORD}%"),  # %FIRSTNAME%
    re.compile(rf"@@{_WORD}@@|##{_WORD}##|\|[A-Z][A-Z_]+\|"),  # |FNAME|
    re.compile(rf"<<{_INSIDE}>>|\[\[{_INSIDE}\]\]"),  # <<name>>, [[name]]
    re.compile(r"\{[A-Za-z_][A-Za-z0-9_ .-]{0,40}\}"),  # {name}
    re.compile(rf"\[{_A_NAME}\]|\[[A-Za-z]+(?:_[A-Za-z0-9]+)+\]|\[[A-Z]{{2,}}(?: [A-Z]+)*\]"),  # [first_name], [NAME]
    re.compile(rf"<{_A_NAME}>"),  # <first name>
    re.compile(r"\$(?:[a-z]+(?:_[a-z]+)+|(?i:(?:first|last|full)?name))\b"),  # $first_name
    re.compile(r"\{\{|\}\}|\{%|%\}"),  # half of one of ours
)
_MOST_NAMED = 20


class Foreign(NamedTuple):
    """Something of another program's language. `meant` is what it would be in ours; None of a choice of words."""

    written: str
    meant: str | None


def foreign_placeholders(template: str) -> list[Foreign]:
    """Find the placeholders of other programs in a template that was checked, each once, in the order of kinds."""
    tree = ENVIRONMENT.parse(template)
    found = dict.fromkeys(one for part in tree.find_all(nodes.TemplateData) for one in _in_text(part.data))
    return list(found)[:_MOST_NAMED]


def _in_text(text: str) -> Iterator[Foreign]:
    for pattern in (*_PLACEHOLDERS[:3], _SPINTAX, *_PLACEHOLDERS[3:]):
        for match in pattern.finditer(text):
            yield Foreign(match[0], None if pattern is _SPINTAX else _meant(match[0]))
        text = pattern.sub(" ", text)


def _meant(written: str) -> str:
    words = re.findall(r"[A-Za-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", written))
    name = "_".join(words).lower()
    return f"{{{{ {name if name[:1].isalpha() else 'name'} }}}}"
