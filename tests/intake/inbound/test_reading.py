"""What a message is, and which of ours it names, told from what mail servers and programs really write."""

from datetime import date

import pytest

from intake.inbound.kind import InboundKind
from intake.inbound.mail import Inbound, InboundError, read_inbound
from tests.intake.inbound import samples
from tests.intake.inbound.samples import OLDER, OURS, mail, report


def _read(head: str, body: str = "Hello\n") -> Inbound:
    return read_inbound(mail(head, body))


@pytest.mark.parametrize("head", [samples.REPLY, samples.REPLY_BY_REFERENCES], ids=["in-reply-to", "references"])
def test_an_answer_names_what_it_answers_first_and_what_came_before_after_that(head: str) -> None:
    read = _read(head)
    assert (read.kind, read.message_hashes) == (InboundKind.REPLY, (OURS, OLDER))
    assert read.senders == ("grace@example.test",)


def test_an_answer_to_an_address_of_one_message_names_it_by_that() -> None:
    for name in ("To", "Cc", "Delivered-To", "X-Original-To"):
        assert _read(f"From: g@example.test\n{name}: Ada <ada+{OURS}@example.test>").tokens == (OURS,)


def test_a_longer_word_of_hexadecimal_digits_is_none_of_our_ids() -> None:
    read = _read(f"From: g@example.test\nIn-Reply-To: <0{OURS}@example.test> <{OURS}0@example.test>")
    assert read.message_hashes == ()


def test_a_message_has_one_key_however_it_comes() -> None:
    folded = samples.REPLY.replace("Message-ID: ", "Message-ID:\n ")
    assert _read(samples.REPLY).key == _read("Delivered-To: x@example.test\n" + folded.strip(), "Other\n").key
    assert _read(samples.REPLY).key != _read(samples.REPLY_BY_REFERENCES).key


def test_a_message_without_an_id_is_known_by_what_it_says() -> None:
    assert _read("From: g@example.test").key == _read("From: g@example.test").key
    assert _read("From: g@example.test").key != _read("From: g@example.test", "Other\n").key


@pytest.mark.parametrize(
    "raw",
    [
        *(report(samples.FAILED), report(samples.FAILED, returned="text/rfc822-headers")),
        *(samples.EXCHANGE, samples.EXIM, samples.QMAIL),
    ],
    ids=["postfix", "sendmail", "exchange", "exim", "qmail"],
)
def test_a_bounce_names_the_message_that_came_back_and_whom_it_did_not_reach(raw: bytes) -> None:
    read = read_inbound(raw)
    assert (read.kind, read.failed_recipients) == (InboundKind.BOUNCE, ("grace@example.test",))
    assert read.message_hashes[0] == OURS


def test_a_bounce_that_returns_nothing_is_known_by_where_it_came_to() -> None:
    read = read_inbound(samples.POSTFIX_OF_A_PLUS_ADDRESS)
    assert (read.kind, read.message_hashes, read.tokens) == (InboundKind.BOUNCE, (), (OURS,))


@pytest.mark.parametrize(
    "fields",
    [samples.DELAYED, samples.DELIVERED, samples.DELIVERED.replace("delivered", "relayed"), samples.GIVEN_UP],
    ids=["delayed", "delivered", "relayed", "given up for now"],
)
def test_a_report_of_no_permanent_failure_says_only_that_the_message_went_out(fields: str) -> None:
    read = read_inbound(report(fields))
    assert (read.kind, read.message_hashes[0]) == (InboundKind.DELIVERY_NOTICE, OURS)
    assert read.failed_recipients == ()


def test_of_several_recipients_one_that_failed_makes_a_bounce() -> None:
    read = read_inbound(report(samples.DELIVERED + samples.FAILED))
    assert (read.kind, read.failed_recipients) == (InboundKind.BOUNCE, ("grace@example.test",))


