"""Copies in a Sent folder: one send leaves one there."""

from datetime import UTC, datetime

import pytest

from operating.audit.copies import copy_findings
from operating.audit.finding import Kind
from store.copies import SentCopy

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
PLACE = "imap:mail.test/Sent/7"


def copy(source: str, step: int = 1) -> SentCopy:
    return SentCopy("w:s:lead-1", step, f"<{step}@x>", source, NOON)


def test_two_copies_in_one_folder_are_found_though_the_draft_was_sent_once() -> None:
    [found] = copy_findings([copy(f"{PLACE}/1"), copy(f"{PLACE}/2", step=2), copy(f"{PLACE}/3")])
    assert (found.kind, found.thread, found.step, len(found.marks)) == (Kind.SEEN_TWICE, "w:s:lead-1", "1", 2)
    assert f"lies 2 times in a Sent folder: <1@x>, {PLACE}/1, {PLACE}/3" in found.sentence


@pytest.mark.parametrize("other", [copy(f"{PLACE}/2", step=2), copy("imap:mail.test/Sent/8/1")])
def test_copies_of_two_messages_or_of_a_folder_numbered_anew_are_no_finding(other: SentCopy) -> None:
    assert list(copy_findings([copy(f"{PLACE}/1"), other])) == []
