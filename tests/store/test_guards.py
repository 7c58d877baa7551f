"""What the database refuses, whoever asks: every constraint is broken once by hand. And what it writes down."""
# ruff: noqa: S608  # the SQL is put together from this file's own words

import json
import re
from itertools import product
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.draft import LEGAL_TRANSITIONS, DraftState
from domain.instance import InstanceStatus
from store.ledger import Entry, read_ledger
from store.tables import Base
from tests.scene import a_lead
from tests.store.enrolled import enroll_leads, put_draft

CHECK = "23514"
UNIQUE = "23505"
FOREIGN_KEY = "23503"
CLAIMED = "claim_token = gen_random_uuid(), claim_run = 'run', claimed_at = now(), overdue_at = now()"
UNCLAIMED = "claim_token = NULL, claim_run = NULL, claimed_at = NULL, overdue_at = NULL"


@pytest.fixture
async def instance(connection: AsyncConnection) -> str:
    """The id of an enrolled lead's instance."""
    return (await enroll_leads(connection, [a_lead()]))[0]


async def _refused(connection: AsyncConnection, sql: str, sqlstate: str, **values: Any) -> str:
    """See SQL refused with this SQLSTATE, and nothing of it kept; returns the refusal."""
    before = await _all_rows(connection)
    with pytest.raises(DBAPIError) as refusal:
        async with connection.begin_nested():
            await connection.execute(text(sql), values)
    assert getattr(refusal.value.orig, "sqlstate", None) == sqlstate, refusal.value
    assert await _all_rows(connection) == before
    return str(refusal.value.orig)


async def _all_rows(connection: AsyncConnection) -> list[Any]:
    return [
        sorted(str(tuple(row)) for row in await connection.execute(text(f"SELECT * FROM {table}")))
        for table in ("instances", "drafts", "tasks", "ledger", "sequence_versions")
    ]


async def _enroll_by_hand(connection: AsyncConnection) -> str:
    """Enrol without the statements that rely on the keys."""
    for sql in (
        """INSERT INTO leads (workspace, lead_id, email, name, timezone, variables)
           VALUES ('w', 'lead-1', 'lead-1@example.test', 'Ada', 'UTC', '{}')""",
        "INSERT INTO sequence_versions (workspace, name, version, definition) VALUES ('w', 's', '1', '{}')",
        """INSERT INTO instances (id, workspace, lead_id, sequence, version, thread_id, steps, who, why)
           VALUES ('w:s:lead-1', 'w', 'lead-1', 's', '1', 'w:s:lead-1', 3, 'psql', 'x')""",
    ):
        await connection.execute(text(sql))
    return "w:s:lead-1"


async def _put_a_row_everywhere(connection: AsyncConnection, instance: str) -> None:
    draft = await put_draft(connection, instance)
    await _open_task(connection, instance)
    for sql in (
        "INSERT INTO evidence (draft_id, source, workspace, kind, who) VALUES (:draft, 's', 'w', 'reply', 'psql')",
        """INSERT INTO sender_slots (draft_id, instance_id, workspace, sender, at, taken)
           VALUES (:draft, :instance, 'w', 's', now(), true)""",
        """INSERT INTO stops (workspace, event_id, lead_id, kind, occurred_at)
           VALUES ('w', 'e', 'lead-1', 'replied', now())""",
        "INSERT INTO events (workspace, id, type, answer) VALUES ('w', 'e', 'lead.replied', '{}')",
        "INSERT INTO suppressions (workspace, address, who, why) VALUES ('w', 'ada@x.test', 'psql', 'x')",
        "INSERT INTO lead_addresses (workspace, lead_id, said_at, address) VALUES ('w', 'lead-1', now(), 'ada@x.test')",
    ):
        await connection.execute(text(sql), {"draft": draft, "instance": instance})


async def _story(connection: AsyncConnection, instance: str, subject: str) -> list[tuple[str | None, str, str, str]]:
    return [
        (one.from_state, one.to_state, one.who, one.why)
        for one in await read_ledger(connection, instance)
        if one.subject == subject
    ]


# I1


async def test_i1_a_second_draft_of_a_step_is_refused(connection: AsyncConnection, instance: str) -> None:
    await put_draft(connection, instance)
    with pytest.raises(IntegrityError, match="uq_drafts_instance_id_step_channel"):
        await put_draft(connection, instance, id="another")


