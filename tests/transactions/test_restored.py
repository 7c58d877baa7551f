"""What a store that was restored holds of steps that the workflow has behind it: each is counted, none waits (I6)."""

import uuid
from datetime import UTC, datetime, timedelta
from email.headerregistry import Address

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.instance import Reason
from domain.lease import Lease
from domain.step import DeliverStep, Paused, Recorded
from store.counting import StepKind, count_steps_of, find_unaccounted, find_untold
from store.drafts import Claim, StoredDraft
from tests.naming import message_hash
from tests.store.enrolled import enroll_one
from transactions.claim import claim_step
from transactions.sending_policy import SendingPolicy

_SENDER = Address("Ada Lovelace", addr_spec="ada@example.test")


async def _claim(engine: AsyncEngine, instance: str, step: int) -> StoredDraft | Recorded:
    claim = Claim(uuid.uuid4(), "run", "worker", Lease(timedelta(minutes=1), timedelta(minutes=1)))
    async with engine.begin() as connection:
        call = DeliverStep(instance_id=instance, step=step, due_at=datetime.now(UTC))
        return await claim_step(connection, call, claim, SendingPolicy(_SENDER))


@pytest.mark.parametrize(
    ("held", "counts"),
    [(None, StepKind.SKIPPED), ("pending", StepKind.SKIPPED), ("sending", StepKind.SENT), ("unknown", StepKind.SENT)],
)
async def test_i6_what_the_store_has_lost_of_a_step_is_counted(
    engine: AsyncEngine, held: str | None, counts: StepKind
) -> None:
    instance = await enroll_one(engine)
    if held is not None:
        assert isinstance(await _claim(engine, instance, 1), StoredDraft)
        released = ", generation = 2, claim_token = NULL, claim_run = NULL" if held == "pending" else ""
        async with engine.begin() as connection:
            await connection.execute(text(f"UPDATE drafts SET state = '{held}'{released}"))  # noqa: S608  # ours
    assert await _claim(engine, instance, 2) == Paused(
        reason=Reason.STORE_IS_BEHIND, message_hash=message_hash(f"{instance}/2/email")
    )
    async with engine.connect() as connection:
        counted = {one.kind: one.steps for one in await count_steps_of(connection, [instance])}
        lost = [*await find_unaccounted(connection, [instance]), *await find_untold(connection, [instance])]
    assert (counted, lost) == ({counts: 1, StepKind.HELD: 1, StepKind.PENDING: 1}, [])
