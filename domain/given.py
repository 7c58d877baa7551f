"""What counts as given: null, blank and invisible text is nothing given, through every door and in every file."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

# Unicode's Default_Ignorable_Code_Point (DerivedCoreProperties.txt), which Python does not know, and the blank Braille
# pattern: none of them leaves a mark on a screen or on paper. First and last of each range.
_IGNORABLE = (
    (0x00AD, 0x00AD), (0x034F, 0x034F), (0x061C, 0x061C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F),
    (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x2800, 0x2800), (0x3164, 0x3164), (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF),
)  # fmt: skip
# Of these, what belongs to the character before it: joiners, variation selectors, and the tags of a flag.
_JOINED = (
    (0x034F, 0x034F), (0x180B, 0x180F), (0x200C, 0x200D), (0xFE00, 0xFE0F), (0xE0020, 0xE007F), (0xE0100, 0xE01EF),
)  # fmt: skip


def _characters(ranges: Iterable[tuple[int, int]]) -> frozenset[str]:
    return frozenset(chr(code) for first, last in ranges for code in range(first, last + 1))


_INVISIBLE = _characters(_IGNORABLE)
_INVISIBLE_AT_AN_END = _INVISIBLE - _characters(_JOINED)
# A NUL is left to be refused with a sentence of its own: no text has one by intention.
_CONTROL = _characters([(0x01, 0x1F), (0x7F, 0x9F)])

# As JSON, Python, Ruby, SQL, pandas and JavaScript write it, and as people do. No "Nan", "Nil" or "NA": people and
# places are called so.
_NOTHINGS = frozenset(
    {
        *("null", "Null", "NULL", "none", "None", "NONE", "nan", "NaN", "NAN", "-nan", "nil", "NIL", "NaT", "<NA>"),
        *("undefined", "Undefined", "UNDEFINED", "(null)", "(none)", "(blank)", "(empty)", "<null>", "<none>", "\\N"),
        *("N/A", "n/a", "N/a", "n.a.", "N.A.", "#N/A", "#N/A N/A", "#n/a", "#NA", "#NV", "#N/D", "#N/DISP"),
        *("#REF!", "#NAME?", "#VALUE!", "#DIV/0!", "#NUM!", "#NULL!"),
        *("[object Object]", "#GETTING_DATA", "Loading..."),
    }
)
# A spreadsheet's errors, in any language (#REF!, #BEZUG!, #¿NOMBRE?), LibreOffice's, and a column too narrow to show.
_SPREADSHEET_ERROR = re.compile(r"#¿?[^\W_a-z][^\Wa-z]*(?:/[0-9])?[!?]|Err:[0-9]{3}|#{3,}")


def is_blank(text: str) -> bool:
    """Say whether a text shows nothing: it is empty, or of spaces, control and invisible characters alone."""
    if text[:1] > " " and text[:1] < "\x7f":  # most texts begin with a letter of ASCII
        return False
    return all(character.isspace() or character in _INVISIBLE or character in _CONTROL for character in text)


def trimmed(text: str) -> str:
    """Return a text without the spaces and invisible characters around it."""
    start, end = 0, len(text)
    while start < end and (text[start].isspace() or text[start] in _INVISIBLE):
        start += 1
    while start < end and (text[end - 1].isspace() or text[end - 1] in _INVISIBLE_AT_AN_END):
        end -= 1
    return text[start:end]


def require_visible(text: str) -> None:
    """Raise ValueError for a text with a character that cannot be seen, such as a zero-width space."""
    if not text.isascii() and any(character in _INVISIBLE for character in text):  # in ASCII, all can be seen
        raise ValueError("has a character that cannot be seen: remove it, or write it again by hand")


def given(value: object) -> object:
    """Return a value as it counts, whichever door it came through: trimmed, and None where nothing was given.

    A whole number becomes its text: it has one way to be written, other values (1.0, true) have several.
    """
    if type(value) is int:
        return str(value)
    if not isinstance(value, str):
        return value
    text = trimmed(value)
    return None if is_blank(text) else text


def given_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that were given, as they count."""
    return {name: found for name, value in fields.items() if (found := given(value)) is not None}


def is_nothing_word(text: str) -> bool:
    """Say whether a text is what a program or a spreadsheet writes where there is nothing: `None`, `nan`, `#REF!`."""
    return text in _NOTHINGS or bool(_SPREADSHEET_ERROR.fullmatch(text))


def nothing_words(fields: Mapping[str, Any], literal: Iterable[str] = ()) -> dict[str, str]:
    """Return what fields say that say `None`, `nan`, `#REF!` or the like, but those that are meant literally.

    Only what nobody's data can be is quoted.
    """
    allowed = frozenset(literal)
    return {
        name: text if text in _NOTHINGS else "an error of a spreadsheet"
        for name, text in fields.items()
        if isinstance(text, str) and name not in allowed and is_nothing_word(text)
    }
