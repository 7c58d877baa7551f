"""A message that a person edits says what they wrote, and is the same message otherwise."""

import email
from datetime import UTC, datetime
from email import policy
from email.headerregistry import Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.message import FrozenMessage, MessageError, Thread, freeze
from mail.rewriting import read_message, rewrite
from tests.naming import message_hash

_BEFORE, _NOW = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)


def _message(*references: str) -> FrozenMessage:
    return freeze(
        message_hash=message_hash("w:s:l/1/email"),
        sender=Address("Ada Lovelace", addr_spec="ada@example.test"),
        recipient_name="Gräfin " + "Ω" * 40,
        recipient_address="grace@example.test",
        subject="Following up",
        body="Hello Grace\n",
        date=_BEFORE,
        thread=Thread(references),
        reply_to="answers@example.test",
        unsubscribe_url="https://example.test/u/x",
    )


def _headers(content: bytes) -> dict[str, str]:
    return {name: str(value) for name, value in email.message_from_bytes(content, policy=policy.compat32).items()}


def test_only_words_and_date_change_and_the_message_id_stays() -> None:
    before = _message()
    after = rewrite(before.content, subject="Ein Gruß", body="Grüße\r\nüber Zeilen", date=_NOW)
    assert after.message_id == before.message_id
    assert after.fingerprint != before.fingerprint
    read = read_message(after.content)
    assert (read.subject, read.body) == ("Ein Gruß", "Grüße\nüber Zeilen\n")
    old, new = _headers(before.content), _headers(after.content)
    assert list(old) == list(new)
    assert {name for name in old if old[name] != new[name]} == {"Subject", "Date", "Content-Transfer-Encoding"}


def test_an_answer_keeps_the_subject_of_its_thread() -> None:
    before = _message("<1@example.test>")
    assert read_message(before.content).subject == "Re: Following up"
    with pytest.raises(MessageError, match="Subject: it answers in a thread"):
        rewrite(before.content, subject="Other", body="x", date=_NOW)
    after = rewrite(before.content, subject="Re: Following up", body="x", date=_NOW)
    assert _headers(after.content)["References"] == _headers(before.content)["References"]


@pytest.mark.parametrize(
    ("subject", "body", "said"),
    [
        ("a\r\nBcc: eve@example.test", "x", "Subject: contains a line end"),
        ("  ", "x", "Subject: is blank"),
        ("s", " \n", "body: is blank"),
        ("s", "a\x00b", "body: contains a NUL"),
        ("s", "x" * 300_000, "body: is longer than"),
        ("s", "half \ud800", "body: contains half a character"),
        ("=?utf-8?q?x?=", "x", "Subject: contains '=\\?'"),
    ],
)
def test_what_is_no_message_is_refused_without_quoting_it(subject: str, body: str, said: str) -> None:
    with pytest.raises(MessageError, match=said) as refused:
        rewrite(_message().content, subject=subject, body=body, date=_NOW)
    assert "eve" not in str(refused.value)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=200))
def test_whatever_is_written_reads_back_or_is_refused(body: str) -> None:
    content = _message().content
    try:
        after = rewrite(content, subject=None, body=body, date=_NOW)
    except MessageError:
        return
    again = rewrite(after.content, subject=None, body=read_message(after.content).body, date=_NOW)
    assert again == after
