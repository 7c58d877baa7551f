"""What stands between a claim and the wire, and what is said of a call afterwards."""

from bench.breaks.broken import Break

_ONE_CALL = "tests/crash/test_one_call.py::"
_SUSPENDED = "tests/crash/test_suspended.py::"
_CONNECTIONS = "tests/providers/test_smtp_connections.py::"

BREAKS = [
    Break(
        "the gate asks whether the token still holds the draft",
        "activities/steps.py",
        "return await self._still_holds(draft, claim) and _uptime() - begun <",
        "return _uptime() - begun <",
        _SUSPENDED + "test_a_woken_claim_that_was_settled_as_sent_writes_no_message",
    ),
    Break(
        "the gate heeds the claim's deadline",
        "activities/steps.py",
        "and _uptime() - begun < claim.lease.total_seconds()",
        "",
        _SUSPENDED + "test_a_claim_past_its_lease_writes_no_message_though_it_is_told_that_it_still_holds",
    ),
    Break(
        "an attempt after the first never sends",
        "activities/steps.py",
        "        if info.attempt > 1:",
        "        if info.attempt > 99:",
        _ONE_CALL + "test_an_attempt_after_the_first_never_sends",
    ),
    Break(
        "a begun send is shielded from cancellation",
        "activities/uninterrupted.py",
        "await asyncio.shield(task)",
        "await task",
        _ONE_CALL + "test_a_cancelled_attempt_finishes_its_begun_send",
    ),
    Break(
        "silence after the point of no return is unknown",
        "providers/smtp_outcome.py",
        "make = Unknown if phase is Phase.FINAL else NotSent",
        "make = NotSent",
        "tests/providers/test_conformance.py::test_silence_after_the_point_of_no_return_is_unknown",
    ),
    Break(
        "the phase is said before the terminator is written",
        "providers/smtp.py",
        "        self.phase = Phase.FINAL\n        wire.write(TERMINATOR)\n",
        "        wire.write(TERMINATOR)\n",
        "tests/providers/test_conformance.py::test_silence_after_the_point_of_no_return_is_unknown",
    ),
    Break(
        "no terminator without the gate's yes",
        "providers/smtp.py",
        "        if forbidden is not None:\n            return forbidden\n",
        "",
        _CONNECTIONS + "test_no_terminator_is_written_before_the_gate_has_answered_nor_after_a_no",
    ),
    Break(
        "a claim that failed unforeseen is unknown",
        "activities/steps.py",
        'return Unknown(code="unforeseen")',
        'return NotSent(code="unforeseen")',
        "tests/follow_up/test_outcomes.py::test_an_adapter_that_fails_leaves_the_outcome_unknown",
    ),
]
