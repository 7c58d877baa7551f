"""Events that suppress, what an operator has lifted since, and what a later enrolment makes of both."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from domain.event import EventError
from store.suppressions import lift
from tests.app import SEQUENCE, App, enrolled
from tests.scene import Scene, open_scene

_HOUR = timedelta(hours=1)


@pytest.fixture
async def scene(client: Client, database_url: str) -> AsyncIterator[Scene]:
    async with open_scene(client, database_url) as opened:
        yield opened


@pytest.fixture
def app(scene: Scene, tmp_path: Path) -> App:
    told = App(scene, tmp_path)
    told.write(SEQUENCE + "enroll: any_time\n")
    return told


async def _suppressed(app: App) -> list[str]:
    rows = await app.scene.rows("SELECT address FROM suppressions WHERE lifted_at IS NULL ORDER BY address")
    return [row.address for row in rows]


async def _lift(app: App, address: str = "lead-1@example.test") -> None:
    async with app.scene.engine.begin() as connection:
        assert await lift(connection, app.scene.workspace, [address], "ada", "asked to hear from us again")


async def test_who_unsubscribes_by_an_old_address_is_suppressed_by_the_current_one_too(app: App) -> None:
    await app.says(enrolled())
    await app.says_of("lead-1", "lead.unsubscribed", email="Old@Bücher.Example")
    await app.says_of("lead-2", "lead.unsubscribed", email="unknown@example.test")
    assert await _suppressed(app) == ["lead-1@example.test", "old@xn--bcher-kva.example", "unknown@example.test"]


async def test_a_bounce_of_an_old_address_says_nothing_of_the_current_one(app: App) -> None:
    await app.says(enrolled())
    await app.says_of("lead-1", "lead.bounced", email="old@example.test")
    assert await _suppressed(app) == ["old@example.test"]
    await app.says_of("lead-1", "lead.bounced")
    assert await _suppressed(app) == ["lead-1@example.test", "old@example.test"]


@pytest.mark.parametrize("wrong", ["ada", "ada@", "@x.test", "a b@x.test", "a\x00@x.test", "a@x.test" * 40, "", 7])
async def test_an_event_whose_address_is_none_is_refused_and_does_not_quote_it(app: App, wrong: Any) -> None:
    with pytest.raises(EventError) as refused:
        await app.says_of("lead-1", "lead.bounced", email=wrong)
    [problem] = refused.value.problems
    assert problem.startswith("data.email: ")
    assert wrong == "" or str(wrong) not in problem.removeprefix("data.email: ").replace("ada@example.com", "")


@pytest.mark.parametrize("kind", ["lead.booked", "lead.closed"])
async def test_an_event_that_suppresses_nobody_names_no_address(app: App, kind: str) -> None:
    with pytest.raises(EventError, match=r"data\.email: belongs to lead\.unsubscribed and lead\.bounced alone"):
        await app.says_of("lead-1", kind, email="ada@example.test")


async def test_who_unsubscribed_and_was_allowed_again_may_be_enrolled_until_they_unsubscribe_again(app: App) -> None:
    await app.says(enrolled(ago=3 * _HOUR))
    await app.says_of("lead-1", "lead.unsubscribed", ago=2 * _HOUR)
    await _lift(app)
    answer = await app.says(enrolled(enrolment_key="again"))
    assert (answer.done, await _suppressed(app)) == ("enrolled", [])
    await app.says_of("lead-1", "lead.unsubscribed")
    assert await _suppressed(app) == ["lead-1@example.test"]
    await app.says(enrolled(enrolment_key="once-more"))
    assert await _suppressed(app) == ["lead-1@example.test"]


async def test_what_is_heard_after_a_lift_counts_though_it_happened_before(app: App) -> None:
    """Whoever lifted an entry knew nothing of it: a mail too few is better than one to somebody who had enough."""
    await app.says(enrolled(ago=3 * _HOUR))
    await app.says_of("lead-1", "lead.bounced", ago=2 * _HOUR)
    await _lift(app)
    await app.says_of("lead-1", "lead.unsubscribed", ago=2 * _HOUR)
    assert await _suppressed(app) == ["lead-1@example.test"]


async def test_a_lift_is_of_its_address_alone(app: App) -> None:
    await app.says(enrolled(ago=3 * _HOUR))
    await app.says_of("lead-1", "lead.unsubscribed", ago=2 * _HOUR)
    await _lift(app)
    await app.says(enrolled(enrolment_key="again", lead={"email": "new@example.test"}))
    assert await _suppressed(app) == ["new@example.test"]