@pytest.mark.parametrize("sql", ["DELETE FROM drafts", "TRUNCATE drafts CASCADE", "TRUNCATE instances CASCADE"])
async def test_i1_no_draft_is_ever_removed(connection: AsyncConnection, instance: str, sql: str) -> None:
    await put_draft(connection, instance)
    assert "drafts is kept" in await _refused(connection, sql, CHECK)


@pytest.mark.parametrize("change", ["id = 'x'", "instance_id = 'w:no-reply:lead-2'", "step = 2", "thread_id = 'x'"])
async def test_i1_a_drafts_identity_never_changes(connection: AsyncConnection, change: str) -> None:
    instance, _ = await enroll_leads(connection, [a_lead("lead-1"), a_lead("lead-2")])
    await put_draft(connection, instance)
    assert "its identity never changes" in await _refused(connection, f"UPDATE drafts SET {change}", CHECK)


# The states


ILLEGAL = sorted(
    (before, after)
    for before, after in product(DraftState, DraftState)
    if before is not after and (before, after) not in LEGAL_TRANSITIONS
)


async def _moves(connection: AsyncConnection, instance: str, pairs: list[tuple[DraftState, DraftState]]) -> list[str]:
    """Try to move a draft by hand for each pair, everything but the states being right; which were taken."""
    taken = []
    for before, after in pairs:
        attempt = await connection.begin_nested()
        channel: dict[str, Any] = (
            {"channel": "task"} if (before, after) == (DraftState.PENDING, DraftState.DONE) else {}
        )
        await put_draft(connection, instance, state=before, **channel)
        sent = "clock_timestamp()" if after is DraftState.SENT else "NULL"
        claim = UNCLAIMED if after is DraftState.PENDING else CLAIMED
        released = after is DraftState.PENDING and before is not DraftState.AWAITING_APPROVAL
        generation = "generation + 1" if released else "generation"
        move = f"UPDATE drafts SET state = :after, sent_at = {sent}, generation = {generation}, {claim}"
        try:
            await connection.execute(text(move), {"after": after})
            taken.append(f"{before} -> {after}")
        except IntegrityError as refusal:
            # which of the guards speaks first is PostgreSQL's affair
            if not re.search("is no legal transition|people_do_tasks", str(refusal)):
                raise
        await attempt.rollback()
    return taken


async def test_every_illegal_transition_of_a_draft_is_refused(connection: AsyncConnection, instance: str) -> None:
    assert len(ILLEGAL) == len(DraftState) * (len(DraftState) - 1) - len(LEGAL_TRANSITIONS)
    assert await _moves(connection, instance, ILLEGAL) == []


async def test_every_legal_transition_of_a_draft_is_possible(connection: AsyncConnection, instance: str) -> None:
    legal = sorted(LEGAL_TRANSITIONS)
    taken = await _moves(connection, instance, legal)
    assert taken == [f"{before} -> {after}" for before, after in legal]


@pytest.mark.parametrize("state", sorted(set(DraftState) - {DraftState.PENDING, DraftState.AWAITING_APPROVAL}))
async def test_a_draft_begins_before_any_claim(connection: AsyncConnection, instance: str, state: DraftState) -> None:
    sql = """
        INSERT INTO drafts (id, instance_id, step, thread_id, state, message_id, sender, recipient, subject, content,
            fingerprint, claim_token, claim_run, claimed_at, overdue_at, channel, sent_at, who, why)
        VALUES ('d', :instance, 1, 't', :state, 'm', 's', 'r', 's', '', 'f', gen_random_uuid(), 'run', now(), now(),
            CASE WHEN :state = 'done' THEN 'task' ELSE 'email' END, CASE WHEN :state = 'sent' THEN now() END,
            'psql', 'by hand')"""
    assert f"begins as {state}" in await _refused(connection, sql, CHECK, instance=instance, state=state)


