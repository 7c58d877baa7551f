"""Which of our messages a mail is about is found wherever mail programs, servers and gateways leave it."""

from email.header import Header
from email.quoprimime import header_encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.inbound.mail import READ_BYTES, InboundError, read_inbound
from tests.intake.inbound.samples import OLDER, OURS, mail

_HEAD = (
    "From: Grace <grace@example.test>\nTo: Ada <ada@example.test>\nSubject: Re: hello\nMessage-ID: <x1@example.test>"
)
_DOMAINS = st.from_regex(r"[a-z]{1,30}(\.[a-z]{1,20}){1,3}", fullmatch=True)


@given(_DOMAINS, st.sampled_from(["In-Reply-To", "References"]), st.sampled_from(["q", "b", "whole", "none", "cut"]))
def test_an_id_is_found_however_a_program_encodes_and_folds_it(domain: str, name: str, encoding: str) -> None:
    identity = f"<{OURS}@{domain}>"
    written = {
        "q": f"=?utf-8?q?{header_encode(identity[:30].encode(), 'utf-8')[10:-2]}?=\n =?utf-8?q?{_hex(identity[30:])}?=",
        "b": Header(identity, "utf-8", maxlinelen=40).encode(linesep="\n"),
        "whole": f"=?us-ascii?Q?{_hex(identity)}?=",
        "none": f"\n\t{identity}",
        "cut": f"\n {identity[:20]}\n {identity[20:]}",
    }[encoding]
    assert read_inbound(mail(f"{_HEAD}\n{name}: {written}")).message_hashes == (OURS,)


def _hex(text: str) -> str:
    return "".join(f"={ord(one):02X}" for one in text)


def test_the_newest_of_a_long_thread_is_found_though_all_of_it_stands_on_one_line() -> None:
    thread = " ".join(f"<{number}@mail.example.test>" for number in range(1000))
    read = read_inbound(mail(f"{_HEAD}\nReferences: {thread} <{OLDER}@example.test> <{OURS}@example.test>"))
    assert read.message_hashes == (OURS, OLDER)


_FIELDS = [
    *("Delivered-To", "X-Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "X-Forwarded-To", "X-Rcpt-To"),
    *("X-Forwarded-For", "Resent-To", "Apparently-To", "X-Real-To", "Cc"),
]


@pytest.mark.parametrize("field", _FIELDS)
@pytest.mark.parametrize("form", ["<{}>", "{}", "Ada <{}>", "<somebody@example.test>, <{}>"])
def test_the_address_of_one_message_is_found_wherever_the_envelope_was_written_down(field: str, form: str) -> None:
    written = form.format(f"ada+{OURS}@example.test")
    assert read_inbound(mail(f"{_HEAD}\n{field}: {written}")).tokens == (OURS,)


def test_the_address_of_one_message_is_found_in_the_trace_alone() -> None:
    trace = f"Received: from mx (mx [192.0.2.1])\n\tby mx.example.test with ESMTP id 1\n\tfor <ada+{OURS}@example.test>"
    assert read_inbound(mail(f"{trace};\n Mon, 2 Feb 2026 09:00:00 +0100\n{_HEAD}")).tokens == (OURS,)


@pytest.mark.parametrize(
    "before", [b"\r\n", b"\n\n\n", b" \r\n\t\r\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\r\n", b">From g@x\n", b""]
)
def test_blank_lines_before_the_header_are_no_header(before: bytes) -> None:
    raw = mail(f"{_HEAD}\nIn-Reply-To: <{OURS}@example.test>")
    assert read_inbound(before + raw) == read_inbound(raw)


def test_a_field_may_have_a_space_before_its_colon() -> None:
    assert read_inbound(mail(f"From : grace@example.test\nIn-Reply-To\t: <{OURS}@example.test>")).message_hashes == (
        OURS,
    )


@pytest.mark.parametrize("raw", [b"\r\n\r\n", b"\xef\xbb\xbf", b"\r\nno header\r\n"])
def test_what_has_blank_lines_alone_before_no_header_is_no_message(raw: bytes) -> None:
    with pytest.raises(InboundError):
        read_inbound(raw)


@pytest.mark.parametrize("empty", ["<>", "", " ", "<@>", "\n <>"])
def test_messages_with_an_empty_id_are_told_apart_by_what_they_say(empty: str) -> None:
    one, other = (
        read_inbound(
            mail(f"From: {sender}@example.test\nMessage-ID: {empty}\nIn-Reply-To: <{OURS}@example.test>", "Yes")
        )
        for sender in ("grace", "mary")
    )
    assert one.key != other.key


def test_a_large_message_has_one_key_whether_or_not_it_comes_whole() -> None:
    raw = mail("From: grace@example.test\nSubject: photos", "x" * 2 * READ_BYTES)
    assert read_inbound(raw).key == read_inbound(raw[:READ_BYTES]).key
