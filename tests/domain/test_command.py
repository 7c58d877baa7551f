"""What is typed with a command, and what is made of it: a command that means exactly that, or a sentence."""

from typing import Any

import pytest

from domain.command import Decision, Pause, Resume, Stop, read_command
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


@pytest.mark.parametrize("by", ["a\x00b", "a\nb", "a\x7fb"])
def test_a_name_that_no_database_or_line_of_a_log_takes_is_refused(by: str) -> None:
    with pytest.raises(ValueError, match="by: String should match pattern"):
        read_command(Stop, {"by": by})
