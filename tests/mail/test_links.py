"""Tokens that stand for one draft, the headers that carry them, and addresses that tell what is answered."""

import email
from datetime import UTC, datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.links import make_token, plus_address, read_token, unsubscribe_url
from mail.message import MessageError, Thread, freeze
from tests.naming import message_hash, message_id

_KEYS = st.binary(min_size=32, max_size=32)
_HASHES = st.binary(min_size=20, max_size=20).map(bytes.hex)
_DRAFT = "default:no-reply:l1/1/email"
_TOKEN = make_token(b"k" * 32, message_hash(_DRAFT))


def _content(**more: str) -> bytes:
    return freeze(
        message_hash=message_hash(_DRAFT),
        sender=Address("Ada", addr_spec="ada@example.com"),
        recipient_name="Grace",
        recipient_address="grace@example.org",
        subject="Hello",
        body="Hello\n",
        date=datetime(2026, 11, 22, tzinfo=UTC),
        thread=Thread(("<1@a.test>",)),
        **more,
    ).content


def _frozen(**more: str) -> EmailMessage:
    return email.message_from_bytes(_content(**more), policy=policy.SMTP)


@given(key=_KEYS, named=_HASHES)
def test_a_token_is_read_back_with_its_key(key: bytes, named: str) -> None:
    token = make_token(key, named)
    assert (len(token), read_token(key, token)) == (48, named)


@given(key=_KEYS, other=_KEYS, named=_HASHES)
def test_a_token_of_another_key_is_not_read(key: bytes, other: bytes, named: str) -> None:
    assert key == other or read_token(other, make_token(key, named)) is None


@given(named=_HASHES, at=st.integers(0, 47), sign=st.sampled_from("ABab09-_ =.é\n"))
def test_a_token_that_was_changed_anywhere_is_not_read(named: str, at: int, sign: str) -> None:
    token = make_token(b"k" * 32, named)
    changed = token[:at] + sign + token[at + 1 :]
    assert changed == token or read_token(b"k" * 32, changed) is None
    assert read_token(b"k" * 32, token[:at]) is None
    assert read_token(b"k" * 32, token + sign) is None


@given(text=st.text(max_size=60))
def test_no_text_makes_reading_a_token_fail(text: str) -> None:
    assert read_token(b"k" * 32, text) is None


# up to the longest that a setting may have
@pytest.mark.parametrize("length", [20, 200, 900])
def test_both_headers_stand_whole_on_their_lines_however_long_the_url_is_and_no_other_changes(length: int) -> None:
    url = unsubscribe_url("https://x.example/".ljust(length, "p"), _TOKEN)
    content = _content(unsubscribe_url=url)
    added = f"List-Unsubscribe: <{url}>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n".encode()
    assert content.replace(added, b"") == _content()
    assert max(map(len, content.split(b"\r\n"))) <= 998
    assert _frozen(unsubscribe_url=url)["List-Unsubscribe"] == f"<{url}>"


@pytest.mark.parametrize(
    "url",
    [
        "https://x.test/>,<http://e.test",
        "https://x.test/\r\nBcc: e@x.test",
        "https://x.test/a,b",
        "https://x.test/ü",
        "mailto:x@y.test",
        "https://x.test/?a=?utf-8?q?",
        "https://x.test/" + "p" * 1000,
    ],
)
def test_a_url_that_could_be_two_or_end_its_header_is_refused(url: str) -> None:
    with pytest.raises(MessageError, match=r"^List-Unsubscribe: "):
        _frozen(unsubscribe_url=url)


def test_answers_go_where_reply_to_says() -> None:
    address = plus_address("ada@example.com", message_hash(_DRAFT))
    assert _frozen(reply_to=address)["Reply-To"] == address
    assert f"<{address.partition('+')[2]}>" == message_id(_DRAFT, "example.com")
    with pytest.raises(MessageError, match=r"^Reply-To: "):
        _frozen(reply_to="ada@x.test, eve@x.test")


def test_an_address_without_room_for_a_hash_stays_as_it_is() -> None:
    assert plus_address("a" * 23 + "@x.test", "f" * 40) == "a" * 23 + "+" + "f" * 40 + "@x.test"
    assert plus_address("a" * 24 + "@x.test", "f" * 40) == "a" * 24 + "@x.test"
