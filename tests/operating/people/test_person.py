# ruff: noqa: S608  # SQL is put together of our own words
"""`followup export` and `followup forget`: all that is known of a person, and what stays of somebody forgotten."""

import json
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.draft import DraftState
from domain.outcome import Unknown
from providers.scripted import ScriptedProvider
from store.forgetting import UNENDED, suppress_forgotten
from store.suppressions import forgotten, suppress
from store.tables import Base
from tests.app import SEQUENCE, App, enrolled
from tests.command import Command
from tests.counted import assert_counted
from tests.roles import AS_OWNER, without_guards
from tests.scene import Scene, a_lead, a_sequence
from tests.store.enrolled import enroll_one, put_draft
from tests.whole.looking import until_page

LATER, HOUR = timedelta(days=1), timedelta(hours=1)
ADDRESS, NOTE = "lead-1@example.test", "says that it came by pigeon"
FORGETTING = "SET LOCAL followup.forgetting = 'on'"
EMPTY = "content = '', subject = '', recipient = '', reply = ''"


async def everything(scene: Scene) -> str:
    """All rows of all tables as text, with the messages as they read."""
    tables = [f"SELECT row_to_json(t)::text AS row FROM {name} t" for name in Base.metadata.tables]
    rows = await scene.rows(" UNION ALL ".join([*tables, "SELECT convert_from(content, 'UTF8') FROM drafts"]))
    return "\n".join(row.row for row in rows)


async def test_a_person_is_exported_whole_and_forgotten_for_good_and_everything_still_adds_up(
    scene: Scene, followup: Command
) -> None:
    provider = ScriptedProvider()
    person = a_lead(variables={"company": "Widgets"})  # type: ignore[arg-type]  # one variable beside texts
    async with scene.worker(provider):
        await scene.enroll(a_sequence(), person, a_lead("lead-2"))
        await scene.enroll(a_sequence(LATER, name="slow", beside_others=True), person)
        await scene.handle().result()
        await scene.handle("lead-2").result()
        await followup("pause", scene.instance(sequence="slow"), "--note", NOTE)
        exported = json.loads((await followup("export", "lead-1")).out)
        assert {name: len(exported[name]) for name in ("instances", "drafts", "evidence")} == {
            "instances": 2, "drafts": 3, "evidence": 0
        }  # fmt: skip
        assert [lead["email"] for lead in exported["leads"]] == [ADDRESS]
        assert [one["variables"] for one in exported["instances"]] == [{"company": "Widgets"}] * 2
        assert all("Hello Grace" in draft["content"] for draft in exported["drafts"])
        assert NOTE in [entry["why"] for entry in exported["ledger"]]
        await _secrets(scene)
        counted = await assert_counted(scene)
        ran = await followup("forget", "lead-1", "--yes", "--by", "ada", "--json")
        assert (ran.code, ran.said) == (0, "")
        assert json.loads(ran.out) == {"lead_id": "lead-1", "others": [], "instances": 2, "addresses": 1}
        left = await everything(scene)
        assert [one for one in (ADDRESS, NOTE, "Widgets", "private", "Hello Grace") if one in left] == ["Hello Grace"]
        assert left.count("Hello Grace") == 3  # lead-2's own
        assert await scene.status() == ("completed", "none")
        # one step was held by the pause, and stopped with its follow-up
        assert await assert_counted(scene) == counted - Counter(held=1) + Counter(stopped=1)
        for check in ("audit", "stats"):
            assert (await followup(check)).code == 0, check
        await _again(scene, followup, provider)


async def _secrets(scene: Scene) -> None:
    """What a provider, a manual step, and a thread from elsewhere may say of a person."""
    async with scene.engine.begin() as connection:
        for sql in (
            "UPDATE drafts SET reply = 'private reply' WHERE instance_id = :one",
            """UPDATE instances SET variables = '{"body": "private text"}', origin = '{"subject": "private subject"}'
               WHERE id = :one""",
            """INSERT INTO tasks (instance_id, step, kind, state, instructions, who, why)
               VALUES (:one, 1, 'manual_step', 'closed', 'private number', 't', 't')""",
        ):
            await connection.execute(text(sql), {"one": scene.instance()})


