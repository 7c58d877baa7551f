"""Who writes: a person behind a help desk is one, whatever the desk says of all its mail."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.inbound.mail import Inbound, read_inbound
from intake.inbound.message_class import InboundKind
from tests.intake.inbound.samples import mail

_ANSWER = """
From: "Grace (Sales)" <desk@lead.example.test>
To: ada@example.test
Subject: Re: Following up, Grace
Message-ID: <desk-1@lead.example.test>
In-Reply-To: <{ours}@example.test>
"""
_WORDS = "Hello Ada, thank you, Thursday at three suits us well.\n"
_DESKS = [
    "X-Zendesk-From-Account-Id: 1a2b\nX-Mailer: Zendesk Mailer",
    "X-Delivery-Context: event-id-7",
    "X-JIRA-FingerPrint: 77aa",
    "RT-Ticket: sales #77\nManaged-by: RT 5.0.5 (http://rt.example.test)",
    "X-Redmine-Host: tracker.example.test\nX-Mailer: Redmine",
    "X-Mailer: OTRS Mail Service",
    "X-HelpScout-Ticket-ID: 9",
    "X-GitLab-Project: sales",
]
_MARKS = ["Auto-Submitted: auto-generated", "Precedence: bulk", "X-Auto-Response-Suppress: All", "Precedence: junk"]
_AWAY = "I am out of the office and back on Monday.\n"


def _read(head: str, body: str = _WORDS) -> Inbound:
    return read_inbound(mail(_ANSWER.strip() + "\n" + head, body))


@given(st.sampled_from(_DESKS), st.lists(st.sampled_from(_MARKS), unique=True), st.sampled_from([_WORDS, _AWAY]))
def test_a_persons_words_behind_a_help_desk_are_theirs(desk: str, marks: list[str], body: str) -> None:
    read = _read("\n".join([desk, *marks]), body)
    assert _read(f"Return-Path: <>\n{desk}", body) == read
    assert (read.kind, len(read.message_hashes)) == (InboundKind.REPLY, 1)


@pytest.mark.parametrize(
    "mark", [*_MARKS, "Auto-Submitted: auto-forwarded", "Precedence: bulk\nList-Id: <a.example.test>"]
)
def test_a_mark_that_desks_share_with_programs_is_no_proof_without_an_absences_words(mark: str) -> None:
    assert _read(mark).kind is InboundKind.REPLY


def test_what_was_forwarded_by_a_program_was_written_by_a_person() -> None:
    assert _read("Auto-Submitted: auto-forwarded (by rule 3)", _AWAY).kind is InboundKind.REPLY


@pytest.mark.parametrize("mark", ["Auto-Submitted: auto-generated", "Precedence: bulk", "Return-Path: <>"])
def test_a_shared_mark_beside_an_absences_words_is_an_absence(mark: str) -> None:
    assert _read(mark, _AWAY).kind is InboundKind.AUTO_REPLY


@pytest.mark.parametrize(
    "mark",
    [
        "X-Apple-Action: VACATION",
        "X-POST-MessageClass: 9; Autoresponder",
        "X-MS-Exchange-Generated-Message-Source: Mailbox Rules Agent",
        "X-Auto-Reply: yes",
        "X-Vacation: 1",
        "X-FC-MachineGenerated: true",
        "Delivered-To: Autoresponder",
        "X-Precedence: auto_reply",
        "Auto-Submitted: auto-replied",
        "Return-Path: <>\nPrecedence: bulk",
    ],
)
def test_a_mark_that_programs_alone_set_is_believed_whatever_the_words(mark: str) -> None:
    assert _read(mark, "Thank you for your mail.\n").kind is InboundKind.AUTO_REPLY


@pytest.mark.parametrize("path", ["<>", "<MAILER-DAEMON>", "MAILER-DAEMON", " <mailer-daemon@mx.example.test> "])
@pytest.mark.parametrize("name", ["Return-Path", "X-Envelope-From"])
def test_a_null_path_is_one_however_it_is_written_down(name: str, path: str) -> None:
    assert _read(f"{name}: {path}", _AWAY).kind is InboundKind.AUTO_REPLY


def test_a_null_path_without_an_absences_words_holds_nobody() -> None:
    assert _read("Return-Path: <>", "Something happened to your mail.\n").kind is InboundKind.DELIVERY_NOTICE
