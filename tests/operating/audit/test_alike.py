"""Copies that went to one address, found in our own tables: whichever follow-ups they were steps of."""

from datetime import timedelta
from typing import Any

import pytest

from domain.sequence import Sequence
from operating.audit.finding import Kind
from providers.scripted import ScriptedProvider
from tests.operating.audit.test_tables import audited, found
from tests.roles import without_guards
from tests.scene import Scene, a_lead

_LONG = "you asked us about a tour of the new building last week. Shall I show you around on Tuesday at ten? Ada"


def _sequence(name: str, body: str, subject: str = "About the tour") -> Sequence:
    steps: list[dict[str, Any]] = [{"wait": timedelta(0), "subject": subject, "body": body}]
    return Sequence.model_validate({"name": name, "beside_others": True, "steps": steps})


async def _send(scene: Scene, *enrolments: tuple[str, Sequence, str]) -> None:
    async with scene.worker(ScriptedProvider()):
        for lead_id, sequence, email in enrolments:
            await scene.enroll(sequence, a_lead(lead_id, email=email))
            await scene.client.get_workflow_handle(f"follow-up:{scene.instance(lead_id, sequence.name)}").result()


@pytest.mark.parametrize("other", ["Hello {{ name }}, " + _LONG, "Dear {{ name }}, " + _LONG.replace("ten", "eleven")])
async def test_messages_to_one_address_that_say_nearly_the_same_are_found(scene: Scene, other: str) -> None:
    one = _sequence("spring", "Hello {{ name }}, " + _LONG)
    await _send(
        scene,
        ("person-a", one, "pat@example.test"),
        ("person-b", _sequence("summer", other, "Re: about the tour"), "Pat@Example.test"),
        ("somebody", one, "else@example.test"),
    )
    [((kind, instance), sentence)] = found(await audited(scene)).items()
    assert (kind, instance) == (Kind.LOOKS_THE_SAME, scene.instance("person-a", "spring"))
    assert sentence.startswith("2 messages that say the same went to one address within ")
    assert scene.instance("person-b", "summer") in sentence
    assert "@" not in sentence


async def test_different_messages_to_one_address_are_no_copies(scene: Scene) -> None:
    await _send(
        scene,
        ("person-a", _sequence("spring", "Hello {{ name }}, " + _LONG), "pat@example.test"),
        (
            "person-b",
            _sequence("bill", "Your bill of May is attached. Please pay by Friday.", "Bill"),
            "pat@example.test",
        ),
    )
    assert (await audited(scene)).clean


async def test_copies_that_are_further_apart_than_a_burst_are_left_alone(scene: Scene) -> None:
    one = _sequence("spring", "Hello {{ name }}, " + _LONG)
    await _send(scene, ("person-a", one, "pat@example.test"), ("person-b", one, "pat@example.test"))
    assert not (await audited(scene)).clean
    async with scene.engine.begin() as connection:
        await without_guards(connection)
        earlier = "UPDATE drafts SET sent_at = sent_at - interval '1 hour' WHERE instance_id LIKE '%%person-a'"
        await connection.exec_driver_sql(earlier)
    assert (await audited(scene)).clean
