"""Receipts prove that a message arrived; refusals and complaints say that no more is wanted."""

import pytest

from intake.inbound.mail import Inbound, read_inbound
from intake.inbound.message_class import InboundKind
from tests.intake.inbound.samples import OURS, mail

_HEAD = """
From: {sender}
To: ada@example.test
Subject: {subject}
Message-ID: <r1@example.test>
In-Reply-To: <{ours}@example.test>
MIME-Version: 1.0
"""


def _report(kind: str, words: str, fields: str, more: str = "") -> str:
    return f"""Content-Type: multipart/report; report-type={kind.partition("/")[2]}; boundary=r

--r
Content-Type: text/plain

{words}

--r
Content-Type: {kind}

{fields}

{more}--r--
"""


def _read(
    report: str, wrapped: str = "", subject: str = "Receipt", sender: str = "Grace <grace@example.test>"
) -> Inbound:
    head = _HEAD.replace("{sender}", sender).replace("{subject}", subject).strip()
    if wrapped:
        footer = "Content-Type: text/plain\n\nThis message is confidential.\n"
        report = f"Content-Type: {wrapped}; boundary=w\n\n--w\n{report}\n--w\n{footer}\n--w--\n"
    return read_inbound(mail(f"{head}\n{report.partition(chr(10) * 2)[0]}", report.partition("\n\n")[2]))


def _receipt(disposition: str, words: str, kind: str = "message/disposition-notification") -> str:
    fields = "Original-Message-ID: <{ours}@example.test>\nFinal-Recipient: rfc822; grace@example.test\n"
    return _report(kind, words, f"{fields}Disposition: {disposition}")


_SHOWN = "manual-action/MDN-sent-manually; displayed"
_BY_ITSELF = "automatic-action/MDN-sent-automatically; "


@pytest.mark.parametrize("wrapped", ["", "multipart/signed", "multipart/mixed", "multipart/related"])
@pytest.mark.parametrize("kind", ["message/disposition-notification", "message/global-disposition-notification"])
def test_a_receipt_is_one_though_it_is_signed_or_something_was_added(wrapped: str, kind: str) -> None:
    read = _read(_receipt(_SHOWN, "It was shown.", kind), wrapped)
    assert (read.kind, read.message_hashes, read.suppresses) == (InboundKind.DELIVERY_NOTICE, (OURS,), False)


@pytest.mark.parametrize("disposition", ["deleted", "deleted/error", " Deleted"])
def test_a_filter_that_refuses_our_mail_refuses_all_of_it(disposition: str) -> None:
    read = _read(_receipt(_BY_ITSELF + disposition, "Your message was refused by a rule: no more of these, please."))
    assert (read.kind, read.message_hashes, read.suppresses) == (InboundKind.COMPLAINT, (OURS,), True)
    assert read.recipient == "grace@example.test"


@pytest.mark.parametrize(
    ("disposition", "words", "subject"),
    [
        (_BY_ITSELF + "displayed", "It was shown.", "Receipt"),
        (_BY_ITSELF + "deleted", "It was deleted without being read.", "Not read: Following up"),
        (_BY_ITSELF + "deleted", "Rejected: the mailbox is over its quota.", "Rejected"),
        ("manual-action/MDN-sent-manually; deleted", "It was deleted.", "Receipt"),
        ("", "It was something.", "Receipt"),
    ],
)
def test_whatever_else_became_of_a_message_refuses_nothing(disposition: str, words: str, subject: str) -> None:
    assert _read(_receipt(disposition, words), subject=subject).kind is InboundKind.DELIVERY_NOTICE


_RETURNED = (
    "--r\nContent-Type: message/rfc822\n\nTo: grace@example.test\nMessage-ID: <{ours}@example.test>\n\nHello\n\n"
)


@pytest.mark.parametrize("kind", ["abuse", "Fraud", "opt-out", "other"])
def test_who_calls_our_mail_spam_gets_no_more_of_it(kind: str) -> None:
    fields = f"Feedback-Type: {kind}\nUser-Agent: loop/1.0\nVersion: 1\nOriginal-Rcpt-To: <grace@example.test>"
    read = _read(_report("message/feedback-report", "A complaint.", fields, _RETURNED), sender="fbl@provider.test")
    assert (read.kind, read.message_hashes, read.suppresses) == (InboundKind.COMPLAINT, (OURS,), True)
    assert read.recipient == "grace@example.test"


def test_a_complaint_names_our_message_by_its_field_where_nothing_is_returned() -> None:
    fields = "Feedback-Type: abuse\nVersion: 1\nOriginal-Message-ID: <{ours}@example.test>"
    assert _read(_report("message/feedback-report", "A complaint.", fields)).message_hashes == (OURS,)


@pytest.mark.parametrize("kind", ["not-spam", "auth-failure", "dmarc"])
def test_a_report_of_a_filter_or_that_something_is_no_spam_is_no_complaint(kind: str) -> None:
    read = _read(_report("message/feedback-report", "A report.", f"Feedback-Type: {kind}\nVersion: 1", _RETURNED))
    assert (read.kind, read.suppresses) == (InboundKind.DELIVERY_NOTICE, False)


def test_a_complaint_of_a_loop_older_than_the_standard_is_one() -> None:
    returned = "X-HmXmrOriginalRecipient: grace@example.test\nMessage-ID: <{ours}@example.test>\n\nHello"
    head = "From: staff@provider.test\nSubject: complaint\nContent-Type: multipart/mixed; boundary=b"
    read = read_inbound(mail(head, f"--b\nContent-Type: message/rfc822\n\n{returned}\n--b--\n"))
    assert (read.kind, read.message_hashes, read.recipient) == (InboundKind.COMPLAINT, (OURS,), "grace@example.test")
