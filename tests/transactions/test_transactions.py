"""What a step costs the database: a plain one takes two transactions, of four statements each, and a question."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.headerregistry import Address
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.testing import ActivityEnvironment

from activities.steps import StepActivities
from domain.draft import DraftState
from domain.step import DeliverStep, SettleStep, StepDone
from providers.scripted import ScriptedProvider
from store.engine import open_engine
from tests.scene import a_lead
from tests.store.enrolled import enroll_leads
from transactions.linking import Links
from transactions.sending_policy import SendingPolicy

_STEPS = 50
SENDER = Address("Ada Lovelace", addr_spec="ada@example.test")


class Counted:
    """Transactions of an engine, each as the statements it sent."""

    def __init__(self) -> None:
        self.ended: list[list[str]] = []
        self._running: dict[int, list[str]] = {}

    def statement(self, connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        self._running.setdefault(id(connection.connection.dbapi_connection), []).append(statement)

    def end(self, connection: Any) -> None:
        self.ended.append(self._running.pop(id(connection.connection.dbapi_connection), []))


@contextmanager
def _counted(engine: AsyncEngine) -> Iterator[Counted]:
    counted = Counted()
    listeners: list[tuple[str, Any]] = [
        ("before_cursor_execute", counted.statement),
        ("commit", counted.end),
        ("rollback", counted.end),
    ]
    for name, listener in listeners:
        event.listen(engine.sync_engine, name, listener)
    yield counted
    for name, listener in listeners:
        event.remove(engine.sync_engine, name, listener)


def _activities(engine: AsyncEngine) -> StepActivities:
    return StepActivities(engine, ScriptedProvider(), SendingPolicy(SENDER), timedelta(seconds=600), "worker")


def _call(instance: str) -> DeliverStep:
    return DeliverStep(instance_id=instance, step=1, due_at=datetime.now(UTC))


async def _enrolled(database_url: str, leads: int) -> list[str]:
    engine = open_engine(database_url, connections=1)
    async with engine.begin() as connection:
        instances = await enroll_leads(connection, [a_lead(f"lead-{n}") for n in range(leads)])
    await engine.dispose()
    return instances


async def test_a_plain_step_takes_two_transactions_of_four_statements_and_one_question(
    database_url: str, engine: AsyncEngine
) -> None:
    instances = await _enrolled(database_url, _STEPS)
    activities = _activities(engine)
    with _counted(engine) as counted:
        for instance in instances:
            done = await ActivityEnvironment().run(activities.deliver_step, _call(instance))
            assert isinstance(done, StepDone)
            assert done.state is DraftState.SENT
    # the key that names messages is read once; between claim and record its gate asks whether the claim still holds
    assert [len(statements) for statements in counted.ended] == [5, 1, 4] + [4, 1, 4] * (_STEPS - 1)


async def test_links_cost_no_transaction_and_one_statement_a_worker(database_url: str, engine: AsyncEngine) -> None:
    instances = await _enrolled(database_url, 3)
    links = Links("https://follow-ups.example.test", plus_addresses=True)
    provider = ScriptedProvider()
    activities = StepActivities(engine, provider, SendingPolicy(SENDER, links=links), timedelta(seconds=600), "worker")
    with _counted(engine) as counted:
        for instance in instances:
            await ActivityEnvironment().run(activities.deliver_step, _call(instance))
    assert [len(statements) for statements in counted.ended] == [5, 1, 4, 4, 1, 4, 4, 1, 4]
    assert len({letter.message.partition(b"/unsubscribe/")[2][:48] for letter in provider.sent}) == 3


async def test_a_look_takes_one_transaction_that_writes_nothing(database_url: str, engine: AsyncEngine) -> None:
    (instance,) = await _enrolled(database_url, 1)
    call = SettleStep(instance_id=instance, step=1)
    with _counted(engine) as counted:
        await ActivityEnvironment().run(_activities(engine).settle_step, call)
    assert [len(statements) for statements in counted.ended] == [2]
    assert all(statement.startswith(("SELECT", "WITH")) for statement in counted.ended[0])
