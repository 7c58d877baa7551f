"""The door for app events: each is taken once, in any order, and what it makes true is in the database first."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError

from domain.event import EventType
from intake.events import EventDoor, EventError, NotTakenError
from intake.starting import Starter
from providers.scripted import ScriptedProvider
from store.instances import find_instances
from tests.app import STOPS, App, enrolled, event, said
from tests.scene import Scene, a_lead, a_sequence, open_scene

_HOUR = timedelta(hours=1)


@pytest.fixture
async def scene(client: Client, database_url: str) -> AsyncIterator[Scene]:
    async with open_scene(client, database_url) as opened:
        yield opened


@pytest.fixture
def app(scene: Scene, tmp_path: Path) -> App:
    return App(scene, tmp_path)


async def _problems(app: App, content: dict[str, Any]) -> list[str]:
    with pytest.raises(EventError) as refused:
        await app.says(content)
    return refused.value.problems


async def _running(app: App, lead_id: str = "lead-1") -> bool:
    try:
        described = await app.scene.handle(lead_id).describe()
    except RPCError:
        return False
    return bool(described.status and described.status.name == "RUNNING")


async def _cut_off(app: App, content: dict[str, Any]) -> None:
    """Deliver an event while Temporal is down."""
    nowhere = await Client.connect("127.0.0.1:1", data_converter=pydantic_data_converter, lazy=True)
    scene = app.scene
    door = EventDoor(
        scene.engine, nowhere, workspace=scene.workspace, task_queue=scene.task_queue, sequences=app.folder
    )
    with pytest.raises(NotTakenError, match="Temporal can't be reached: deliver the event again"):
        await door.deliver(event(content))


async def _count(app: App) -> dict[str, int]:
    tables = ("leads", "instances", "drafts", "tasks", "suppressions", "events", "stops", "ledger")
    return {table: (await app.scene.rows(f"SELECT count(*) FROM {table}"))[0][0] for table in tables}  # noqa: S608


async def test_an_enrolment_stores_its_lead_and_starts_its_follow_up(app: App) -> None:
    answer = await app.says(enrolled(variables={"seats": 5, "plan": "Team"}, lead={"timezone": "Europe/Berlin"}))
    assert (answer.done, answer.instances) == ("enrolled", (app.scene.instance(),))
    [lead] = await app.scene.rows("SELECT * FROM leads")
    assert (lead.lead_id, lead.email, lead.name, lead.timezone) == (
        "lead-1",
        "lead-1@example.test",
        "Grace",
        "Europe/Berlin",
    )
    assert await _running(app)
    [row] = await app.scene.rows("SELECT started_at, who, variables FROM instances")
    assert row.variables == {"seats": "5", "plan": "Team"}
    assert row.started_at is not None
    assert row.who.startswith("event:evt-")


@pytest.mark.parametrize("content", [enrolled(), said("lead.closed", lead_id="lead-1")], ids=["enrolled", "closed"])
async def test_a_second_delivery_changes_nothing_and_is_answered_the_same(app: App, content: dict[str, Any]) -> None:
    await app.says(enrolled())
    first = await app.says(content)
    before = await _count(app)
    assert await app.says(content) == first
    assert await _count(app) == before


async def test_of_an_event_delivered_many_times_at_once_the_facts_are_stored_once(app: App) -> None:
    content = enrolled()
    answers = await asyncio.gather(*(app.says(content) for _ in range(20)))
    assert len(set(answers)) == 1
    assert await _count(app) == dict.fromkeys(("leads", "instances", "events", "ledger"), 1) | dict.fromkeys(
        ("drafts", "tasks", "suppressions", "stops"), 0
    )


async def test_an_id_that_another_event_had_is_refused_lest_this_one_be_lost(app: App) -> None:
    await app.says(said("lead.booked", event_id="evt-1", lead_id="lead-1"))
    for other in (
        said("lead.closed", event_id="evt-1", lead_id="lead-1"),
        said("lead.booked", event_id="evt-1", lead_id="lead-2"),
    ):
        assert await _problems(app, other) == ["id: is that of another event: give every event an id of its own"]


async def test_enrolling_again_finds_the_first_follow_up_and_knows_its_lead_better(app: App) -> None:
    await app.says(enrolled(ago=_HOUR))
    again = await app.says(enrolled(lead={"name": "Changed"}))
    assert (again.done, again.instances, again.differs) == ("already_enrolled", (app.scene.instance(),), ())
    late = await app.says(enrolled(ago=2 * _HOUR, lead={"name": "Old"}))
    assert (late.done, late.noted, late.differs) == ("already_enrolled", ("older_word",), ("name",))
    assert [row.name for row in await app.scene.rows("SELECT name FROM leads")] == ["Changed"]


@pytest.mark.parametrize("event_type", STOPS)
async def test_a_stop_ends_the_follow_ups_of_its_lead_alone(app: App, event_type: str) -> None:
    await app.says(enrolled())
    await app.says(enrolled("lead-2"))
    answer = await app.says_of("lead-1", event_type)
    assert (answer.done, answer.instances) == ("stopped", (app.scene.instance(),))
    kind = event_type.removeprefix("lead.")
    assert await app.scene.status() == ("stopped", kind)
    assert await app.scene.status("lead-2") == ("active", "none")
    suppressed = [(row.address, row.why) for row in await app.scene.rows("SELECT address, why FROM suppressions")]
    assert suppressed == ([("lead-1@example.test", kind)] if kind in ("unsubscribed", "bounced") else [])


@pytest.mark.parametrize(("event_type", "status"), [("lead.booked", "active"), ("lead.closed", "stopped")])
async def test_a_sequence_says_what_stops_it_but_closed_always_does(app: App, event_type: str, status: str) -> None:
    app.write("name: no-reply\nstop_on: [replied]\nsteps: [{wait: 1d, subject: Hello, body: Hello}]")
    await app.says(enrolled())
    await app.says_of("lead-1", event_type)
    assert (await app.scene.status())[0] == status


@pytest.mark.parametrize("event_type", STOPS)
async def test_an_enrolment_that_a_stop_outran_is_stored_as_stopped_and_never_started(
    app: App, event_type: str
) -> None:
    late = enrolled(ago=_HOUR)
    assert (await app.says_of("lead-1", event_type)).done == "stop_recorded"
    assert (await app.says(late)).done == "stopped_at_once"
    kind = event_type.removeprefix("lead.")
    assert await app.scene.status() == ("stopped", kind)
    assert not await _running(app)
    assert [entry.why for entry in await app.scene.ledger()] == ["enrolled", f"{kind} came before its enrolment"]


async def test_an_enrolment_after_a_stop_is_a_new_one(app: App) -> None:
    await app.says_of("lead-1", "lead.replied", ago=_HOUR)
    assert (await app.says(enrolled())).done == "enrolled"
    assert await app.scene.status() == ("active", "none")


async def test_a_stop_and_an_enrolment_of_one_instant_leave_it_stopped(app: App) -> None:
    late = enrolled()
    await app.says({**said("lead.replied", lead_id="lead-1"), "timestamp": late["timestamp"]})
    assert (await app.says(late)).done == "stopped_at_once"


async def test_who_unsubscribed_before_the_address_was_known_is_suppressed_once_it_is(app: App) -> None:
    await app.says_of("lead-1", "lead.unsubscribed", ago=_HOUR)
    await app.says_of("lead-2", "lead.bounced", ago=_HOUR)
    await app.says(enrolled())
    await app.says(enrolled("lead-2"))
    assert [row.address for row in await app.scene.rows("SELECT address FROM suppressions")] == ["lead-1@example.test"]


async def test_a_row_of_a_file_is_enrolled_after_every_stop_there_was(app: App) -> None:
    await app.says_of("lead-1", "lead.replied")
    [result] = await app.scene.enroll(a_sequence(_HOUR), a_lead())
    assert (result.answer, await app.scene.status()) == ("enrolled", ("active", "none"))


async def test_an_automatic_reply_holds_the_lead_until_the_day_they_are_back_on_their_own_clock(app: App) -> None:
    await app.says(enrolled(lead={"timezone": "America/New_York"}))
    back = datetime.now(UTC).date() + timedelta(days=10)
    answer = await app.says_of("lead-1", "lead.replied", auto=True, until=back.isoformat())
    assert (answer.done, await app.scene.status()) == ("held", ("active", "none"))
    assert answer.until is not None
    assert answer.until.date() == back
    assert answer.until.hour in (4, 5)
    [row] = await app.scene.rows("SELECT quiet_until FROM leads")
    assert row.quiet_until == answer.until


async def test_an_automatic_reply_that_names_no_day_holds_for_three(app: App) -> None:
    await app.says(enrolled())
    away = said("lead.replied", lead_id="lead-1", auto=True)
    answer = await app.says(away)
    assert answer.until == datetime.fromisoformat(away["timestamp"]) + timedelta(days=3)


async def test_a_note_without_a_day_does_not_shorten_an_absence_and_one_with_a_day_does(app: App) -> None:
    await app.says(enrolled())
    back = datetime.now(UTC).date() + timedelta(days=10)
    longer = await app.says_of("lead-1", "lead.replied", auto=True, until=back.isoformat(), ago=3 * _HOUR)
    undated = await app.says_of("lead-1", "lead.replied", auto=True, ago=2 * _HOUR)
    assert undated.until == longer.until
    newest = await app.says_of("lead-1", "lead.replied", auto=True, until=(back - timedelta(days=3)).isoformat())
    assert newest.until == datetime.combine(back - timedelta(days=3), datetime.min.time(), UTC)


async def test_an_update_changes_what_it_names_and_keeps_the_rest(app: App) -> None:
    await app.says(enrolled(variables={"plan": "Team", "seats": "5"}))
    await app.says_of("lead-1", "lead.updated", variables={"town": "Rome"})
    answer = await app.says_of("lead-1", "lead.updated", email="grace@EXAMPLE.test", variables={"seats": "6"})
    assert answer.done == "updated"
    [lead] = await app.scene.rows("SELECT * FROM leads")
    assert (lead.email, lead.name) == ("grace@example.test", "Grace")
    assert lead.variables == {"town": "Rome", "seats": "6"}


@pytest.mark.parametrize(
    "content",
    [
        said("lead.updated", lead_id="nobody", name="Ada"),
        said("lead.resumed", lead_id="nobody"),
        said("lead.replied", lead_id="nobody", auto=True),
    ],
    ids=lambda content: content["type"],
)
async def test_what_is_said_of_a_lead_before_its_enrolment_is_kept_and_told_so(
    app: App, content: dict[str, Any]
) -> None:
    assert (await app.says(content)).done == "kept"
    assert await app.scene.rows("SELECT 1 FROM instances") == []


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (enrolled(lead={"email": "ada"}), "data.lead.email: is not an address: give one such as ada@example.com"),
        (enrolled(lead={"email": "äda@example.test"}), "data.lead.email: has letters beyond ASCII before the '@'"),
        (enrolled(lead={"name": "Ada\nBcc: x"}), "data.lead.name: contains a line end"),
        (enrolled(lead={"timezone": "Mars"}), "data.lead.timezone: is not a known time zone"),
        (enrolled(variables={"plan": "x" * 10_001}), "data.variables: plan is longer than 10000 characters"),
        (enrolled(sequence="other"), "data.sequence: there is none of this name"),
        (said("lead.updated", lead_id="lead-1", email="ada"), "data.email: is not an address"),
    ],
)
async def test_an_event_that_cannot_be_taken_is_refused_by_field_and_changes_nothing(
    app: App, content: dict[str, Any], problem: str
) -> None:
    await app.says(enrolled("lead-1", enrolment_key="first"))
    before = await _count(app)
    [found] = await _problems(app, content)
    assert found.startswith(problem)
    assert await _count(app) == before


async def test_a_missing_variable_is_an_error_at_the_enrolment(app: App) -> None:
    app.write("name: no-reply\nsteps: [{wait: 1d, subject: Hello, body: 'Hello {{ plan }}'}]")
    [problem] = await _problems(app, enrolled())
    assert problem.startswith("data.variables: step 1, body: ")
    assert "plan" in problem


async def test_a_blank_variable_of_an_event_is_not_stored_and_a_default_stands_for_it(app: App) -> None:
    app.write("name: no-reply\nsteps: [{wait: 0s, subject: \"About {{ plan | default('you') }}\", body: Hello}]")
    assert (await app.says(enrolled(variables={"plan": " ", "seats": 5}, lead={"name": "\u200b"}))).done == "enrolled"
    [lead] = await app.scene.rows("SELECT name, timezone, i.variables FROM leads JOIN instances i USING (lead_id)")
    assert tuple(lead) == ("", "UTC", {"seats": "5"})
    provider = ScriptedProvider()
    async with app.scene.worker(provider):
        await app.scene.handle().result()
    assert b"\r\nSubject: About you\r\n" in provider.sent[0].message


async def test_a_sequence_that_cannot_be_used_is_ours_to_mend_and_then_the_event_is_taken(app: App) -> None:
    content = enrolled()
    app.write("name: no-reply")
    with pytest.raises(NotTakenError, match="sequence no-reply can't be used, the log says why"):
        await app.says(content)
    app.write("name: no-reply\nsteps: [{wait: 1d, subject: a, body: b}]")
    assert (await App.says(App(app.scene, app.folder), content)).done == "enrolled"


async def test_an_app_cannot_name_a_file(app: App) -> None:
    assert await _problems(app, enrolled(sequence="requirements.lock")) == [
        "data.sequence: there is none of this name: check it, or add its file"
    ]


async def test_when_temporal_is_down_the_facts_are_stored_and_the_next_delivery_does_the_rest(app: App) -> None:
    content = enrolled()
    await _cut_off(app, content)
    assert (await app.scene.status(), await _running(app)) == (("active", "none"), False)
    assert (await app.says(content)).done == "enrolled"
    assert await _running(app)


async def test_a_stop_between_the_halves_of_an_enrolment_leaves_nothing_running(app: App) -> None:
    content = enrolled()
    await _cut_off(app, content)
    await app.says_of("lead-1", "lead.replied")
    assert (await app.says(content)).done == "enrolled"
    assert (await app.scene.status(), await _running(app)) == (("stopped", "replied"), False)


async def test_a_stop_that_found_no_workflow_yet_is_told_to_it_by_whoever_starts_it(app: App) -> None:
    scene = app.scene
    app.write("name: no-reply\nsteps: [{wait: 1d, subject: Hello, body: Hello}]")
    await _cut_off(app, enrolled())
    async with scene.engine.connect() as connection:
        seen_before = await find_instances(connection, [scene.instance()])
    await app.says_of("lead-1", "lead.replied")
    starter = Starter(scene.engine, scene.client, workspace=scene.workspace, task_queue=scene.task_queue)
    await starter.start(seen_before, "test")
    async with scene.worker(ScriptedProvider()):
        assert (await scene.handle().result()).reason == "replied"


async def test_no_personal_data_is_kept_with_an_event(app: App) -> None:
    await app.says(enrolled(lead={"name": "Grace Hopper"}, variables={"plan": "Secret"}))
    await app.says_of("lead-1", "lead.updated", name="Rear Admiral", email="admiral@example.test")
    kept = json.dumps([dict(row._mapping) for row in await app.scene.rows("SELECT * FROM events")], default=str)
    kept += json.dumps([dict(row._mapping) for row in await app.scene.rows("SELECT * FROM ledger")], default=str)
    for datum in ("Grace", "Secret", "Admiral", "@example.test"):
        assert datum not in kept


def test_every_type_of_event_is_one_the_app_can_say() -> None:
    data: dict[str, dict[str, Any]] = {
        "lead.enrolled": enrolled()["data"],
        "lead.updated": {"lead_id": "lead-1", "timezone": "UTC"},
        "lead.replied": {"lead_id": 7, "auto": True, "until": date.today().isoformat()},  # noqa: DTZ011  # any day
    }
    read = [event(said(one, **data.get(one, {"lead_id": "lead-1"}))).type for one in EventType]
    assert read == list(EventType)
