"""What settles an outcome, a draft that a person answers for, and an event."""

from proof.guards.broken import Break

_EVIDENCE = "tests/intake/inbound/test_evidence.py::"
_WAITING = "tests/transactions/test_approve.py::"
_RESETS = "tests/whole/test_resets.py::"

BREAKS = [
    Break(
        "evidence settles what is unknown, before a worker's death makes it so",
        "transactions/evidence.py",
        "        case DraftState.UNKNOWN:\n            await settle_as_seen",
        "        case DraftState.REFUSED:\n            await settle_as_seen",
        _EVIDENCE + "test_i3_of_a_thousand_unknown_sends_evidence_settles_just_those_that_were_seen",
    ),
    Break(
        "an approval names the fingerprint of what was read",
        "transactions/approve.py",
        "if call.decision is Verdict.APPROVE and not draft.fingerprint.startswith(call.fingerprint):",
        "if False:",
        _WAITING + "test_an_approval_of_another_message_is_refused_and_one_said_again_is_not",
    ),
    Break(
        "an edit is of the draft that was read",
        "store/approvals.py",
        "Draft.state == DraftState.AWAITING_APPROVAL, Draft.fingerprint == seen",
        "Draft.state == DraftState.AWAITING_APPROVAL",
        _WAITING + "test_an_edited_message_wants_a_new_approval_and_keeps_its_message_id",
    ),
    Break(
        "an outcome is recorded by its own token alone",
        "transactions/record.py",
        "holds = draft is not None and str(draft.claim_token) == call.token",
        "holds = draft is not None",
        "tests/crash/test_one_call.py::test_the_answer_of_a_claim_that_was_settled_changes_nothing_of_the_next_claim",
    ),
    Break(
        "not_sent is taken only once the last answer is overdue",
        "transactions/settle.py",
        "    if decision is Decision.NOT_SENT and draft.overdue_at and may_still_act(draft.overdue_at, facts.now):",
        "    if False:",
        "tests/store/test_machine.py",
    ),
    Break(
        "not_sent is taken of no later try",
        "transactions/settle.py",
        "    if decision in _SAID_OF_A_TRY and is_of_another_try(draft.overdue_at, call.not_sent_from):",
        "    if False:",
        _RESETS + "test_a_not_sent_that_is_said_again_to_a_run_that_was_reset_releases_no_later_try",
    ),
    Break(
        "no other word is taken of a later try either",
        "transactions/settle.py",
        "_SAID_OF_A_TRY = (Decision.NOT_SENT, Decision.RESUME, Decision.SENT)",
        "_SAID_OF_A_TRY = (Decision.NOT_SENT,)",
        "tests/transactions/test_last_words.py::test_i3_what_was_said_before_a_send_became_uncertain_settles_nothing",
    ),
    Break(
        "a claim is not settled while it is fresh",
        "transactions/settle.py",
        "    if facts.now < give_up:",
        "    if False:",
        "tests/store/test_machine.py",
    ),
    Break(
        "a plain resume of an unknown send means sent",
        "transactions/settle.py",
        "    Decision.NOT_SENT: DraftState.PENDING,\n",
        "    Decision.NOT_SENT: DraftState.PENDING,\n    Decision.RESUME: DraftState.PENDING,\n",
        "tests/whole/test_decisions.py::test_an_unknown_send_is_settled_by_a_word_and_the_next_step_follows",
    ),
    Break(
        "a workflow that ran is not started again",
        "intake/starting.py",
        "id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE",
        "id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE",
        "tests/whole/test_run_again.py"
        "::test_an_enroller_that_never_heard_of_the_start_begins_no_second_run_of_what_has_ended",
    ),
    Break(
        "an event is taken once",
        "transactions/event.py",
        "    if stored is not None:\n",
        "    if stored is not None and stored.type is None:\n",
        "tests/intake/test_events.py",
    ),
    Break(
        "a stop that outran its enrolment is heeded",
        "transactions/stop.py",
        "stop.occurred_at >= since and sequence.stops_on",
        "stop.occurred_at < since and sequence.stops_on",
        "tests/intake/test_events.py",
    ),
    Break(
        "a run that was reset asks what is so before it waits",
        "workflows/follow_up.py",
        "may_look = workflow.unsafe.is_replaying() or (was_reset() and not self._looked)",
        "may_look = False",
        _RESETS + "test_a_run_that_begins_with_a_pause_finds_out_what_became_of_a_send_of_the_run_before",
    ),
    Break(
        "of what has completed nothing is asked again",
        "transactions/moves.py",
        "behind = locked_step.step < facts.current_step or facts.status is InstanceStatus.COMPLETED",
        "behind = locked_step.step < facts.current_step",
        _RESETS + "test_a_follow_up_that_was_completed_by_a_skip_is_reset_and_completes_again",
    ),
    Break(
        "of what comes at once signals come before updates",
        "workflows/inbox.py",
        '        self.inbox.sort(key=attrgetter("heard"))\n',
        "",
        _RESETS + "test_a_run_that_was_reset_and_was_told_updates_and_signals_again_replays[update-signal-first]",
    ),
]
