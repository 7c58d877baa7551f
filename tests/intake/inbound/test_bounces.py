"""Bounces as servers and gateways write them: told by what they say, wherever and however they say it."""

import base64
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.enhanced_status import ADDRESS_STATUSES
from intake.inbound.mail import Inbound, read_inbound
from intake.inbound.message_class import InboundKind
from tests.intake.inbound import samples
from tests.intake.inbound.samples import OURS, failed, mail, report

BOUNCE, NOTICE, REPLY = InboundKind.BOUNCE, InboundKind.DELIVERY_NOTICE, InboundKind.REPLY
_GRACE = "grace@example.test"
_SENDERS = [
    "MAILER-DAEMON <>",
    "<>",
    "MAILER-DAEMON",
    "ndr@gateway.example.test",
    '"System Administrator" <system.administrator@example.test>',
    "Microsoft Outlook <MicrosoftExchange77aa@example.test>",
    "Mail Delivery System <noreply@example.test>",
    "postmaster@example.test",
]
_HEAD = """
From: {sender}
To: ada@example.test
Subject: Undelivered: Following up, Grace
Message-ID: <n1@mx.example.test>
"""
_COPY = """
--- The original message follows:

Received: by mx.example.test; Mon, 2 Feb 2026 09:00:00 +0100
From: Ada Lovelace <ada@example.test>
To: Grace Hopper <grace@example.test>
Subject: Following up, Grace
Message-ID: <{ours}@example.test>

Hello Grace, the mailbox of my colleague is full.
"""


def _prose(said: str, sender: str = "MAILER-DAEMON <>", head: str = "") -> Inbound:
    return read_inbound(mail(_HEAD.replace("{sender}", sender).strip() + head, f"{said}\n{_COPY}"))


def _parts(kind: str, *parts: str, sender: str = "<>", head: str = "") -> bytes:
    body = "".join(f"--b\n{part.strip()}\n\n" for part in parts)
    return mail(
        f"{_HEAD.replace('{sender}', sender).strip()}\nMIME-Version: 1.0\nContent-Type: {kind}; boundary=b{head}",
        f"{body}--b--\n",
    )


def _status(fields: str, kind: str = "message/delivery-status", encoding: str = "7bit") -> str:
    text = f"Reporting-MTA: dns; mx.example.test\n\n{fields.strip()}\n"
    if encoding == "base64":
        text = base64.encodebytes(text.encode()).decode()
    return f"Content-Type: {kind}\nContent-Transfer-Encoding: {encoding}\n\n{text}"


_SORRY = "Content-Type: text/plain\n\nSorry, it could not be delivered."
_RETURNED = "Content-Type: text/rfc822-headers\n\nFrom: ada@example.test\nMessage-ID: <{ours}@example.test>"


def _failed_for_good(read: Inbound) -> None:
    assert (read.kind, read.failed_recipients, read.suppresses) == (BOUNCE, (_GRACE,), True)
    assert (read.message_hashes, read.status) == ((OURS,), "5.1.1")


@pytest.mark.parametrize(("sender", "kind"), list(product(_SENDERS, ["multipart/report", "multipart/mixed"])))
def test_a_report_is_one_whoever_seems_to_send_it(sender: str, kind: str) -> None:
    _failed_for_good(read_inbound(_parts(kind, _SORRY, _status(failed(_GRACE)), _RETURNED, sender=sender)))


@pytest.mark.parametrize("sender", _SENDERS)
def test_prose_is_a_bounce_whoever_seems_to_send_it(sender: str) -> None:
    _failed_for_good(_prose(f"It could not be delivered:\n\n<{_GRACE}>: 550 5.1.1 nobody of that name", sender))


def test_a_wrapped_report_is_one_though_something_was_added_to_it() -> None:
    report_ = report(failed(_GRACE)).decode().replace("\r", "").split("\n\n", 1)
    inner = 'Content-Type: multipart/report; boundary="part/mx.example.test"\n\n' + report_[1]
    footer = "Content-Type: text/plain\n\nThis message is confidential."
    read = read_inbound(_parts("multipart/mixed", inner, footer, head="\nIn-Reply-To: <{ours}@example.test>"))
    assert (read.kind, read.failed_recipients, read.message_hashes[0]) == (BOUNCE, (_GRACE,), OURS)


