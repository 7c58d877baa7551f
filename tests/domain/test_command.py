"""What is typed with a command, and what is made of it: a command that means exactly that, or a sentence."""

from typing import Any

import pytest

from domain.command import Approve, Decision, Done, Pause, Reject, Resume, Stop, read_command
from domain.instance import Reason


@pytest.mark.parametrize("typed", [None, "", {}, "resume", {"decision": "resume"}])
def test_a_plain_resume_is_said_in_many_ways(typed: Any) -> None:
    assert read_command(Resume, typed) == Resume(decision=Decision.RESUME, by="unnamed")


@pytest.mark.parametrize("decision", Decision)
def test_a_decision_is_a_bare_word_or_an_object_that_may_say_by_whom(decision: Decision) -> None:
    assert read_command(Resume, str(decision)) == Resume(decision=decision)
    assert read_command(Resume, {"decision": str(decision), "by": "ada"}) == Resume(decision=decision, by="ada")


@pytest.mark.parametrize("kind", [Pause, Stop])
def test_pause_and_stop_are_an_operators_unless_they_say_otherwise(kind: Any) -> None:
    assert read_command(kind, None) == kind(reason=Reason.OPERATOR)
    assert read_command(kind, "booked") == kind(reason=Reason.BOOKED)


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("not sent", "decision: Input should be 'resume', 'sent', 'not_sent', 'skip' or 'stop'; nothing was changed"),
        ("SENT", "decision: Input should be 'resume', 'sent', 'not_sent', 'skip' or 'stop'; nothing was changed"),
        ({"decison": "not_sent"}, "decison: Extra inputs are not permitted; nothing was changed"),
        ({"by": 7}, "by: Input should be a valid string; nothing was changed"),
        ({"by": ""}, "by: String should have at least 1 character; nothing was changed"),
        ({"by": "x" * 201}, "by: String should have at most 200 characters; nothing was changed"),
        (7, "argument: Input should be a valid dictionary or instance of Resume; nothing was changed"),
        (["sent"], "argument: Input should be a valid dictionary or instance of Resume; nothing was changed"),
    ],
)
def test_what_is_unclear_is_refused_with_a_sentence(typed: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=r"; nothing was changed$") as refused:
        read_command(Resume, typed)
    assert str(refused.value) == sentence


def test_an_approval_names_what_was_seen_by_8_characters_or_more() -> None:
    for typed in ("0123abcd", {"fingerprint": "0123abcd"}, "0123abcd" * 8):
        assert read_command(Approve, typed).fingerprint.startswith("0123abcd")
    assert read_command(Approve, {"fingerprint": "0123abcd", "by": "ada"}).by == "ada"


@pytest.mark.parametrize("typed", [None, "", {}, "yes", "0123ABCD", "0123abc", "0" * 65, {"by": "ada"}])
def test_an_approval_of_nothing_in_particular_is_refused(typed: Any) -> None:
    with pytest.raises(ValueError, match="the first 8 characters or more of the fingerprint that the page tells; noth"):
        read_command(Approve, typed)


@pytest.mark.parametrize("kind", [Reject, Done])
def test_a_bare_word_with_reject_or_done_is_who_says_it(kind: Any) -> None:
    assert read_command(kind, None) == kind()
    assert read_command(kind, "ada") == kind(by="ada")


@pytest.mark.parametrize("by", ["a\x00b", "a\nb", "a\x7fb"])
def test_a_name_that_no_database_or_line_of_a_log_takes_is_refused(by: str) -> None:
    with pytest.raises(ValueError, match="by: String should match pattern"):
        read_command(Stop, {"by": by})
