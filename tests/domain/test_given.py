import pytest
from hypothesis import given as forall
from hypothesis import strategies as st

from domain.given import given, given_fields, is_blank, is_nothing_word, nothing_words, require_visible, trimmed

# Zero-width space, byte order mark, no-break space, soft hyphen, word joiner, direction marks, fillers, blank Braille.
INVISIBLE = "\u200b\ufeff\u00a0\u00ad\u2060\u200e\u202a\u202c\u3164\uffa0\u2800\t\r\n \u3000\u2028"


@forall(st.text(INVISIBLE, max_size=6))
def test_whatever_shows_nothing_is_nothing_given(text: str) -> None:
    assert is_blank(text)
    assert given(text) is None
    assert given_fields({"plan": text, "name": None}) == {}


@forall(st.text(INVISIBLE, max_size=4), st.text("aé漢😀", min_size=1, max_size=4), st.text(INVISIBLE, max_size=4))
def test_what_surrounds_a_text_and_cannot_be_seen_is_left_out(before: str, text: str, behind: str) -> None:
    assert trimmed(before + text + behind) == text
    assert given(before + text + behind) == text


@pytest.mark.parametrize("text", ["❤\ufe0f", "👩\u200d🔬", "🏴\U000e0067\U000e0062\U000e007f", "می\u200c", "a\u00a0b"])
def test_what_belongs_to_the_character_before_it_stays(text: str) -> None:
    assert trimmed(text) == text


def test_a_long_run_of_spaces_inside_a_text_takes_no_more_time_than_its_length() -> None:
    text = "a" + " " * 1_000_000 + "b"
    assert trimmed(text) == text


def test_a_whole_number_is_its_text_and_nothing_else_is_turned_into_one() -> None:
    assert given_fields({"a": 7, "b": True, "c": 1.0, "d": ["x"]}) == {"a": "7", "b": True, "c": 1.0, "d": ["x"]}


@pytest.mark.parametrize(
    "text",
    [
        *("None", "null", "NULL", "nan", "NaN", "undefined", "nil", "N/A", "<NA>", "(null)", "\\N", "[object Object]"),
        *("#N/A", "#REF!", "#NAME?", "#DIV/0!", "#VALUE!", "#BEZUG!", "#NOM?", "#¿NOMBRE?", "Err:502", "########"),
    ],
)
def test_what_programs_and_spreadsheets_write_for_nothing_is_known(text: str) -> None:
    assert is_nothing_word(text)


def test_only_words_that_are_nobodys_are_quoted() -> None:
    said = nothing_words({"a": "None", "b": "#WERT!", "c": "Ada", "d": "null"}, literal=["d"])
    assert said == {"a": "None", "b": "an error of a spreadsheet"}


@pytest.mark.parametrize("text", ["Nan", "Nil", "Na", "Nullmeier", "Nona", "#1", "#win!", "Undefined Ltd", "-", "0"])
def test_names_and_words_of_people_are_not_taken_for_nothing(text: str) -> None:
    assert not is_nothing_word(text)


def test_a_character_that_cannot_be_seen_is_named_as_such() -> None:
    with pytest.raises(ValueError, match="cannot be seen"):
        require_visible("ada\u200b@example.org")
    require_visible("ada@example.org")
