"""Whatever somebody sends: it is read to a bound, and is a message or none."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intake.inbound.kind import InboundKind
from intake.inbound.mail import READ_BYTES, Inbound, InboundError, read_inbound
from tests.intake.inbound import samples
from tests.intake.inbound.samples import OURS, mail, report

_KEY = re.compile(r"[0-9a-f]{40}")
_SAMPLES = [
    mail(samples.REPLY),
    mail(samples.OUT_OF_OFFICE + "Auto-Submitted: auto-replied", samples.AWAY),
    report(samples.FAILED),
    report(samples.DELAYED),
    samples.EXCHANGE,
    samples.EXIM,
    samples.QMAIL,
    samples.READ_RECEIPT,
]
_HEADERS = [
    *("From", "To", "Message-ID", "References", "Auto-Submitted", "Content-Type", "Content-Transfer-Encoding"),
    *("Action", "Status", "Final-Recipient", "Subject", "Precedence", "Return-Path", "MIME-Version"),
]
_VALUES = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(
        [
            *(
                b"multipart/report; boundary=b",
                b"message/delivery-status",
                b"message/rfc822",
                b'text/plain; charset="x"',
            ),
            *(b"multipart/mixed; boundary=", b"base64", b"=?utf-8?q?=00?=", b"MAILER-DAEMON@x", b"auto-replied", b"<>"),
            *(b"failed", b"5.1.1", b"<" + OURS.encode() + b"@x>", b"((((", b'"', b"text/plain; charset=idna"),
        ]
    ),
)
_LINES = st.one_of(
    st.tuples(st.sampled_from(_HEADERS), _VALUES).map(lambda pair: pair[0].encode() + b": " + pair[1]),
    st.sampled_from([b"", b"--b", b"--b--", b" folded", b"\xff\xfe", b"x" * 1000]),
    st.binary(max_size=40),
)


@st.composite
def _damaged(draw: st.DrawFn) -> bytes:
    """A real message, of which some parts are other than they were."""
    raw = draw(st.sampled_from(_SAMPLES))
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(0, len(raw)))
        end = draw(st.integers(begin, min(len(raw), begin + 200)))
        raw = raw[:begin] + draw(_LINES) + raw[end:]
    return raw


def _check(raw: bytes) -> None:
    try:
        read = read_inbound(raw)
    except InboundError:
        return
    assert isinstance(read, Inbound)
    assert _KEY.fullmatch(read.key)
    assert all(_KEY.fullmatch(one) for one in (*read.message_hashes, *read.tokens))
    assert read == read_inbound(raw)


@settings(max_examples=300)
@given(st.one_of(st.binary(max_size=2000), st.lists(_LINES, max_size=30).map(b"\r\n".join), _damaged()))
def test_whatever_comes_it_is_a_message_or_it_is_not(raw: bytes) -> None:
    _check(raw)


@pytest.mark.parametrize(
    "nested",
    [
        b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(5000)),
        b"Content-Type: message/rfc822\n\n" * 5000,
    ],
    ids=["parts", "messages"],
)
def test_a_message_nested_deeper_than_any_is_read_by_its_header(nested: bytes) -> None:
    read = read_inbound(mail(samples.REPLY)[:-9] + nested)
    assert (read.kind, read.message_hashes[0]) == (InboundKind.REPLY, OURS)


def test_of_a_large_message_the_beginning_is_read() -> None:
    report_of_a_large_one = report(samples.FAILED).replace(b"Hello Grace", b"Hello Grace\r\n" * 1_000_000)
    assert len(report_of_a_large_one) > 10 * READ_BYTES
    read = read_inbound(report_of_a_large_one)
    assert (read.kind, read.message_hashes[0]) == (InboundKind.BOUNCE, OURS)


def test_a_library_that_fails_makes_no_bounce_and_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    broken = mail("From: MAILER-DAEMON@x.test\nContent-Type: multipart/report; report-type=delivery-status", "nothing")
    with caplog.at_level("DEBUG"):
        assert read_inbound(broken).kind is InboundKind.DELIVERY_NOTICE
    assert caplog.text == ""