async def _again(scene: Scene, followup: Command, provider: ScriptedProvider) -> None:
    """Forgotten twice is forgotten; and whoever is enrolled again with that address is written to no more."""
    assert (await followup("forget", "lead-1", "--yes")).code == 0
    assert await scene.rows("SELECT 1 FROM suppressions") == [(1,)]
    sent = len(provider.sent)
    await scene.enroll(a_sequence(name="anew", beside_others=True), a_lead(), a_lead("lead-9", email=ADDRESS.upper()))
    for lead in ("lead-1", "lead-9"):
        handle = scene.client.get_workflow_handle(f"follow-up:{scene.instance(lead, 'anew')}")
        assert (await handle.result())["reason"] == "suppressed"
    assert len(provider.sent) == sent


async def test_every_id_and_every_address_of_a_person_is_exported_and_forgotten(
    scene: Scene, tmp_path: Path, followup: Command
) -> None:
    app = App(scene, tmp_path)
    app.write(SEQUENCE.replace("0s", "1d") + "beside_others: true\n")
    await app.says(enrolled("lead-1", ago=3 * HOUR, lead={"email": "first@example.test"}))
    await app.says_of("lead-1", "lead.unsubscribed", ago=2 * HOUR)
    await app.says_of("lead-1", "lead.updated", email="second@example.test", ago=HOUR)
    await app.says_of("lead-1", "lead.bounced", email="old.home@example.test")
    await app.says(enrolled("lead-2", lead={"email": "Second@example.test", "name": "The same"}))
    await app.says(enrolled("lead-3", lead={"email": "else@example.test"}))
    exported = json.loads((await followup("export", "lead-1")).out)
    assert [lead["lead_id"] for lead in exported["leads"]] == ["lead-1", "lead-2"]
    assert {one["type"] for one in exported["events"]} == {
        "lead.enrolled", "lead.unsubscribed", "lead.updated", "lead.bounced"
    }  # fmt: skip
    addresses = {one["address"] for one in exported["suppressions"]} | {one["address"] for one in exported["addresses"]}
    assert addresses == {f"{one}@example.test" for one in ("first", "second", "old.home")}
    async with scene.worker(ScriptedProvider()):
        ran = await followup("forget", "lead-1", "--yes", "--json")
    assert (ran.code, json.loads(ran.out)) == (
        0, {"lead_id": "lead-1", "others": ["lead-2"], "instances": 2, "addresses": 3}
    )  # fmt: skip
    left = (await everything(scene)).lower()
    assert [one for one in ("first@", "second@", "old.home@", "the same") if one in left] == []
    assert "else@example.test" in left


async def test_an_uncertain_send_is_settled_before_its_person_is_forgotten_and_a_terminated_one_hinders_nobody(
    scene: Scene, followup: Command
) -> None:
    async with scene.worker(ScriptedProvider({f"{scene.instance()}/1/email": Unknown(code="smtp-eof-final")})):
        await scene.enroll(a_sequence(), a_lead())
        await scene.enroll(a_sequence(LATER), a_lead("lead-2"))
        await until_page(scene.handle(), "**paused**")
        async with scene.engine.begin() as connection:
            await without_guards(connection)
            await connection.execute(text("UPDATE instances SET status = 'stopped' WHERE lead_id = 'lead-1'"))
        ran = await followup("forget", "lead-1", "--yes")
        assert (ran.code, ran.out) == (1, "")
        assert "may have been sent: settle it with `followup resume" in ran.said
        assert ADDRESS in await everything(scene)
    await scene.handle("lead-2").terminate()
    assert (await followup("forget", "lead-2", "--yes")).code == 0
    assert await scene.status("lead-2") == ("stopped", "operator")
    assert "lead-2@example.test" not in await everything(scene)
    for arguments in (["export", "nobody"], ["forget", "nobody", "--yes"]):
        ran = await followup(*arguments)
        assert (ran.code, ran.out, "no lead has the id nobody" in ran.said) == (1, "", True)