@pytest.mark.parametrize(
    ("table", "column"),
    [
        *(("drafts", "state"), ("drafts", "channel"), ("instances", "status"), ("tasks", "state")),
        *(("evidence", "kind"), ("stops", "kind")),
    ],
)
async def test_a_word_nobody_knows_is_refused(
    connection: AsyncConnection, instance: str, table: str, column: str
) -> None:
    await _put_a_row_everywhere(connection, instance)
    # which of the guards speaks first is PostgreSQL's affair: both refuse with the same SQLSTATE
    await _refused(connection, f"UPDATE {table} SET {column} = 'odd'", CHECK)


@pytest.mark.parametrize("column", ["state", "channel"])
async def test_a_draft_of_a_word_nobody_knows_is_refused_though_no_trigger_looks(
    connection: AsyncConnection, instance: str, column: str
) -> None:
    odd: dict[str, Any] = {column: "odd"}
    with pytest.raises(IntegrityError, match=f"ck_drafts_{column}_known"):
        await put_draft(connection, instance, **odd)


@pytest.mark.parametrize("before", [DraftState.SENDING, DraftState.UNKNOWN])
@pytest.mark.parametrize("generation", ["generation", "generation + 2", "generation - 1"])
async def test_a_release_is_the_next_generation_or_refused(
    connection: AsyncConnection, instance: str, before: DraftState, generation: str
) -> None:
    await put_draft(connection, instance, state=before)
    sql = f"UPDATE drafts SET state = 'pending', generation = {generation}, {UNCLAIMED}"
    assert "each release is the next generation" in await _refused(connection, sql, CHECK)


@pytest.mark.parametrize("change", ["generation = generation + 1", "state = 'stopped', generation = generation + 1"])
async def test_nothing_but_a_release_counts_generations(
    connection: AsyncConnection, instance: str, change: str
) -> None:
    await put_draft(connection, instance)
    assert "each release is the next generation" in await _refused(connection, f"UPDATE drafts SET {change}", CHECK)


# Frozen


FROZEN = ["content = 'x'", "fingerprint = 'x'", "message_id = 'x'", "sender = 'x'", "recipient = 'x'", "subject = 'x'"]


@pytest.mark.parametrize("change", FROZEN)
async def test_a_draft_is_frozen_in_every_state_but_before_its_approval(
    connection: AsyncConnection, instance: str, change: str
) -> None:
    for state in set(DraftState) - {DraftState.AWAITING_APPROVAL}:
        attempt = await connection.begin_nested()
        await put_draft(connection, instance, state=state)
        assert "it is frozen" in await _refused(connection, f"UPDATE drafts SET {change}", CHECK)
        await attempt.rollback()


async def test_a_draft_may_be_rendered_anew_before_its_approval(connection: AsyncConnection, instance: str) -> None:
    await put_draft(connection, instance, state=DraftState.AWAITING_APPROVAL)
    await connection.execute(text("UPDATE drafts SET content = 'x', fingerprint = 'x'"))


async def test_an_approval_can_not_change_what_it_approves(connection: AsyncConnection, instance: str) -> None:
    await put_draft(connection, instance, state=DraftState.AWAITING_APPROVAL)
    sql = "UPDATE drafts SET state = 'pending', content = 'x', fingerprint = 'x'"
    assert "it is frozen" in await _refused(connection, sql, CHECK)


async def test_only_a_person_does_a_task_and_only_a_task_is_done(connection: AsyncConnection, instance: str) -> None:
    await put_draft(connection, instance)
    assert "people_do_tasks" in await _refused(connection, "UPDATE drafts SET state = 'done'", CHECK)
    sql = f"UPDATE drafts SET channel = 'task', state = 'sending', {CLAIMED}"
    assert "people_do_tasks" in await _refused(connection, sql, CHECK)


# The claim


@pytest.mark.parametrize("missing", ["claim_token", "claim_run", "claimed_at", "overdue_at"])
async def test_a_claim_is_whole_or_refused(connection: AsyncConnection, instance: str, missing: str) -> None:
    await put_draft(connection, instance)
    sql = _without(CLAIMED, missing)
    refusal = await _refused(connection, f"UPDATE drafts SET state = 'sending', {sql}", CHECK)
    assert "ck_drafts_claim_is_whole" in refusal


def _without(assignments: str, column: str) -> str:
    return ", ".join(part for part in assignments.split(", ") if not part.startswith(column))