@pytest.mark.parametrize("action", ["failed (no such mailbox)", "failure", "FAILED", "failed; for good", ""])
@pytest.mark.parametrize(
    "kind", ["message/delivery-status", "message/global-delivery-status", "message/xdelivery-status"]
)
@pytest.mark.parametrize("encoding", ["7bit", "base64"])
def test_a_report_is_read_however_its_fields_are_written(action: str, kind: str, encoding: str) -> None:
    fields = failed(_GRACE).replace("Action: failed", f"Action: {action}" if action else "X-None: 1")
    _failed_for_good(read_inbound(_parts("multipart/report", _SORRY, _status(fields, kind, encoding), _RETURNED)))


def test_a_report_is_read_though_a_line_stands_at_the_margin_or_its_fields_are_a_text() -> None:
    broken = failed(_GRACE).replace("Action: failed", "this line is no field\nAction: failed")
    _failed_for_good(read_inbound(_parts("multipart/report", _SORRY, _status(broken), _RETURNED)))
    as_text = f"Content-Type: text/plain\n\nSorry.\n\n{failed(_GRACE).strip()}"
    _failed_for_good(read_inbound(_parts("multipart/mixed", as_text, _RETURNED)))
    attached = f"Content-Type: application/octet-stream\n\n{failed(_GRACE).strip()}"
    _failed_for_good(read_inbound(_parts("multipart/mixed", _SORRY, attached, _RETURNED)))


def test_what_the_report_says_of_the_message_holds_for_each_recipient_that_says_nothing_else() -> None:
    fields = (
        f"Action: failed\n\nFinal-Recipient: rfc822; {_GRACE}\nStatus: 4.7.0\nDiagnostic-Code: X-List; not approved"
    )
    read = read_inbound(_parts("multipart/report", _SORRY, _status(fields), _RETURNED))
    assert (read.kind, read.status, read.failed_recipients) == (NOTICE, "4.7.0", ())


def test_where_a_report_gives_no_reason_its_text_does() -> None:
    bare = f"Final-Recipient: rfc822; {_GRACE}\nAction: failed\nStatus: 5.0.0"
    said = f"Content-Type: text/plain\n\n{_GRACE}: 550 5.1.1 nobody of that name"
    _failed_for_good(read_inbound(_parts("multipart/report", said, _status(bare), _RETURNED)))


@given(st.builds("5.{}.{}".format, st.integers(0, 8), st.integers(0, 30)), st.sampled_from(["", "rejected", "blocked"]))
def test_only_a_status_of_the_addresss_own_suppresses_it(status: str, words: str) -> None:
    read = read_inbound(report(failed(_GRACE, status, words)))
    if read.suppresses:
        assert status in ADDRESS_STATUSES


@pytest.mark.parametrize(
    ("status", "words", "kind", "suppresses"),
    [
        ("5.1.1", "no such user", BOUNCE, True),
        ("5.1.10", "the domain takes no mail", BOUNCE, True),
        ("5.2.1", "the mailbox is disabled", BOUNCE, True),
        ("5.0.0", "user unknown", BOUNCE, True),
        ("5.7.1", "your network is on our block list", BOUNCE, False),
        ("5.7.26", "the domain is not authenticated", BOUNCE, False),
        ("5.3.4", "too big", BOUNCE, False),
        ("5.4.1", "access denied", BOUNCE, False),
        ("5.0.0", "no", BOUNCE, False),
        ("5.2.2", "over quota", NOTICE, False),
        ("5.0.0", "552 Quota exceeded", NOTICE, False),
        ("4.4.7", "expired", NOTICE, False),
    ],
)
def test_what_a_failure_means_hangs_on_its_reason(status: str, words: str, kind: InboundKind, suppresses: bool) -> None:
    for read in (
        read_inbound(report(failed(_GRACE, status, words))),
        _prose(f"It could not be delivered to\n<{_GRACE}>:\n550 {status} {words}"),
    ):
        assert (read.kind, read.suppresses) == (kind, suppresses)


