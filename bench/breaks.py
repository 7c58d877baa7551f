"""The guards that keep a message from being sent twice, each with a way to break it and a test that must then fail."""

from typing import NamedTuple


class Break(NamedTuple):
    """One guard broken: in `file`, `before` (which stands there once) becomes `after`; `test` must fail then."""

    guard: str
    file: str
    before: str
    after: str
    test: str


_AT_ONCE = "tests/activities/test_at_once.py::"
_ONE_CALL = "tests/crash/test_one_call.py::"
_SUSPENDED = "tests/crash/test_suspended.py::"
_GUARDS = "tests/store/test_guards.py::"
_FORBIDDEN = "tests/domain/test_permission.py::"
_EVIDENCE = "tests/inbound/test_evidence.py::"
_LIMITING = "tests/activities/test_limiting.py::"
_WAITING = "tests/approvals/test_waiting.py::"
_CONNECTIONS = "tests/providers/test_smtp_connections.py::"
_LAST_MIGRATION = "store/migrations/versions/0003_people.py"

CODE = [
    Break(
        "the claim takes a pending draft alone",
        "store/drafts.py",
        'Draft.id == bindparam("draft_id"), Draft.state == DraftState.PENDING)',
        'Draft.id == bindparam("draft_id"))',
        "tests/store/test_machine.py",
    ),
    Break(
        "what is being sent is not claimed again",
        "activities/claiming.py",
        "    if draft is not None and draft.state is DraftState.SENDING:\n        return await settle_sending",
        "    if draft is not None and draft.state is DraftState.REFUSED:\n        return await settle_sending",
        _AT_ONCE + "test_i2_of_fifty_claims_at_once_one_is_granted",
    ),
    Break(
        "what is behind is not claimed again",
        "activities/claiming.py",
        "    if draft is not None and draft.state is not DraftState.PENDING:\n        return standing(at, facts)\n",
        "",
        _ONE_CALL + "test_whoever_calls_after_the_record_is_told_the_recorded_result",
    ),
    Break(
        "the lead's lock comes before what is read",
        "store/leads.py",
        "    .with_for_update(of=Lead)\n)",
        ")",
        _AT_ONCE + "test_i4_a_stop_committed_before_a_claim_began_prevents_it",
    ),
    Break(
        "a stop forbids, in the claim's own transaction",
        "domain/permission.py",
        "    if true.status in (InstanceStatus.STOPPED, InstanceStatus.COMPLETED):\n        return Stopped",
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
        "activities/claiming.py",
        "no = no or await contradicted(at, draft) or await",
        "no = no or await",
        _EVIDENCE + "test_what_an_operator_said_was_not_sent_is_not_sent_once_it_was_seen",
    ),
    Break(
        "evidence settles what is unknown, before a worker's death makes it so",
        "activities/evidence.py",
        "        case DraftState.UNKNOWN:\n            await settle_as_seen",
        "        case DraftState.REFUSED:\n            await settle_as_seen",
        _EVIDENCE + "test_i3_of_a_thousand_unknown_sends_evidence_settles_just_those_that_were_seen",
    ),
    Break(
        "a lead's mails in a week are counted",
        "activities/limiting.py",
        "        if len(sends) >= cap:",
        "        if False:",
        _LIMITING + "test_a_leads_weekly_cap_counts_what_went_and_what_may_have_gone",
    ),
    Break(
        "a sender's mails in a day are counted",
        "activities/limiting.py",
        "        if at.date() in full:",
        "        if False:",
        _LIMITING + "test_a_senders_daily_cap_holds_on_every_day_and_within_office_hours",
    ),
    Break(
        "a sender's mails keep their gap",
        "activities/limiting.py",
        "slot, at, gap + _SLACK) if gap else at",
        "slot, at, gap + _SLACK) if False else at",
        _LIMITING + "test_sends_of_one_sender_keep_their_gap_and_each_sleeps_until_its_turn",
    ),
    Break(
        "an approval step asks before it sends",
        "activities/claiming.py",
        "if draft is None and is_for_a_person(at) and",
        "if draft is None and not at and",
        _WAITING + "test_it_is_asked_when_it_falls_due_whatever_holds_the_send",
    ),
    Break(
        "an approval names the fingerprint of what was read",
        "activities/approving.py",
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
        "the gate asks whether the token still holds the draft",
        "activities/steps.py",
        "if _uptime() - begun >= FRESH.total_seconds() and not await self._still_holds(draft, claim):",
        "if False:",
        _SUSPENDED + "test_a_woken_claim_that_was_settled_as_sent_writes_no_message",
    ),
    Break(
        "the gate heeds the claim's deadline",
        "activities/steps.py",
        "return _uptime() - begun < claim.lease.total_seconds()",
        "return True",
        _SUSPENDED + "test_a_claim_past_its_lease_writes_no_message_though_it_is_told_that_it_still_holds",
    ),
    Break(
        "an outcome is recorded by its own token alone",
        "activities/recording.py",
        "holds = draft is not None and str(draft.claim_token) == call.token",
        "holds = draft is not None",
        _SUSPENDED + "test_a_woken_claim_that_was_settled_as_not_sent_neither_sends_nor_touches_the_next_claim",
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
    Break(
        "not_sent is taken only once the last answer is overdue",
        "activities/settling.py",
        "    if decision is Decision.NOT_SENT and draft.overdue_at is not None and facts.now < draft.overdue_at:",
        "    if False:",
        "tests/store/test_machine.py",
    ),
    Break(
        "not_sent is taken of no later try",
        "activities/settling.py",
        "    if decision is Decision.NOT_SENT and _is_of_another_try(draft, call.not_sent_from):",
        "    if False:",
        "tests/follow_up/test_resets.py"
        "::test_a_not_sent_that_is_said_again_to_a_run_that_was_reset_releases_no_later_try",
    ),
    Break(
        "a claim is not settled while it is fresh",
        "activities/settling.py",
        "    if facts.now < give_up:",
        "    if False:",
        "tests/store/test_machine.py",
    ),
    Break(
        "a plain resume of an unknown send means sent",
        "activities/settling.py",
        "    Decision.NOT_SENT: DraftState.PENDING,\n",
        "    Decision.NOT_SENT: DraftState.PENDING,\n    Decision.RESUME: DraftState.PENDING,\n",
        "tests/follow_up/test_decisions.py::test_an_unknown_send_is_settled_by_a_word_and_the_next_step_follows",
    ),
    Break(
        "a workflow that ran is not started again",
        "intake/starting.py",
        "id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE",
        "id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE",
        "tests/intake/test_events.py",
    ),
    Break(
        "an event is taken once",
        "intake/events.py",
        "            if stored is not None:\n",
        "            if stored is not None and stored.type is None:\n",
        "tests/intake/test_events.py",
    ),
    Break(
        "a stop that outran its enrolment is heeded",
        "intake/storing.py",
        "stop.occurred_at >= enrolling.at and enrolling.sequence.stops_on",
        "stop.occurred_at < enrolling.at and enrolling.sequence.stops_on",
        "tests/intake/test_events.py",
    ),
]

_KEYED = (
    *("leads", "sequence_versions", "instances", "drafts", "tasks", "suppressions", "sender_slots", "evidence"),
    *("link_keys", "events", "stops", "ledger", "compatibility"),
)
_CONSTRAINTS = {
    "uq_drafts_instance_id_step_channel": ("drafts", "test_i1_a_second_draft_of_a_step_is_refused"),
    "ck_drafts_claim_is_whole": ("drafts", "test_a_claim_is_whole_or_refused"),
    "ck_drafts_pending_is_unclaimed": ("drafts", "test_a_pending_draft_carries_no_claim"),
    "ck_drafts_sent_has_its_instant": ("drafts", "test_sent_has_its_instant_and_nothing_else_has"),
    "ck_drafts_people_do_tasks": ("drafts", "test_only_a_person_does_a_task_and_only_a_task_is_done"),
    "ck_drafts_state_known": ("drafts", "test_a_word_nobody_knows_is_refused"),
    "ck_drafts_channel_known": ("drafts", "test_a_word_nobody_knows_is_refused"),
    "ck_instances_status_known": ("instances", "test_a_word_nobody_knows_is_refused"),
    "ck_instances_step_in_range": ("instances", "test_the_current_step_is_one_of_the_instances"),
    "ck_tasks_state_known": ("tasks", "test_a_word_nobody_knows_is_refused"),
    "ck_tasks_kind_known": ("tasks", "test_a_task_of_no_known_kind_is_refused"),
    "fk_drafts_instances": ("drafts", "test_nothing_refers_to_what_is_not_there"),
    "fk_instances_leads": ("instances", "test_nothing_refers_to_what_is_not_there"),
    "fk_instances_sequence_versions": ("instances", "test_nothing_refers_to_what_is_not_there"),
    "fk_tasks_instances": ("tasks", "test_nothing_refers_to_what_is_not_there"),
    "fk_evidence_drafts": ("evidence", "test_nothing_refers_to_what_is_not_there"),
    "fk_sender_slots_instances": ("sender_slots", "test_nothing_refers_to_what_is_not_there"),
    "ck_evidence_kind_known": ("evidence", "test_a_word_nobody_knows_is_refused"),
    "ck_stops_kind_known": ("stops", "test_a_word_nobody_knows_is_refused"),
    "ck_compatibility_one": ("compatibility", "test_there_is_one_of_what_there_is_one_of"),
    "ck_link_keys_one": ("link_keys", "test_there_is_one_of_what_there_is_one_of"),
    **{f"pk_{table}": (table, f"test_a_key_names_one_row[{table}]") for table in _KEYED},
}
_STATEMENTS = {
    "index uq_drafts_in_flight": (
        "DROP INDEX uq_drafts_in_flight",
        "test_i5_a_thread_has_one_draft_in_flight_or_unknown",
    ),
    "trigger guard_draft": (
        "DROP TRIGGER guard_draft ON drafts",
        "test_every_illegal_transition_of_a_draft_is_refused",
    ),
    "trigger guard_instance": ("DROP TRIGGER guard_instance ON instances", "test_a_final_status_stays"),
    "trigger guard_task": (
        "DROP TRIGGER guard_task ON tasks",
        "test_i8_a_task_made_and_closed_by_hand_is_in_the_ledger",
    ),
    "trigger guard_ledger": ("DROP TRIGGER guard_ledger ON ledger", "test_i8_what_was_written_down_stays"),
    "trigger guard_kept of drafts": ("DROP TRIGGER guard_kept ON drafts", "test_i1_no_draft_is_ever_removed"),
    "trigger guard_kept of the ledger": ("DROP TRIGGER guard_kept ON ledger", "test_i8_what_was_written_down_stays"),
    "trigger guard_kept of versions": (
        "DROP TRIGGER guard_kept ON sequence_versions",
        "test_i8_what_was_written_down_stays",
    ),
}


def _without(guard: str, statement: str, test: str) -> Break:
    last = "    _compatibility()\n\n\ndef"
    return Break(
        guard, _LAST_MIGRATION, last, f'    _compatibility()\n    op.execute("{statement}")\n\n\ndef', _GUARDS + test
    )


SCHEMA = [
    *(
        _without(f"constraint {name}", f"ALTER TABLE {table} DROP CONSTRAINT {name} CASCADE", test)
        for name, (table, test) in _CONSTRAINTS.items()
    ),
    *(_without(guard, statement, test) for guard, (statement, test) in _STATEMENTS.items()),
]
BREAKS = [*CODE, *SCHEMA]
