"""What mail that comes in may do, and to whom."""

from proof.guards.broken import Break

_BOUNCES = "tests/intake/inbound/test_bounces.py::"
_CONSEQUENCES = "tests/intake/inbound/test_consequences.py::"
_READER = "tests/intake/inbound/test_reader.py::"

BREAKS = [
    Break(
        "only a status of the address's own suppresses it",
        "domain/enhanced_status.py",
        "return specific <= ADDRESS_STATUSES and not contradicted",
        "return not contradicted",
        "tests/domain/test_enhanced_status.py::test_a_specific_status_that_is_not_an_addresss_own_is_never_called_so",
    ),
    Break(
        "a bounce suppresses whom we wrote to alone",
        "intake/inbound/consequence.py",
        "ours = [one for one in failures if self.is_ours(one.recipient)]",
        "ours = list(failures)",
        _CONSEQUENCES + "test_a_bounce_stops_and_suppresses_whom_it_fails_if_we_wrote_to_them_alone",
    ),
    Break(
        "a dead place that an address forwards to is not the address",
        "intake/inbound/message_class.py",
        'self.recipient != "" and not self.is_forwarded',
        'self.recipient != ""',
        _BOUNCES + "test_a_report_that_fails_another_place_than_the_one_written_to_suppresses_nobody",
    ),
    Break(
        "a failure that is not the address's own waits for a person",
        "transactions/evidence.py",
        "    await pause(locked_step, Paused(reason=concern.reason), Cause.RETURNED)\n",
        "",
        _CONSEQUENCES + "test_a_failure_that_is_not_the_addresss_own_waits_for_a_person_and_suppresses_nobody",
    ),
    Break(
        "a fresh mail proves nothing of a message",
        "intake/inbound/taking.py",
        "        answer = _answer(inbound, named, MailResult.TAKEN)\n",
        "        answer = _answer(inbound, named, MailResult.TAKEN)\n"
        "        seen = Seen(EvidenceKind.REPLY, answer.event_id, came_at)\n"
        "        await self.recorder.record(named.draft_id, seen, answer.event_id)\n",
        _CONSEQUENCES + "test_a_fresh_mail_of_somebody_we_wrote_to_is_their_answer_and_proves_nothing_else",
    ),
    Break(
        "a message that costs too much ends the process that reads it",
        "intake/inbound/worker.py",
        "        signal.setitimer(signal.ITIMER_PROF, _SECONDS)\n",
        "        signal.setitimer(signal.ITIMER_PROF, 60 * _SECONDS)\n",
        _READER + "test_the_kernel_ends_a_process_that_takes_more_than_its_share",
    ),
    Break(
        "what can't be read is an answer",
        "intake/inbound/mail.py",
        "return Inbound(content_key(raw), InboundKind.REPLY,",
        "return Inbound(content_key(raw), InboundKind.DELIVERY_NOTICE,",
        _READER + "test_a_message_that_costs_too_much_counts_as_an_answer_and_the_next_one_is_read",
    ),
]