@pytest.mark.parametrize(
    "said",
    [
        "Remote host said: 450 4.2.1 come back later\nIt was in the queue too long.",
        "retry timeout exceeded",
        "It could not be delivered yet. It will be retried for three days. You do not need to resend it.",
        "The recipient's mailbox is over its quota.",
    ],
)
def test_what_failed_for_now_is_a_notice_in_prose_as_it_is_in_a_report(said: str) -> None:
    read = _prose(f"I could not deliver your message.\n\n<{_GRACE}>:\n{said}")
    assert (read.kind, read.message_hashes, read.suppresses) == (NOTICE, (OURS,), False)


@pytest.mark.parametrize("said", ["Your mail met an error.", "Vaša správa nebola doručená."])
def test_what_a_server_says_that_nobody_understands_is_a_notice_and_names_what_came_back(said: str) -> None:
    read = _prose(said)
    assert (read.kind, read.message_hashes) == (NOTICE, (OURS,))


def test_a_report_that_fails_another_place_than_the_one_written_to_suppresses_nobody() -> None:
    forwarded = failed("member@elsewhere.example.test").replace(
        f"rfc822;{'member@elsewhere.example.test'}", f"rfc822;{_GRACE}"
    )
    read = read_inbound(
        report(forwarded + "\nFinal-Recipient: rfc822; second@example.test\nAction: delivered\nStatus: 2.0.0")
    )
    assert (read.kind, read.suppresses) == (BOUNCE, False)
    [failure] = read.failures
    assert (failure.recipient, failure.original) == ("member@elsewhere.example.test", _GRACE)
    assert read.delivered == ("second@example.test", "")


def test_a_report_of_another_message_in_our_thread_is_not_about_ours() -> None:
    head = "\nReferences: <{ours}@example.test> <adas-own@example.test>\nX-Failed-Recipients: c@example.test"
    raw = mail(
        _HEAD.replace("{sender}", "<>").strip() + head, "It failed:\n  c@example.test\n    Unrouteable address\n"
    )
    for read in (
        read_inbound(raw),
        read_inbound(raw + b"\r\n--- The original message follows:\r\n\r\nMessage-ID: <a@b>"),
    ):
        assert (read.kind, read.message_hashes, read.suppresses) == (BOUNCE, (), False)


def test_a_message_that_came_back_is_not_the_one_that_it_holds_in_turn() -> None:
    forward = f"From: ada@example.test\nMessage-ID: <fwd@example.test>\n\nMessage-ID: <{OURS}@x>"
    returned = f"Content-Type: message/rfc822\n\n{forward}"
    assert read_inbound(_parts("multipart/report", _SORRY, _status(failed("c@x.test")), returned)).message_hashes == ()


@pytest.mark.parametrize("name", ["Message-ID", "X-Original-Message-ID", "Message-Id"])
@pytest.mark.parametrize("kind", ["message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers"])
@pytest.mark.parametrize("encoding", ["7bit", "base64", "quoted-printable"])
def test_what_came_back_is_named_however_it_is_returned(name: str, kind: str, encoding: str) -> None:
    head = f"From: ada@example.test\n{name}:\n <{OURS}@example.test>\n\nHello\n"
    if encoding == "base64":
        head = base64.encodebytes(head.encode()).decode()
    returned = f"Content-Type: {kind}\nContent-Transfer-Encoding: {encoding}\n\n{head}"
    read = read_inbound(_parts("multipart/report", _SORRY, _status(failed(_GRACE)), returned))
    assert (read.kind, read.message_hashes) == (BOUNCE, (OURS,))


def test_a_person_who_sends_a_report_on_is_a_person() -> None:
    head = samples.REPLY.strip() + "\nContent-Type: multipart/mixed; boundary=b"
    for attached in (
        _status(failed(_GRACE)),
        f"Content-Type: message/rfc822\n\n{report(failed(_GRACE)).decode().replace(chr(13), '')}",
    ):
        body = f"--b\n\nWhat is this, Ada?\n\n--b\n{attached}\n--b--\n"
        assert read_inbound(mail(head, body)).kind is REPLY


def test_a_person_who_writes_of_a_bounce_is_a_person() -> None:
    said = f"Ada, your mail came back:\n\n<{_GRACE}>: 550 5.1.1 user unknown\n{_COPY}"
    for subject in ("Re: Undelivered", "Fwd: Undelivered Mail", "your mail"):
        raw = mail(f"From: Mary <mary@example.test>\nTo: ada@example.test\nSubject: {subject}", said)
        assert read_inbound(raw).kind is REPLY
