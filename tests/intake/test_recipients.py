"""A person is an address: whatever ids the app gives it, its stops, its rules and its enrolments are one person's."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from domain.event import EventType
from intake.enrolment import RowResult
from providers.scripted import ScriptedProvider
from tests.app import SEQUENCE, STOPS, App, enrolled, said
from tests.replaying import assert_replays
from tests.scene import Scene, a_lead, a_sequence, open_scene
from tests.whole.looking import until, until_page

_HOUR = timedelta(hours=1)
_SHARED = {"email": "Shared@Example.test"}
_BESIDE = SEQUENCE.replace("0s", "1d") + "beside_others: true\n"


@pytest.fixture
async def scene(client: Client, database_url: str) -> AsyncIterator[Scene]:
    async with open_scene(client, database_url) as opened:
        yield opened
        await assert_replays(opened)


@pytest.fixture
def app(scene: Scene, tmp_path: Path) -> App:
    return App(scene, tmp_path)


def _sharing(lead_id: str, **more: Any) -> dict[str, Any]:
    return enrolled(lead_id, lead=_SHARED, **more)


async def test_a_second_row_of_a_file_with_the_address_of_the_first_is_refused_and_names_it(scene: Scene) -> None:
    sequence = a_sequence(timedelta(0))
    rows = [a_lead(f"person-{n}", email=email) for n, email in enumerate(["p@x.test", "P@X.test", "p@x.TEST"])]
    provider = ScriptedProvider()
    async with scene.worker(provider):
        results = await scene.enroll(sequence, *rows)
        await scene.handle("person-0").result()
    assert [one.answer for one in results] == ["enrolled", "refused", "refused"]
    assert all(
        f"the address of lead person-0, who is followed up by {scene.instance('person-0')}" in one.reason
        for one in results[1:]
    )
    assert [message.recipient for message in provider.sent] == ["p@x.test"]


async def test_an_address_that_was_followed_up_under_another_id_is_not_followed_up_again(app: App) -> None:
    await app.says(_sharing("lead-1"))
    again = await app.says(_sharing("lead-2"))
    assert (again.done, again.why, again.other) == ("not_enrolled", "enrolled_before", app.scene.instance("lead-1"))
    await app.says_of("lead-1", "lead.closed")
    assert (await app.says(_sharing("lead-3"))).done == "not_enrolled"


async def test_a_sequence_that_runs_beside_others_takes_an_address_under_several_ids(app: App) -> None:
    app.write(_BESIDE)
    assert {(await app.says(_sharing(f"lead-{n}"))).done for n in range(3)} == {"enrolled"}


async def test_of_enrolments_of_one_address_under_twenty_ids_at_once_one_is_taken(app: App) -> None:
    answers = await asyncio.gather(*(app.says(_sharing(f"lead-{n}")) for n in range(20)))
    assert sorted(one.done for one in answers) == ["enrolled", *["not_enrolled"] * 19]


@pytest.mark.parametrize("event_type", STOPS)
async def test_i4_a_stop_reaches_every_follow_up_of_the_address_whatever_its_lead_id(app: App, event_type: str) -> None:
    app.write(_BESIDE)
    for lead_id in ("lead-1", "lead-2"):
        await app.says(_sharing(lead_id))
    await app.says(enrolled("lead-3"))
    answer = await app.says_of("lead-1", event_type)
    assert set(answer.instances) == {app.scene.instance("lead-1"), app.scene.instance("lead-2")}
    kind = event_type.removeprefix("lead.")
    assert [await app.scene.status(f"lead-{n}") for n in (1, 2, 3)] == [("stopped", kind)] * 2 + [("active", "none")]
    why = (await app.scene.ledger("lead-2"))[-1].why
    assert why == f"{kind}: lead lead-1 has the same address"


async def test_i4_a_stop_of_an_address_holds_for_whoever_is_enrolled_with_it_by_an_older_word(app: App) -> None:
    app.write(_BESIDE)
    await app.says(_sharing("lead-1", ago=2 * _HOUR))
    await app.says_of("lead-1", "lead.replied", ago=_HOUR)
    assert (await app.says(_sharing("lead-2", ago=2 * _HOUR))).done == "stopped_at_once"
    assert (await app.says(_sharing("lead-3"))).done == "enrolled"


async def test_i4_a_stop_that_came_before_its_leads_address_reaches_who_else_has_it(app: App) -> None:
    app.write(_BESIDE)
    await app.says(_sharing("lead-2", ago=2 * _HOUR))
    assert (await app.says_of("lead-1", "lead.replied", ago=_HOUR)).done == "stop_recorded"
    late = await app.says(_sharing("lead-1", ago=2 * _HOUR))
    assert late.done == "stopped_at_once"
    assert [one.instance_id for one in late.ended] == [app.scene.instance("lead-2")]
    assert await app.scene.status("lead-2") == ("stopped", "replied")


async def test_i4_a_stop_of_a_lead_who_was_not_enrolled_reaches_who_else_has_its_address(app: App) -> None:
    await app.says(_sharing("lead-1"))
    assert (await app.says(_sharing("lead-2"))).done == "not_enrolled"
    answer = await app.says_of("lead-2", "lead.replied")
    assert (answer.done, answer.instances) == ("stopped", (app.scene.instance("lead-1"),))
    assert await app.scene.status("lead-1") == ("stopped", "replied")


async def test_i4_a_stop_that_came_before_its_lead_was_not_enrolled_reaches_who_else_has_its_address(app: App) -> None:
    await app.says(_sharing("lead-1", ago=2 * _HOUR))
    assert (await app.says_of("lead-2", "lead.unsubscribed", ago=_HOUR)).done == "stop_recorded"
    late = await app.says(_sharing("lead-2", ago=2 * _HOUR))
    assert (late.done, [one.instance_id for one in late.ended]) == ("not_enrolled", [app.scene.instance("lead-1")])
    assert await app.scene.status("lead-1") == ("stopped", "unsubscribed")
    listed = await app.scene.rows("SELECT address FROM suppressions")
    assert [one.address for one in listed] == ["shared@example.test"]


async def test_i4_a_stop_of_a_row_that_was_refused_reaches_who_else_has_its_address(app: App) -> None:
    await app.says(_sharing("lead-1"))
    [row] = await app.scene.enroll(a_sequence(timedelta(0)), a_lead("lead-2", email=_SHARED["email"]))
    assert row.answer is RowResult.REFUSED
    assert (await app.says_of("lead-2", "lead.booked")).instances == (app.scene.instance("lead-1"),)


async def test_i4_a_draft_that_is_frozen_to_an_old_address_is_not_sent_after_a_stop_of_that_one(app: App) -> None:
    app.write(SEQUENCE.replace("0s", "0s\n    approval: true") + "beside_others: true\n")
    scene, provider = app.scene, ScriptedProvider()
    async with scene.worker(provider):
        await app.says(_sharing("lead-1"))

        async def waits() -> bool:
            return await scene.states("lead-1") == ["awaiting_approval"]

        await until(waits)
        await app.says_of("lead-1", "lead.updated", email="elsewhere@example.test")
        await app.says(_sharing("lead-2"))
        await app.says_of("lead-2", "lead.replied")
        [draft] = await scene.rows(
            "SELECT fingerprint FROM drafts WHERE instance_id = :id", id=scene.instance("lead-1")
        )
        await scene.handle("lead-1").signal("approve", draft.fingerprint)
        ended = await scene.handle("lead-1").result()
    assert (ended.status, ended.reason, provider.sent) == ("stopped", "replied", [])


async def test_a_lead_that_moves_onto_anothers_address_waits_for_a_person(app: App) -> None:
    app.write("name: no-reply\nsteps: [{wait: 0s, subject: Hello, body: one}, {wait: 0s, body: two}]")
    scene = app.scene
    await app.says(enrolled("ma"))
    await app.says(enrolled("mb"))
    moved = await app.says_of("mb", "lead.updated", email="ma@example.test")
    assert (moved.done, moved.noted, moved.paused) == ("updated", ("recipient_in_use",), (scene.instance("mb"),))
    assert await scene.status("mb") == ("paused", "recipient_in_use")
    [task] = await scene.rows("SELECT kind, state, why FROM tasks")
    assert (task.kind, task.state) == ("shared_recipient", "open")
    assert task.why == f"lead mb has the address of lead ma, who is followed up by {scene.instance('ma')}"
    provider = ScriptedProvider()
    async with scene.worker(provider):
        await scene.handle("ma").result()
        assert all(scene.instance("ma") in message.draft_id for message in provider.sent)
        # the other has ended, and a person lets this one go on
        await scene.handle("mb").signal("resume")
        await scene.handle("mb").result()
    assert len(provider.sent) == 4
    assert [row.state for row in await scene.rows("SELECT state FROM tasks")] == ["closed"]


async def test_i10_the_claim_itself_finds_that_somebody_came_to_the_address_first(app: App) -> None:
    """Whatever moved the lead: here nobody was told, and no event was said."""
    app.write("name: no-reply\nsteps: [{wait: 0s, subject: Hello, body: one}, {wait: 1d, body: two}]")
    scene, provider = app.scene, ScriptedProvider()
    await app.says(enrolled("ma"))
    await app.says(enrolled("mb"))
    async with scene.engine.begin() as connection:
        await connection.exec_driver_sql(
            "UPDATE leads SET email = 'ma@example.test', email_at = now() WHERE lead_id = 'mb'"
        )

    async def paused() -> bool:
        return await scene.status("mb") == ("paused", "recipient_in_use")

    async def sent() -> bool:
        return await scene.states("ma") == ["sent"]

    async with scene.worker(provider):
        await until(paused)
        await until(sent)
    assert len(provider.sent) == 1


async def test_a_person_lets_a_step_go_beside_the_other_follow_up(app: App) -> None:
    app.write("name: no-reply\nsteps: [{wait: 0s, subject: Hello, body: one}, {wait: 1d, body: two}]")
    scene, provider = app.scene, ScriptedProvider()
    await app.says(enrolled("ma"))
    await app.says(enrolled("mb"))
    await app.says_of("mb", "lead.updated", email="ma@example.test")

    async def sent() -> bool:
        return await scene.states("mb") == ["sent"]

    async with scene.worker(provider):
        await until_page(scene.handle("mb"), "recipient_in_use")
        assert (await scene.handle("mb").execute_update("resume")).endswith(": active")
        await until(sent)
    assert [row.state for row in await scene.rows("SELECT state FROM tasks")] == ["closed"]


async def test_an_absence_of_one_id_holds_what_goes_to_the_address_under_another(app: App) -> None:
    app.write(SEQUENCE + "beside_others: true\n")
    scene, provider = app.scene, ScriptedProvider()
    await app.says(_sharing("lead-1"))
    await app.says(_sharing("lead-2"))
    back = (datetime.now(UTC) + timedelta(days=9)).date()
    await app.says_of("lead-1", "lead.replied", auto=True, until=back.isoformat())

    async def held() -> bool:
        return [await scene.status(one) for one in ("lead-1", "lead-2")] == [("held", "out_of_office")] * 2

    async with scene.worker(provider):
        await until(held)
        await app.says_of("lead-2", "lead.resumed")
        await scene.handle("lead-2").result()
    assert {message.recipient for message in provider.sent} == {"Shared@example.test"}


@pytest.mark.parametrize("suppressing", [EventType.UNSUBSCRIBED, EventType.BOUNCED])
async def test_a_row_whose_address_is_suppressed_is_told_so(app: App, suppressing: str) -> None:
    await app.says(said(suppressing, lead_id="somebody", email="lead-9@example.test"))
    [result] = await app.scene.enroll(a_sequence(_HOUR), a_lead("lead-9"))
    assert result.answer is RowResult.SUPPRESSED
    assert "nothing is sent to it" in result.reason