def test_a_read_receipt_is_nobodys_answer() -> None:
    read = read_inbound(samples.READ_RECEIPT)
    assert (read.kind, read.message_hashes) == (InboundKind.DELIVERY_NOTICE, (OURS,))


def test_a_person_who_quotes_or_forwards_a_bounce_is_a_person() -> None:
    quoted = samples.QMAIL.decode().partition("\r\n\r\n")[2]
    assert _read(samples.REPLY, quoted).kind is InboundKind.REPLY
    attached = report(samples.FAILED).decode()
    head = samples.REPLY.strip() + "\nContent-Type: multipart/mixed; boundary=x"
    read = _read(head, f"--x\n\nWhat is this?\n\n--x\nContent-Type: message/rfc822\n\n{attached}\n--x--\n")
    assert (read.kind, read.message_hashes) == (InboundKind.REPLY, (OURS, OLDER))


@pytest.mark.parametrize(
    "said",
    [
        "Auto-Submitted: auto-replied",
        "Auto-Submitted: auto-generated (by a rule); owner-email=g@example.test",
        "Auto-Submitted: Auto-Replied\nPrecedence: bulk",
        "Precedence: bulk",
        "Precedence: junk",
        "Precedence: auto_reply",
        "X-Autoreply: yes",
        "X-Autorespond: Following up",
        "Return-Path: <>",
    ],
)
def test_a_program_that_says_it_answers_by_itself_is_believed(said: str) -> None:
    read = _read(samples.OUT_OF_OFFICE + said, samples.AWAY)
    assert (read.kind, read.message_hashes) == (InboundKind.AUTO_REPLY, (OURS,))
    assert read.away_until == date(2026, 2, 9)


@pytest.mark.parametrize(
    "said",
    ["", "Auto-Submitted: no", "Precedence: list", "Precedence: bulk\nList-Id: <team.example.test>", "X-Autoreply: no"],
)
def test_words_alone_make_nobody_a_program(said: str) -> None:
    """Who is taken for a program is written to again; a person who answered must not be."""
    assert _read(samples.OUT_OF_OFFICE + said, samples.AWAY).kind is InboundKind.REPLY


def test_a_postmaster_may_be_a_person() -> None:
    assert _read(samples.REPLY.replace("grace@", "postmaster@")).kind is InboundKind.REPLY


@pytest.mark.parametrize(
    ("words", "day"),
    [
        ("I am back on 2026-02-09.", date(2026, 2, 9)),
        ("away from 20 January 2026 until\n9th of February 2026, then here", date(2026, 2, 9)),
        ("I return on Monday, February 9, 2026", date(2026, 2, 9)),
        ("bis zum 9. Februar 2026", date(2026, 2, 9)),
        ("bis zum 9. März 2026", date(2026, 3, 9)),
        ("bis zum 9. Brachet 2026", None),  # no month that is known is no day
        ("until 02/09/2026", None),  # February or September
        ("until 9 February", None),  # of which year?
        ("until 2026-02-31", None),
        ("until 9 February 2026; my colleague is away until 11 February 2026", None),
        ("I'm away.\n\n> The offer is good until 2026-06-30.", None),
        ("I'm away.\n\nOn Monday Ada wrote:\nThe offer is good until 2026-06-30.", None),
    ],
)
def test_the_day_of_a_return_is_read_where_it_can_be_read_in_one_way(words: str, day: date | None) -> None:
    assert _read(samples.OUT_OF_OFFICE + "Auto-Submitted: auto-replied", words).away_until == day


def test_a_copy_of_ours_says_which_it_is() -> None:
    read = _read(f"From: ada@example.test\nMessage-ID: <{OURS}@example.test>\nReferences: <{OLDER}@example.test>")
    assert read.own == OURS


@pytest.mark.parametrize("raw", [b"", b"\r\n\r\nHello", b"\x00\xff" * 50, b"no header\n"])
def test_what_has_no_header_is_no_message(raw: bytes) -> None:
    with pytest.raises(InboundError):
        read_inbound(raw)
