"""What a mailbox holds: read from any of its forms, and what came more than once."""

import mailbox
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

import pytest

from intake.files.file_error import FileError
from operating.audit.finding import Finding, Kind
from operating.audit.received import read_received, received_findings
from tests.naming import message_id

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
OURS = message_id("w:s:lead-1/1/email", "example.test")
BURST = timedelta(minutes=10)


def letter(
    id_: str, *, to: str = "Grace <grace@x.test>", text: str = "Hello", minute: int = 0, **more: str
) -> EmailMessage:
    message = EmailMessage()
    headers = {"To": to, "Message-ID": id_, "Subject": "Hi", "Date": format_datetime(NOON + timedelta(minutes=minute))}
    for name, value in (headers | more).items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    return message


def as_mbox(path: Path, messages: list[EmailMessage]) -> None:
    box = mailbox.mbox(path)
    for message in messages:
        box.add(message)
    box.close()


def as_maildir(path: Path, messages: list[EmailMessage]) -> None:
    box = mailbox.Maildir(path)
    for message in messages:
        box.add(message)


def as_folder(path: Path, messages: list[EmailMessage]) -> None:
    path.mkdir()
    for number, message in enumerate(messages):
        (path / f"{number}.eml").write_bytes(message.as_bytes())


def findings(folder: Path, *messages: EmailMessage) -> list[Finding]:
    as_mbox(folder / "mbox", list(messages))
    return list(received_findings(list(read_received(folder / "mbox")), BURST))


def kinds(folder: Path, *messages: EmailMessage) -> list[Kind]:
    return [finding.kind for finding in findings(folder, *messages)]


@pytest.mark.parametrize("write", [as_mbox, as_maildir, as_folder])
def test_every_form_of_a_mailbox_is_read_alike(
    tmp_path: Path, write: Callable[[Path, list[EmailMessage]], None]
) -> None:
    write(tmp_path / "box", [letter(OURS, Subject="=?utf-8?q?Gr=C3=BC=C3=9Fe?="), letter("<other@x>", minute=3)])
    read = sorted(read_received(tmp_path / "box"), key=lambda one: one.at or NOON)
    assert [(one.message_id, one.recipient, one.subject) for one in read] == [
        (OURS, "grace@x.test", "Grüße"),
        ("<other@x>", "grace@x.test", "Hi"),
    ]
    assert [one.draft for one in read] == [OURS.partition("@")[0], ""]
    assert [one.at for one in read] == [NOON, NOON + timedelta(minutes=3)]


def test_different_messages_are_no_finding(tmp_path: Path) -> None:
    assert kinds(tmp_path, letter(OURS), letter("<b@x>", text="Bye"), letter("<c@x>", to="ada@x.test")) == []


@pytest.mark.parametrize("id_", [OURS, "<foreign@x>"])
def test_one_message_id_that_came_twice_is_a_duplicate(tmp_path: Path, id_: str) -> None:
    [found] = findings(tmp_path, letter(id_), letter(id_, minute=1))
    assert (found.kind, found.thread, len(found.marks)) == (Kind.RECEIVED_TWICE, "grace@x.test", 2)
    assert "message 1, message 2" in found.sentence


def test_one_message_delivered_to_two_mailboxes_is_no_duplicate(tmp_path: Path) -> None:
    assert kinds(tmp_path, letter(OURS, Delivered_To="a@x.test"), letter(OURS, Delivered_To="b@x.test")) == []


def _hop(server: str, queue_id: str) -> str:
    return f"from worker.test by {server} with ESMTP id {queue_id}; Thu, 01 Jan 2026 12:00:00 +0000"


def _through(*hops: str, to: str) -> EmailMessage:
    """A message of ours, its last hop first."""
    message = letter(OURS, Delivered_To=to)
    for hop in hops:
        message["Received"] = hop
    return message


def test_one_message_that_was_handed_over_twice_is_a_duplicate_whatever_mailboxes_it_came_to(tmp_path: Path) -> None:
    first = _through(_hop("mx.test", "A"), _hop("relay.test", "1"), to="grace@x.test")
    again = _through(_hop("mx.test", "B"), _hop("relay.test", "2"), to="grace@host.x.test")
    [found] = findings(tmp_path, first, again)
    assert found.kind is Kind.RECEIVED_TWICE
    assert "came 2 times to grace@host.x.test and grace@x.test" in found.sentence


def test_one_message_that_its_first_server_passed_on_to_two_mailboxes_is_no_duplicate(tmp_path: Path) -> None:
    entered = _hop("relay.test", "1")
    first = _through(_hop("mx.test", "A"), entered, to="grace@x.test")
    other = _through(_hop("mx.test", "B"), entered, to="archive@x.test")
    assert kinds(tmp_path, first, other) == []


def test_one_message_that_a_relay_delivered_twice_is_a_duplicate(tmp_path: Path) -> None:
    entered = _hop("relay.test", "1")
    copies = [_through(_hop("mx.test", queue_id), entered, to="grace@x.test") for queue_id in "AB"]
    assert kinds(tmp_path, *copies) == [Kind.RECEIVED_TWICE]


def test_a_copy_that_lies_in_another_folder_of_a_maildir_is_found(tmp_path: Path) -> None:
    box = mailbox.Maildir(tmp_path / "box")
    box.add(letter(OURS))
    box.add_folder("Junk").add(letter(OURS, minute=1))
    [found] = received_findings(list(read_received(tmp_path / "box")), BURST)
    assert found.kind is Kind.RECEIVED_TWICE
    assert ".Junk/" in found.sentence


@pytest.mark.parametrize(
    "other", [letter(OURS, text="Another text"), letter(OURS.replace("example.test", "example.org"), minute=60)]
)
def test_two_messages_of_one_draft_are_found(tmp_path: Path, other: EmailMessage) -> None:
    assert kinds(tmp_path, letter(OURS), other) == [Kind.TWO_MESSAGES]


def test_equal_letters_under_different_ids_look_the_same_within_the_time_of_a_burst(tmp_path: Path) -> None:
    near, far = letter("<b@x>", minute=9), letter("<c@x>", minute=30)
    [found] = findings(tmp_path, letter("<a@x>"), near, far)
    assert (found.kind, len(found.marks)) == (Kind.LOOKS_THE_SAME, 2)


def test_the_instant_of_arrival_is_the_last_hops_and_not_the_senders(tmp_path: Path) -> None:
    late = letter("<b@x>", Received="from a by b; Thu, 01 Jan 2026 15:00:00 +0000")
    assert kinds(tmp_path, letter("<a@x>"), late) == []


def test_letters_without_id_or_date_are_read_too(tmp_path: Path) -> None:
    plain = EmailMessage()
    plain.set_content("Hello")
    assert kinds(tmp_path, plain, plain) == []


def test_an_empty_mbox_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert list(read_received(tmp_path / "empty")) == []


@pytest.mark.parametrize("name", ["none", ".", "text"])
def test_what_is_no_mailbox_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "text").write_text("From: is how a header begins, and no mbox\n")
    with pytest.raises(FileError, match="is no mbox file, no Maildir and no folder"):
        list(read_received(tmp_path / name))
