"""What the database itself refuses: each constraint, unique index and trigger is dropped by the last migration."""

from proof.guards.broken import Break

_GUARDS = "tests/store/test_guards.py::"
_LAST_MIGRATION = "store/migrations/versions/0005_causes.py"

_KEYED = (
    *("leads", "sequence_versions", "instances", "drafts", "tasks", "suppressions", "sender_slots", "evidence"),
    *("link_keys", "events", "stops", "ledger", "compatibility", "lead_addresses"),
)
_CONSTRAINTS = {
    "uq_drafts_instance_id_step_channel": ("drafts", "test_i1_a_second_draft_of_a_step_is_refused"),
    "ck_drafts_claim_is_whole": ("drafts", "test_a_claim_is_whole_or_refused"),
    "ck_drafts_pending_is_unclaimed": ("drafts", "test_a_pending_draft_carries_no_claim"),
    "ck_drafts_sent_has_its_instant": ("drafts", "test_sent_has_its_instant_and_nothing_else_has"),
    "ck_drafts_people_do_tasks": ("drafts", "test_only_a_person_does_a_task_and_only_a_task_is_done"),
    "ck_drafts_state_known": ("drafts", "test_a_draft_of_a_word_nobody_knows_is_refused_though_no_trigger_looks"),
    "ck_drafts_channel_known": ("drafts", "test_a_draft_of_a_word_nobody_knows_is_refused_though_no_trigger_looks"),
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
    last = "\n\n\ndef _read_words"
    return Break(guard, _LAST_MIGRATION, last, f'\n    op.execute("{statement}"){last}', _GUARDS + test)


BREAKS = [
    *(
        _without(f"constraint {name}", f"ALTER TABLE {table} DROP CONSTRAINT {name} CASCADE", test)
        for name, (table, test) in _CONSTRAINTS.items()
    ),
    *(_without(guard, statement, test) for guard, (statement, test) in _STATEMENTS.items()),
]
