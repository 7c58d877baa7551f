"""What keeps a person's command from reaching another follow-up than the one they mean."""

from proof.guards.broken import Break

BREAKS = [
    Break(
        "a command that changes something wants the whole id",
        "operating/looking/finding.py",
        "    if not found.whole:\n        raise NotFoundError(",
        "    if False:\n        raise NotFoundError(",
        "tests/operating/looking/test_finding.py::test_a_command_that_changes_something_refuses_the_beginning_of_an_id",
    ),
]
