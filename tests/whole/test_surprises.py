"""Surprises: what nobody foresaw is Temporal's to see by its kind alone, and the log's to see by its place."""

import pytest
from sqlalchemy import text
from temporalio.api.enums.v1 import EventType

from domain.outcome import Outcome
from providers.provider import Gate, Letter
from tests.scene import Scene, a_lead, a_sequence
from tests.whole.looking import count, until, until_page

ADDRESS = "grace.hopper@navy.test"


class Broken:
    """A provider adapter with a bug, whose error quotes the recipient."""

    name = "broken"

    async def send(self, letter: Letter, gate: Gate) -> Outcome:  # noqa: ARG002  # it never gets that far
        raise KeyError(f"no such {letter.recipient}")

    async def close(self) -> None:
        """Nothing is open."""


async def test_a_provider_that_raises_leaves_the_outcome_unknown_and_its_words_unsaid(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    async with scene.worker(Broken()):
        await scene.enroll(a_sequence(), a_lead(email=ADDRESS))
        await until_page(scene.handle(), "send_outcome_unknown")
        history = (await scene.handle().fetch_history()).to_json()
        await scene.handle().terminate()
    assert await scene.states() == ["unknown"]
    assert "KeyError" in caplog.text
    assert ADDRESS not in caplog.text + history


async def test_an_error_of_the_database_is_told_to_temporal_by_its_kind_alone(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    async with scene.by_hand() as connection:
        await connection.execute(text("ALTER TABLE drafts ADD CONSTRAINT never CHECK (recipient = 'nobody')"))

    async def failed() -> bool:
        return await count(scene.handle(), EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED) > 0

    async with scene.worker(Broken()):
        await scene.enroll(a_sequence(), a_lead(email=ADDRESS))
        await until(failed)
        history = (await scene.handle().fetch_history()).to_json()
        await scene.handle().terminate()
    assert "IntegrityError 23514" in history
    assert ADDRESS not in caplog.text + history