async def test_a_pending_draft_carries_no_claim(connection: AsyncConnection, instance: str) -> None:
    await put_draft(connection, instance)
    refusal = await _refused(connection, "UPDATE drafts SET claim_token = gen_random_uuid()", CHECK)
    assert "ck_drafts_pending_is_unclaimed" in refusal


@pytest.mark.parametrize(
    "sql", ["UPDATE drafts SET state = 'sent'", "UPDATE drafts SET sent_at = now()"], ids=["no instant", "not sent"]
)
async def test_sent_has_its_instant_and_nothing_else_has(connection: AsyncConnection, instance: str, sql: str) -> None:
    await put_draft(connection, instance, state=DraftState.SENDING)
    assert "ck_drafts_sent_has_its_instant" in await _refused(connection, sql, CHECK)


@pytest.mark.parametrize("first", [DraftState.SENDING, DraftState.UNKNOWN])
async def test_i5_a_thread_has_one_draft_in_flight_or_unknown(
    connection: AsyncConnection, instance: str, first: DraftState
) -> None:
    await put_draft(connection, instance, step=1, state=first)
    await put_draft(connection, instance, step=2)
    sql = f"UPDATE drafts SET state = 'sending', {CLAIMED} WHERE step = 2"
    assert "uq_drafts_in_flight" in await _refused(connection, sql, UNIQUE)


# Instances, tasks and what they refer to


@pytest.mark.parametrize("final", [InstanceStatus.COMPLETED, InstanceStatus.STOPPED])
@pytest.mark.parametrize("change", ["status = 'active'", "reason = 'odd'"])
async def test_a_final_status_stays(
    connection: AsyncConnection, instance: str, final: InstanceStatus, change: str
) -> None:
    assert instance
    await connection.execute(text("UPDATE instances SET status = :final"), {"final": final})
    assert "is final" in await _refused(connection, f"UPDATE instances SET {change}", CHECK)


@pytest.mark.parametrize("step", [0, 4])
async def test_the_current_step_is_one_of_the_instances(connection: AsyncConnection, instance: str, step: int) -> None:
    assert instance
    refusal = await _refused(connection, "UPDATE instances SET step = :step", CHECK, step=step)
    assert "ck_instances_step_in_range" in refusal


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM leads",
        "UPDATE instances SET lead_id = 'nobody'",
        "UPDATE instances SET version = 'none'",
        "INSERT INTO tasks (instance_id, step, kind, who, why) VALUES ('none', 1, 'settle_outcome', 'psql', 'x')",
        """INSERT INTO drafts (id, instance_id, step, thread_id, message_id, sender, recipient, subject, content,
           fingerprint, who, why) VALUES ('d', 'none', 1, 't', 'm', 's', 'r', 's', '', 'f', 'psql', 'x')""",
        "INSERT INTO evidence (draft_id, source, workspace, kind, who) VALUES ('none', 's', 'w', 'reply', 'psql')",
        """INSERT INTO sender_slots (draft_id, instance_id, workspace, sender, at, taken)
           VALUES ('d', 'none', 'w', 's', now(), true)""",
    ],
)
async def test_nothing_refers_to_what_is_not_there(connection: AsyncConnection, instance: str, sql: str) -> None:
    assert instance
    await _refused(connection, sql, FOREIGN_KEY)


# what else would make a second row of a draft something other than one of its step
_ELSE = {"drafts": {"step": 2}}


@pytest.mark.parametrize("table", sorted(set(Base.metadata.tables)))
async def test_a_key_names_one_row(connection: AsyncConnection, table: str) -> None:
    await _put_a_row_everywhere(connection, await _enroll_by_hand(connection))
    row = (await connection.execute(text(f"SELECT to_jsonb(t) FROM {table} t LIMIT 1"))).scalar_one()
    second = json.dumps(row | _ELSE.get(table, {}))
    sql = f"INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM jsonb_populate_record(NULL::{table}, :second)"
    assert f"pk_{table}" in await _refused(connection, sql, UNIQUE, second=second)


@pytest.mark.parametrize(
    "sql", ["INSERT INTO compatibility VALUES (2, '0001')", "INSERT INTO link_keys VALUES (2, decode('00', 'hex'))"]
)
async def test_there_is_one_of_what_there_is_one_of(connection: AsyncConnection, sql: str) -> None:
    assert "_one" in await _refused(connection, sql, CHECK)


