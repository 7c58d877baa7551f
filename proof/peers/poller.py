"""A poller over `SELECT … FOR UPDATE SKIP LOCKED`: what one writes first, and many keep.

After PostgreSQL's page "SELECT", "The Locking Clause": skipping locked rows is for "multiple consumers accessing a
queue-like table". A row is locked, its letter sent and the row marked in one transaction, one row at a time: so of two
workers only one sends it, a failed sending rolls back, and nothing is ever lost. (Locking a batch would be quicker, and
would send a whole batch again after a kill.) Once a second, as cron would at its finest, it looks for what is due.
"""

import asyncio
import sys

import psycopg

from proof.peers.engine import AT_ONCE, STEPS, WAIT, Engine, Place, lead_id, send

_TABLE = """
    CREATE TABLE follow_ups (
        lead text, step int, due_at timestamptz, sent_at timestamptz, PRIMARY KEY (lead, step)
    );
    CREATE INDEX ON follow_ups (due_at) WHERE sent_at IS NULL
"""
_TAKE = """
    SELECT lead, step FROM follow_ups WHERE sent_at IS NULL AND due_at <= now()
    ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED
"""
_SENT = "UPDATE follow_ups SET sent_at = clock_timestamp() WHERE lead = %s AND step = %s"
_NEXT = "UPDATE follow_ups SET due_at = clock_timestamp() + %s WHERE lead = %s AND step = %s"
_UNDONE = "SELECT count(*) FROM follow_ups WHERE sent_at IS NULL"
_EVERY = 1.0  # seconds


class Poller(Engine):
    """A table, and a loop."""

    title = "poller, `SKIP LOCKED`"
    packages = ("psycopg",)

    async def begin(self, leads: int) -> None:
        """Make the table, with a row a step; the first ones are due."""
        async with await psycopg.AsyncConnection.connect(self.place.database_url) as connection:
            await connection.execute(_TABLE)
            async with connection.cursor() as cursor:
                rows = [(lead_id(number), step) for number in range(leads) for step in range(1, STEPS + 1)]
                await cursor.executemany("INSERT INTO follow_ups VALUES (%s, %s)", rows)
            await connection.execute("UPDATE follow_ups SET due_at = now() WHERE step = 1")

    async def undone(self) -> int:
        """How many rows are not sent."""
        async with await psycopg.AsyncConnection.connect(self.place.database_url) as connection:
            row = await (await connection.execute(_UNDONE)).fetchone()
            return row[0] if row else 0


async def work(place: Place) -> None:
    """Send whatever is due, for ever."""
    await asyncio.gather(*(_poll(place) for _ in range(AT_ONCE)))


async def _poll(place: Place) -> None:
    async with await psycopg.AsyncConnection.connect(place.database_url) as connection:
        while True:
            if not await _send_one(connection, place):
                await asyncio.sleep(_EVERY)


async def _send_one(connection: psycopg.AsyncConnection, place: Place) -> bool:
    async with connection.transaction():
        row = await (await connection.execute(_TAKE)).fetchone()
        if row is None:
            return False
        lead, step = row
        await send(place.smtp_url, lead, step)
        await connection.execute(_SENT, (lead, step))
        await connection.execute(_NEXT, (WAIT, lead, step + 1))
        return True


if __name__ == "__main__":
    asyncio.run(work(Place(*sys.argv[1:])))
