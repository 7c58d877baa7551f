"""Tables of a million instances and drafts, laid down in seconds: what a query costs there it costs after years."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

ROWS = 1_000_000
# An instance in the middle; its number is 0-padded, so that keys grow as they are inserted, which is quick.
ONE = "w:s:0500000"

# Every tenth instance is paused and its draft unknown, with an open task: no state is so rare that it hides.
# OFFSET 0 keeps what a subquery computes from being computed anew wherever it is used.
_ROWS = [
    """INSERT INTO leads (workspace, lead_id, email, name, timezone, variables)
       SELECT 'w', to_char(n, 'FM00000'), n || '@example.test', '', 'UTC', '{}' FROM generate_series(0, 99999) n""",
    """INSERT INTO suppressions (workspace, address, who, why)
       SELECT 'w', to_char(n, 'FM00000') || '@gone.test', 'event:event-' || to_char(n, 'FM00000'), 'gone'
       FROM generate_series(1, 50000) n""",
    """INSERT INTO events (workspace, id, type, answer)
       SELECT 'w', 'event-' || to_char(n, 'FM00000'), 'lead.replied',
              jsonb_build_object('lead_id', to_char(n, 'FM00000')) FROM generate_series(0, 99999) n""",
    """INSERT INTO lead_addresses (workspace, lead_id, said_at, address)
       SELECT 'w', to_char(n, 'FM00000'), now(), n || '@old.test' FROM generate_series(0, 49999) n""",
    """INSERT INTO stops (workspace, event_id, lead_id, kind, occurred_at, recipients)
       SELECT 'w', 'event-' || to_char(n, 'FM00000'), to_char(n, 'FM00000'), 'replied', now(),
              ARRAY[n || '@example.test']
       FROM generate_series(0, 99999) n""",
    """INSERT INTO sequence_versions (workspace, name, version, definition)
       SELECT 'w', 's', to_char(n, 'FM000'), '{}' FROM generate_series(0, 999) n""",
    """INSERT INTO instances (id, workspace, lead_id, sequence, version, thread_id, status, steps, who, why,
              enrolled_at)
       SELECT id, 'w', to_char(n % 100000, 'FM00000'), 's', to_char(n % 1000, 'FM000'),
              id, CASE WHEN n % 10 = 0 THEN 'paused' ELSE 'active' END, 3, 't', 'x', now() + n * interval '1 second'
       FROM (SELECT n, 'w:s:' || to_char(n, 'FM0000000') AS id FROM generate_series(1, :rows) n OFFSET 0) rows""",
    """INSERT INTO drafts (id, instance_id, step, thread_id, state, message_id, sender, recipient, subject, content,
              fingerprint, claim_token, claim_run, claimed_at, overdue_at, sent_at, who, why)
       SELECT id || '/1/email', id, 1, id, state, id, 's', recipient, 's', '', 'f', token, 'run', now(), now(),
              CASE state WHEN 'sent' THEN now() END, 't', 'x'
       FROM (SELECT 'w:s:' || to_char(n, 'FM0000000') AS id, lpad(n::text, 32, '0')::uuid AS token,
                    n % 100000 || '@example.test' AS recipient,
                    CASE WHEN n % 10 = 0 THEN 'unknown' ELSE 'sent' END AS state
             FROM generate_series(1, :rows) n OFFSET 0) rows""",
    """INSERT INTO tasks (instance_id, step, kind, state, who, why)
       SELECT 'w:s:' || to_char(n, 'FM0000000'), 1, 'settle_outcome',
              CASE WHEN n % 10 = 0 THEN 'open' ELSE 'closed' END, 't', 'x' FROM generate_series(5, :rows, 5) n""",
    """INSERT INTO ledger (instance_id, step, subject, to_state, who, why)
       SELECT 'w:s:' || to_char(n, 'FM0000000'), 1, 'draft', 'pending', 't', 'x' FROM generate_series(1, :rows, 3) n""",
    # a year of one sender behind us, and a thousand that wait for their turn
    """INSERT INTO sender_slots (draft_id, instance_id, workspace, sender, at, taken)
       SELECT 'w:s:' || to_char(n, 'FM0000000') || '/1/email', 'w:s:' || to_char(n, 'FM0000000'), 'w', 's',
              timestamptz '2026-01-01Z' + (n - 99000) * interval '5 minutes', n < 99000
       FROM generate_series(1, 100000) n""",
    """INSERT INTO evidence (draft_id, source, workspace, kind, who)
       SELECT 'w:s:' || to_char(n, 'FM0000000') || '/1/email', 'test', 'w', 'reply', 't'
       FROM generate_series(5, 500000, 5) n""",
]
# those that refer to others come last: a logged table must not refer to an unlogged one
_TABLES = (
    "sender_slots",
    "evidence",
    "tasks",
    "drafts",
    "instances",
    "ledger",
    "suppressions",
    "events",
    "stops",
    "sequence_versions",
    "lead_addresses",
    "leads",
)
# what no constraint needs may be built afterwards and at once, for a fraction of what it costs row by row
_INDEXES = """
    SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
    AND NOT EXISTS (SELECT FROM pg_constraint WHERE conname = indexname)"""


async def lay_down(engine: AsyncEngine) -> None:
    """Fill the tables. Triggers and foreign keys sleep meanwhile: what they would check is right by construction."""
    async with engine.begin() as connection:
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
        for table in _TABLES:
            await connection.execute(text(f"ALTER TABLE {table} SET UNLOGGED"))
        indexes = list(await connection.execute(text(_INDEXES)))
        await _each(connection, [f"DROP INDEX {index.indexname}" for index in indexes])
        for rows in _ROWS:
            await connection.execute(text(rows), {"rows": ROWS} if ":rows" in rows else {})
        await _each(connection, ["SET LOCAL maintenance_work_mem = '256MB'", *(index.indexdef for index in indexes)])
        await connection.execute(text("ANALYZE"))


async def _each(connection: AsyncConnection, statements: list[str]) -> None:
    for statement in statements:
        await connection.exec_driver_sql(statement)
