"""Threads that began elsewhere: what names them, and that all who name one mean the same."""

import pytest
from pydantic import ValidationError

from domain.thread import Origin

FIRST, SECOND, THIRD = "<1@app.test>", "<2@app.test>", "<3@app.test>"


def test_everybody_who_names_the_first_message_means_the_same_thread() -> None:
    short = Origin(message_id=SECOND, references=(FIRST,))
    longer = Origin(message_id=THIRD, references=(FIRST, SECOND))
    assert short.thread_id("w") == longer.thread_id("w") == Origin(message_id=FIRST).thread_id("w")
    assert short.thread_id("w") != short.thread_id("v")
    assert short.thread_id("w") != Origin(message_id=SECOND).thread_id("w")


def test_messages_are_named_once_and_the_oldest_first() -> None:
    assert Origin(message_id=SECOND, references=(FIRST, SECOND)).message_ids == (FIRST, SECOND)


@pytest.mark.parametrize(
    "bad", ["1@app.test", "<1@app.test", "<1>", "<1 2@app.test>", "<=?utf-8?q?x?=@app.test>", "<@>"]
)
def test_what_is_no_message_id_is_refused(bad: str) -> None:
    for content in ({"message_id": bad}, {"message_id": FIRST, "references": [bad]}):
        with pytest.raises(ValidationError):
            Origin.model_validate(content)


@pytest.mark.parametrize("bad", ["", "  ", "a\r\nBcc: x@y.test", "=?utf-8?q?x?=", "x" * 901])
def test_a_subject_that_could_forge_a_header_is_refused(bad: str) -> None:
    with pytest.raises(ValidationError):
        Origin(message_id=FIRST, subject=bad)