async def test_a_task_of_no_known_kind_is_refused(connection: AsyncConnection, instance: str) -> None:
    sql = "INSERT INTO tasks (instance_id, step, kind, who, why) VALUES (:instance, 1, 'odd', 'psql', 'x')"
    assert "ck_tasks_kind_known" in await _refused(connection, sql, CHECK, instance=instance)


# I8


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE ledger SET why = 'it was otherwise'",
        "DELETE FROM ledger",
        "TRUNCATE ledger",
        "UPDATE sequence_versions SET definition = '{}'",
        "DELETE FROM sequence_versions",
        "TRUNCATE sequence_versions CASCADE",
    ],
)
async def test_i8_what_was_written_down_stays(connection: AsyncConnection, instance: str, sql: str) -> None:
    assert instance
    await _refused(connection, sql, CHECK)


async def test_i8_a_draft_changed_by_hand_is_in_the_ledger(connection: AsyncConnection, instance: str) -> None:
    await put_draft(connection, instance)
    await connection.execute(text("UPDATE drafts SET state = 'skipped', who = 'night shift', why = 'asked to'"))
    assert await _story(connection, instance, "draft") == [("pending", "skipped", "night shift", "asked to")]


async def test_i8_an_instance_changed_by_hand_is_in_the_ledger(connection: AsyncConnection, instance: str) -> None:
    sql = "UPDATE instances SET status = 'paused', reason = 'operator', who = 'night shift', why = 'asked to'"
    await connection.execute(text(sql))
    assert (await _story(connection, instance, "instance"))[1:] == [("active", "paused", "night shift", "asked to")]


async def test_i8_a_table_of_a_sessions_own_does_not_take_the_ledgers_rows(
    connection: AsyncConnection, instance: str
) -> None:
    await connection.execute(text("CREATE TEMPORARY TABLE ledger (LIKE public.ledger) ON COMMIT DROP"))
    await connection.execute(
        text("UPDATE instances SET status = 'paused', reason = 'operator', who = 'me', why = 'so'")
    )
    await connection.execute(text("DROP TABLE pg_temp.ledger"))
    assert (await _story(connection, instance, "instance"))[1:] == [("active", "paused", "me", "so")]


async def test_i8_a_new_reason_alone_is_in_the_ledger(connection: AsyncConnection, instance: str) -> None:
    await connection.execute(text("UPDATE instances SET reason = 'thread_busy', who = 'me', why = 'so'"))
    assert (await _story(connection, instance, "instance"))[1:] == [("active", "active", "me", "so")]


async def _open_task(connection: AsyncConnection, instance: str) -> None:
    sql = "INSERT INTO tasks (instance_id, step, kind, who, why) VALUES (:instance, 1, 'settle_outcome', 'me', 'ask')"
    await connection.execute(text(sql), {"instance": instance})


async def test_i8_a_task_made_and_closed_by_hand_is_in_the_ledger(connection: AsyncConnection, instance: str) -> None:
    await _open_task(connection, instance)
    await connection.execute(text("UPDATE tasks SET state = 'closed', who = 'you', why = 'told'"))
    assert await _story(connection, instance, "task") == [
        (None, "open", "me", "ask"),
        ("open", "closed", "you", "told"),
    ]


async def test_i8_an_entry_says_where_and_when(connection: AsyncConnection, instance: str) -> None:
    await put_draft(connection, instance, step=2)
    await connection.execute(text("UPDATE drafts SET state = 'skipped'"))
    before, entry = (await read_ledger(connection, instance))[-2:]
    assert isinstance(entry, Entry)
    assert (entry.step, entry.subject) == (2, "draft")
    assert entry.at.tzinfo is not None
    assert entry.at >= before.at


async def test_i8_nothing_is_written_for_a_change_of_no_state(connection: AsyncConnection, instance: str) -> None:
    await put_draft(connection, instance)
    before = await read_ledger(connection, instance)
    await connection.execute(text("UPDATE drafts SET code = 'x'"))
    await connection.execute(text("UPDATE instances SET until = now()"))
    assert await read_ledger(connection, instance) == before
