"""What forbids a claim, and what makes it one of its kind."""

from proof.guards.broken import Break

_AT_ONCE = "tests/transactions/test_at_once.py::"
_ONE_CALL = "tests/crash/test_one_call.py::"
_FORBIDDEN = "tests/domain/test_permission.py::"
_EVIDENCE = "tests/intake/inbound/test_evidence.py::"
_LIMITING = "tests/transactions/test_limiting.py::"
_WAITING = "tests/transactions/test_approve.py::"

BREAKS = [
    Break(
        "the claim takes a pending draft alone",
        "store/drafts.py",
        'Draft.id == bindparam("draft_id"), Draft.state == DraftState.PENDING)',
        'Draft.id == bindparam("draft_id"))',
        _AT_ONCE + "test_i2_nothing_but_a_pending_draft_becomes_anybodys",
    ),
    Break(
        "a claim that nobody will answer any more is unknown",
        "transactions/claim.py",
        "    if draft.state is DraftState.SENDING:\n        return await settle_sending",
        "    if draft.state is DraftState.REFUSED:\n        return await settle_sending",
        _AT_ONCE + "test_i3_a_claim_whose_process_is_gone_is_unknown_to_whoever_comes_next",
    ),
    Break(
        "what is behind is not claimed again",
        "transactions/claim.py",
        "    return current_result(locked_step, facts) if draft.state is not DraftState.PENDING else None\n",
        "    return None\n",
        _ONE_CALL + "test_whoever_calls_after_the_record_is_told_the_recorded_result",
    ),
    Break(
        "the lead's row is locked, and read as it is then",
        "store/leads.py",
        "    .with_for_update(of=StoredLead)\n)",
        ")",
        "tests/transactions/test_recipients.py::"
        "test_a_claim_whose_lead_moves_while_it_waits_waits_for_the_new_address_too",
    ),
    Break(
        "a stop forbids, in the claim's own transaction",
        "domain/permission.py",
        "    if true.status in FINAL:\n        return Stopped",
        "    if true.status is InstanceStatus.COMPLETED:\n        return Stopped",
        _AT_ONCE + "test_i4_a_stop_committed_before_a_claim_began_prevents_it",
    ),
    Break(
        "a suppressed address forbids",
        "domain/permission.py",
        "    if true.suppressed:",
        "    if False:",
        _FORBIDDEN + "test_a_suppressed_address_stops_even_what_is_paused",
    ),
    Break(
        "a pause forbids",
        "domain/permission.py",
        "    if true.status is InstanceStatus.PAUSED:",
        "    if False:",
        _FORBIDDEN + "test_a_pause_forbids_it_for_the_reason_of_the_pause",
    ),
    Break(
        "what has expired is left to a person",
        "domain/permission.py",
        "    if true.now > true.expires_at:",
        "    if False:",
        _FORBIDDEN + "test_a_step_may_be_sent_until_the_instant_it_expires_and_not_after",
    ),
    Break(
        "the window forbids",
        "domain/permission.py",
        "Held(until=true.permitted_from, reason=Reason.OUTSIDE_WINDOW)",
        "Held(until=true.now, reason=Reason.OUTSIDE_WINDOW)",
        _FORBIDDEN + "test_outside_its_window_it_is_held_until_the_window_opens",
    ),
    Break(
        "the gap of the thread forbids",
        "domain/permission.py",
        "Held(until=true.last_sent_at + true.min_gap, reason",
        "Held(until=true.last_sent_at, reason",
        _FORBIDDEN + "test_it_is_held_until_the_gap_of_the_thread_is_over_and_no_longer",
    ),
    Break(
        "a lead out of office holds it",
        "domain/permission.py",
        "Held(until=true.quiet_until, reason",
        "Held(until=true.now, reason",
        _FORBIDDEN + "test_a_lead_out_of_office_holds_it_until_the_lead_is_back",
    ),
    Break(
        "a busy thread holds it",
        "domain/permission.py",
        "Held(until=true.now + wait, reason",
        "Held(until=true.now, reason",
        _FORBIDDEN + "test_a_busy_thread_holds_it_for_a_moment",
    ),
    Break(
        "what was seen outside is not claimed",
        "transactions/claim.py",
        "        or await contradicted(locked_step, draft)\n",
        "",
        _EVIDENCE + "test_what_was_seen_is_not_sent_again_though_its_provider_says_that_it_was_not_sent",
    ),
    Break(
        "a lead's mails in a week are counted",
        "transactions/limits.py",
        "        if len(sends) >= cap:",
        "        if False:",
        _LIMITING + "test_a_leads_weekly_cap_counts_what_went_and_what_may_have_gone",
    ),
    Break(
        "a sender's mails in a day are counted",
        "transactions/limits.py",
        "        if at.date() in full:",
        "        if False:",
        _LIMITING + "test_a_senders_daily_cap_holds_on_every_day_and_within_office_hours",
    ),
    Break(
        "a sender's mails keep their gap",
        "transactions/limits.py",
        "slot, at, gap + _SLACK) if gap else at",
        "slot, at, gap + _SLACK) if False else at",
        _LIMITING + "test_sends_of_one_sender_keep_their_gap_and_each_sleeps_until_its_turn",
    ),
    Break(
        "an approval step asks before it sends",
        "transactions/claim.py",
        "if draft is None and is_for_a_person(locked_step) and",
        "if draft is None and not at and",
        _WAITING + "test_it_is_asked_when_it_falls_due_whatever_holds_the_send",
    ),
]
