"""Tables as years leave them: follow-ups of three steps, of which two were sent and the third is due."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from proof.speed.sides import a_sequence
from store.sequences import save_sequence

_WORKSPACE = "bench"
# As long as a short letter is with its headers.
_CONTENT = 700


def instance(number: int) -> str:
    """The id of a follow-up that was put in; numbers begin with 1."""
    return f"{_WORKSPACE}:bench:lead-{number:09}"


# OFFSET 0 keeps what a subquery computes from being computed anew wherever it is used.
_ROWS = (
    """INSERT INTO leads (workspace, lead_id, email, name, timezone, variables)
       SELECT 'bench', lead, lead || '@example.test', 'Lead', 'UTC', '{}'
       FROM (
           SELECT 'lead-' || to_char(n, 'FM000000000') AS lead FROM generate_series(1, :follow_ups) n OFFSET 0) rows""",
    """INSERT INTO instances (id, workspace, lead_id, sequence, version, thread_id, step, steps, until, who, why,
              enrolled_at, started_at)
       SELECT 'bench:bench:' || lead, 'bench', lead, 'bench', version, 'bench:bench:' || lead, 3, 3, now(), 'bench',
              'step 3 is next', at, at
       FROM sequence_versions, (
           SELECT 'lead-' || to_char(n, 'FM000000000') AS lead, now() - n * interval '1 second' AS at
           FROM generate_series(1, :follow_ups) n OFFSET 0) rows""",
    """INSERT INTO drafts (id, instance_id, step, thread_id, state, message_id, sender, recipient, subject, content,
              fingerprint, claim_token, claim_run, claimed_at, overdue_at, sent_at, code, reply, who, why)
       SELECT id, instance, step, instance, 'sent', '<' || left(hash, 40) || '@follow-up.test>', 'ada@follow-up.test',
              lead || '@example.test', 'Following up', convert_to(rpad(hash, :content, hash), 'UTF8'), hash,
              left(hash, 32)::uuid, left(hash, 36), at, at, at, '250', '2.0.0 Ok', 'bench', 'the provider took it'
       FROM (
           SELECT id, instance, lead, step, encode(sha256(id::bytea), 'hex') AS hash,
                  now() - (3 - step) * interval '1 day' AS at
           FROM (
               SELECT 'bench:bench:lead-' || to_char(n, 'FM000000000') AS instance,
                      'bench:bench:lead-' || to_char(n, 'FM000000000') || '/' || step || '/email' AS id,
                      'lead-' || to_char(n, 'FM000000000') AS lead, step
               FROM generate_series(1, :follow_ups) n, generate_series(1, 2) step OFFSET 0) keys
           OFFSET 0) rows""",
    """INSERT INTO ledger (instance_id, step, subject, from_state, to_state, who, why)
       SELECT 'bench:bench:lead-' || to_char(n, 'FM000000000'), step, 'draft', 'sending', 'sent', 'bench',
              'the provider took it'
       FROM generate_series(1, :follow_ups) n, generate_series(1, 2) step""",
    """INSERT INTO suppressions (workspace, address, who, why)
       SELECT 'bench', 'gone-' || to_char(n, 'FM000000000') || '@example.test', 'bench', 'bounced'
       FROM generate_series(1, :follow_ups / 20) n""",
)
# what no constraint needs may be built afterwards and at once, for a fraction of what it costs row by row
_INDEXES = """
    SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
    AND NOT EXISTS (SELECT FROM pg_constraint WHERE conname = indexname)"""


async def fill(engine: AsyncEngine, drafts: int) -> None:
    """Put in so many drafts of half as many follow-ups, with what belongs to them.

    Triggers and foreign keys sleep meanwhile: what they would check is right by construction.
    """
    values = {"follow_ups": drafts // 2, "content": _CONTENT}
    async with engine.begin() as connection:
        await save_sequence(connection, _WORKSPACE, a_sequence(3))
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
        indexes = list(await connection.execute(text(_INDEXES)))
        await _each(connection, [f"DROP INDEX {index.indexname}" for index in indexes])
        for rows in _ROWS:
            named = {name: value for name, value in values.items() if f":{name}" in rows}
            await connection.execute(text(rows), named)
        await _each(connection, ["SET LOCAL maintenance_work_mem = '512MB'", *(index.indexdef for index in indexes)])
    async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        await _each(connection, ["VACUUM ANALYZE", "CHECKPOINT"])


async def _each(connection: AsyncConnection, statements: list[str]) -> None:
    for statement in statements:
        await connection.exec_driver_sql(statement)