async def test_nobody_is_forgotten_without_being_asked_about(scene: Scene, followup: Command) -> None:
    await scene.enroll(a_sequence(LATER), a_lead())
    ran = await followup("forget", "lead-1")  # with nobody to answer
    assert (ran.code, "Erase who lead-1 is, with 1 follow-ups, 1 of them under way?" in ran.out) == (1, True)
    assert ADDRESS in await everything(scene)


async def test_a_forgotten_address_stays_suppressed_though_it_was_listed_or_lifted(scene: Scene) -> None:
    async with scene.engine.begin() as connection:
        await suppress(connection, "w", [ADDRESS], "app", "unsubscribed")
        await suppress_forgotten(connection, "w", {ADDRESS}, "ada")
        await connection.execute(text("UPDATE suppressions SET lifted_at = now()"))
        await suppress_forgotten(connection, "w", {ADDRESS}, "ada")
    [row] = await scene.rows("SELECT address, lifted_at FROM suppressions")
    assert (row.address, row.lifted_at) == (forgotten("w", ADDRESS), None)


# What the database lets a forgetting do, and no more


async def refused(connection: AsyncConnection, *statements: str) -> str:
    *before, last = statements
    attempt = await connection.begin_nested()
    for statement in before:
        await connection.execute(text(statement))
    with pytest.raises(IntegrityError) as error:
        await connection.execute(text(last))
    await attempt.rollback()
    return str(error.value.orig)


async def test_a_draft_is_emptied_only_where_its_person_is_being_forgotten_and_whole_and_nothing_else_with_it(
    scene: Scene,
) -> None:
    instance = await enroll_one(scene.engine)
    async with scene.engine.connect() as connection:
        await put_draft(connection, instance, state=DraftState.SENT)
        assert "it is frozen" in await refused(connection, f"UPDATE drafts SET {EMPTY}")
        for other in (
            "fingerprint = ''",
            "message_id = ''",
            "sender = ''",
            "code = 'x'",
            "who = 'x'",
            "sent_at = now()",
        ):
            sql = f"UPDATE drafts SET {EMPTY}, {other}"
            assert "it is frozen" in await refused(connection, FORGETTING, sql), other
        for part in ("content = ''", "recipient = ''", EMPTY.replace("subject = ''", "subject = 'x'")):
            assert "it is frozen" in await refused(connection, FORGETTING, f"UPDATE drafts SET {part}"), part
        await connection.execute(text(FORGETTING))
        await connection.execute(text(f"UPDATE drafts SET {EMPTY}"))


# one that awaits its approval may be rendered anew until then
@pytest.mark.parametrize("state", [state for state in UNENDED if state != DraftState.AWAITING_APPROVAL])
async def test_a_draft_that_has_not_ended_is_never_emptied(scene: Scene, state: DraftState) -> None:
    instance = await enroll_one(scene.engine)
    async with scene.engine.connect() as connection:
        await put_draft(connection, instance, state=state)
        assert "it is frozen" in await refused(connection, FORGETTING, f"UPDATE drafts SET {EMPTY}")


async def test_of_the_ledger_only_operators_words_are_blanked(scene: Scene) -> None:
    await enroll_one(scene.engine)
    note = """INSERT INTO ledger (instance_id, step, subject, to_state, who, why)
              VALUES ('i', 1, 'note', 'pause', 'ada', 'she is on holiday')"""
    async with scene.engine.connect() as connection:
        await connection.execute(text(AS_OWNER))
        await connection.execute(text(note))
        blank = "UPDATE ledger SET why = '' WHERE subject = 'note'"
        assert "is kept" in await refused(connection, blank)
        assert "is kept" in await refused(connection, FORGETTING, "UPDATE ledger SET why = ''")
        for more in ("why = 'x'", "why = '', who = 'x'", "why = '', at = now()", "why = '', to_state = 'x'"):
            assert "is kept" in await refused(
                connection, FORGETTING, f"UPDATE ledger SET {more} WHERE subject = 'note'"
            )
        assert "is kept" in await refused(connection, FORGETTING, "DELETE FROM ledger WHERE subject = 'note'")
        await connection.execute(text(FORGETTING))
        await connection.execute(text(blank))
