"""Enrolling once more, in one sequence at a time, and in a thread that began elsewhere."""

import asyncio
from collections.abc import AsyncIterator
from email import message_from_bytes
from pathlib import Path

import pytest
from temporalio.client import Client

from providers.scripted import ScriptedProvider
from tests.app import SEQUENCE, App, enrolled
from tests.scene import Scene, a_lead, a_sequence, open_scene

_OTHER = SEQUENCE.replace("no-reply", "spring")
FIRST, SECOND = "<first@app.test>", "<second@app.test>"


@pytest.fixture
async def scene(client: Client, database_url: str) -> AsyncIterator[Scene]:
    async with open_scene(client, database_url) as opened:
        yield opened


@pytest.fixture
def app(scene: Scene, tmp_path: Path) -> App:
    return App(scene, tmp_path)


async def test_once_is_once_whatever_the_key_and_changes_nothing(app: App) -> None:
    await app.says(enrolled())
    said = enrolled(enrolment_key="spring", lead={"name": "Changed"})
    again = await app.says(said)
    assert (again.done, again.why, again.instances) == ("not_enrolled", "enrolled_before", ())
    assert await app.says(said) == again
    assert [row.name for row in await app.scene.rows("SELECT name FROM leads")] == ["Grace"]
    assert len(await app.scene.rows("SELECT 1 FROM instances")) == 1


async def test_once_at_a_time_takes_somebody_again_when_the_last_time_has_ended(app: App) -> None:
    app.write(SEQUENCE + "enroll: once_at_a_time\n")
    await app.says(enrolled())
    assert (await app.says(enrolled(enrolment_key="spring"))).why == "still_enrolled"
    await app.says_of("lead-1", "lead.closed")
    again = await app.says(enrolled(enrolment_key="summer"))
    assert (again.done, again.instances) == ("enrolled", (app.scene.instance() + ":summer",))


async def test_any_time_begins_another_follow_up_with_each_key(app: App) -> None:
    app.write(SEQUENCE + "enroll: any_time\n")
    await app.says(enrolled())
    assert (await app.says(enrolled())).done == "already_enrolled"
    assert (await app.says(enrolled(enrolment_key="spring"))).done == "enrolled"


async def test_a_lead_is_in_one_sequence_at_a_time_unless_one_says_otherwise(app: App) -> None:
    app.write(_OTHER, "spring")
    await app.says(enrolled())
    assert (await app.says(enrolled(sequence="spring"))).why == "in_another_sequence"
    assert (await app.says(enrolled("lead-2", sequence="spring"))).done == "enrolled"
    app.write(_OTHER.replace("spring", "summer") + "beside_others: true\n", "summer")
    assert (await app.says(enrolled(sequence="summer"))).done == "enrolled"


async def test_of_enrolments_in_ten_sequences_at_once_one_is_taken(app: App) -> None:
    names = [f"s{n}" for n in range(10)]
    for name in names:
        app.write(SEQUENCE.replace("no-reply", name), name)
    answers = await asyncio.gather(*(app.says(enrolled(sequence=name)) for name in names))
    assert sorted(answer.done for answer in answers) == ["enrolled", *["not_enrolled"] * 9]
    assert len(await app.scene.rows("SELECT 1 FROM instances")) == 1


async def test_a_row_that_may_not_be_enrolled_is_refused_and_the_others_are_taken(scene: Scene) -> None:
    await scene.enroll(a_sequence(), a_lead("lead-1"))
    results = await scene.enroll(a_sequence(name="spring"), a_lead("lead-1"), a_lead("lead-2"))
    assert {result.lead_id: result.answer for result in results} == {"lead-1": "refused", "lead-2": "enrolled"}
    assert "is in another sequence" in next(result.reason for result in results if result.answer == "refused")


async def test_a_follow_up_answers_in_the_thread_it_is_given(app: App) -> None:
    """In-Reply-To and References name every message of the thread, the subject is the thread's, with one `Re:`."""
    app.write(SEQUENCE + "  - wait: 0s\n    body: And again\n")
    thread = {"message_id": SECOND, "references": [FIRST], "subject": "Re: Your question"}
    provider = ScriptedProvider()
    async with app.scene.worker(provider):
        await app.says(enrolled(thread=thread))
        await app.scene.handle().result()
    first, second = (message_from_bytes(letter.message) for letter in provider.sent)
    assert (first["In-Reply-To"], first["References"].split()) == (SECOND, [FIRST, SECOND])
    assert second["References"].split() == [FIRST, SECOND, first["Message-ID"]]
    assert second["In-Reply-To"] == first["Message-ID"]
    assert (first["Subject"], second["Subject"]) == ("Re: Your question", "Re: Your question")


async def test_a_thread_given_without_its_subject_is_answered_with_the_sequences(app: App) -> None:
    provider = ScriptedProvider()
    async with app.scene.worker(provider):
        await app.says(enrolled(thread={"message_id": FIRST}))
        await app.scene.handle().result()
    assert message_from_bytes(provider.sent[0].message)["Subject"] == "Re: Following up, Grace"


async def test_whoever_names_a_message_of_a_thread_is_in_that_thread(app: App) -> None:
    """I5: two leads, and a thread that we began ourselves: the database's constraint sees one thread."""
    await app.says(enrolled("lead-1", thread={"message_id": FIRST}))
    await app.says(enrolled("lead-2", thread={"message_id": SECOND, "references": [FIRST]}))
    [shared] = {row.thread_id for row in await app.scene.rows("SELECT thread_id FROM instances")}
    provider = ScriptedProvider()
    async with app.scene.worker(provider):
        await app.says(enrolled("lead-3"))
        await app.scene.handle("lead-3").result()
        [sent] = [letter for letter in provider.sent if "lead-3" in letter.draft_id]  # those before it are sent too
        ours = message_from_bytes(sent.message)["Message-ID"]
        await app.says(enrolled("lead-4", thread={"message_id": "<reply@app.test>", "references": [ours]}))
    sql = "SELECT lead_id, thread_id FROM instances"
    threads = {row.lead_id: row.thread_id for row in await app.scene.rows(sql)}
    assert threads["lead-4"] == threads["lead-3"] != shared
