"""What stands between a claim and the wire, and what is said of a call afterwards."""

from proof.guards.broken import Break

_ONE_CALL = "tests/crash/test_one_call.py::"
_SUSPENDED = "tests/crash/test_suspended.py::"
_CONNECTIONS = "tests/providers/smtp/test_connections.py::"
_DROP = "tests/providers/smtp/test_drop.py::"
_PHASES = "tests/providers/test_conformance.py::test_the_phase_of_a_fault_decides_its_outcome"
_STRAYS = "tests/providers/smtp/test_strays.py::"

BREAKS = [
    Break(
        "the gate asks whether the token still holds the draft",
        "activities/steps.py",
        "return await self._still_holds(draft, claim) and claim.lease",
        "return claim.lease",
        _SUSPENDED + "test_a_woken_claim_that_was_settled_as_sent_writes_no_message",
    ),
    Break(
        "the gate asks whether the lease goes on by PostgreSQL's clock",
        "store/drafts.py",
        '    func.clock_timestamp() + bindparam("send_timeout", type_=Interval) < Draft.overdue_at,\n',
        '    Draft.claimed_at + bindparam("send_timeout", type_=Interval) < Draft.overdue_at,\n',
        _ONE_CALL + "test_a_claim_whose_lease_is_over_by_the_clock_of_postgresql_sends_nothing",
    ),
    Break(
        "who cannot ask may not send",
        "activities/steps.py",
        "            return False  # who can't ask may not send\n",
        "            return True\n",
        _ONE_CALL + "test_a_claim_that_cannot_ask_the_database_sends_nothing",
    ),
    Break(
        "the gate heeds the claim's deadline",
        "activities/steps.py",
        "and claim.lease.goes_on(timedelta(seconds=_uptime() - begun))",
        "",
        _ONE_CALL + "test_a_claim_whose_lease_ends_while_the_database_answers_sends_nothing",
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
        "activities/shielded.py",
        "await asyncio.shield(task)",
        "await task",
        _ONE_CALL + "test_a_cancelled_attempt_finishes_its_begun_send",
    ),
    Break(
        "silence after the point of no return is unknown",
        "providers/smtp/outcome.py",
        "make = Unknown if phase is Phase.FINAL else NotSent",
        "make = NotSent",
        "tests/providers/test_conformance.py::test_silence_after_the_point_of_no_return_is_unknown",
    ),
    Break(
        "the phase is said before the terminator is written",
        "providers/smtp/provider.py",
        "        self.phase = Phase.FINAL\n        wire.write(TERMINATOR)\n",
        "        wire.write(TERMINATOR)\n",
        "tests/providers/test_conformance.py::test_silence_after_the_point_of_no_return_is_unknown",
    ),
    Break(
        "no terminator without the gate's yes",
        "providers/smtp/provider.py",
        "        if forbidden is not None:\n            return forbidden\n",
        "",
        _CONNECTIONS + "test_no_terminator_is_written_before_the_gate_has_answered_nor_after_a_no",
    ),
    Break(
        "a 4yz after the terminator proves nothing",
        "providers/smtp/outcome.py",
        "return NotSent if reply.digit == 4 and (trust.deferrals or _is_judged(reply)) else Unknown",
        "return NotSent if reply.digit == 4 else Unknown",
        _PHASES + "[final-451 4.3.0 queue file]",
    ),
    Break(
        "after the terminator only 250 to 259 take a message",
        "providers/smtp/outcome.py",
        "_TAKEN = range(250, 260)",
        "_TAKEN = range(200, 300)",
        _PHASES + "[final-220 well]",
    ),
    Break(
        "a reply that decides is confirmed by the 221",
        "providers/smtp/outcome.py",
        "    answers = _is_next(reply, afterwards, trust)\n",
        "    answers = True\n",
        _STRAYS + "test_no_outcome_is_wrong_whatever_a_server_says_beside_its_answers",
    ),
    Break(
        "a reply behind the last one is no farewell",
        "providers/smtp/wire.py",
        "        if self._received and not self._received.startswith(_CLOSING):",
        "        if False:",
        _PHASES + "[final-250 queued\\r\\n221 bye]",
    ),
    Break(
        "a reply before its command answers nothing",
        "providers/smtp/wire.py",
        "        if self._received:\n            self.unasked = True\n            raise",
        "        if False:\n            self.unasked = True\n            raise",
        _PHASES + "[mail-250 fine\\r\\n250 finer]",
    ),
    Break(
        "who has spoken unasked is believed by the 221 alone",
        "providers/smtp/provider.py",
        "orderly=self._trust.orderly and not wire.unasked",
        "orderly=True",
        _CONNECTIONS + "test_a_server_that_spoke_unasked_once_is_believed_by_its_221_alone",
    ),
    Break(
        "the kernel's receive buffer is looked at before the terminator",
        "providers/smtp/wire.py",
        "return self._heard_of() or smtp_socket.has_unread(self._transport)",
        "return self._heard_of()",
        _CONNECTIONS + "test_what_the_kernel_alone_has_heard_while_the_gate_was_asked_keeps_the_terminator_back",
    ),
    Break(
        "a connection that ends takes the terminator back (SO_LINGER)",
        "providers/smtp/wire.py",
        "        smtp_socket.reset_on_close(self._transport, reset=True)\n",
        "",
        _DROP + "test_a_terminator_that_waits_in_our_kernel_is_taken_back",
    ),
    Break(
        "a suspended process's kernel takes the terminator back",
        "providers/smtp/wire.py",
        "        smtp_socket.discard_after(self._transport, within)\n",
        "",
        _DROP + "test_a_terminator_in_the_kernel_of_a_suspended_process_is_discarded_when_nothing_is_taken_for_long",
    ),
    Break(
        "the terminator waits behind nothing",
        "providers/smtp/wire.py",
        "            while not self._heard_of() and smtp_socket.unsent(self._transport):",
        "            while False:",
        _DROP + "test_a_message_that_its_server_stops_reading_gets_no_terminator",
    ),
    Break(
        "a claim that failed unforeseen is unknown",
        "activities/steps.py",
        'return Unknown(code="unforeseen")',
        'return NotSent(code="unforeseen")',
        "tests/whole/test_outcomes.py::test_an_adapter_that_fails_leaves_the_outcome_unknown",
    ),
]
