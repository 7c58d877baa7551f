"""Mail that comes in meets follow-ups: what it names goes out of doubt, and what follows from it happens once."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from domain.outcome import NotSent, Outcome, Unknown
from intake.events import EventDoor, NotTakenError
from intake.inbound.taking import InboundAnswer, InboundDoor, MailResult
from providers.provider import Letter
from providers.scripted import ScriptedProvider
from store.engine import open_engine
from store.suppressions import forgotten
from tests.app import SEQUENCE, App, enrolled
from tests.counted import assert_counted
from tests.intake.inbound import samples
from tests.intake.inbound.samples import mail, report
from tests.naming import message_hash, message_id
from tests.scene import Scene, a_lead, a_sequence
from tests.store.enrolled import put_draft
from tests.whole.looking import stumbles, until_page
from transactions.evidence import EvidenceEffect

_AWAY = samples.OUT_OF_OFFICE + "Auto-Submitted: auto-replied"
_OPEN_TASKS = "SELECT kind FROM tasks WHERE state = 'open'"
_AT_ONCE, _DAY = timedelta(0), timedelta(days=1)


def _door(scene: Scene, events: EventDoor) -> InboundDoor:
    return InboundDoor(scene.engine, events, workspace=scene.workspace)


def _ours(scene: Scene, lead_id: str = "lead-1") -> str:
    return message_hash(f"{scene.instance(lead_id)}/1/email")


@pytest.fixture
def door(app: App) -> InboundDoor:
    return _door(app.scene, app.door)


async def _put(app: App, state: str = "sent", lead_id: str = "lead-1", **more: Any) -> str:
    """A lead's first draft, as it is said. Returns the hash that others name it by."""
    await app.says(enrolled(lead_id))
    instance = app.scene.instance(lead_id)
    async with app.scene.engine.begin() as connection:
        values = {"message_id": message_id(f"{instance}/1/email", "example.test"), "recipient": "grace@example.test"}
        await put_draft(connection, instance, state=state, **(values | more))
    return _ours(app.scene, lead_id)


async def _everything(scene: Scene) -> list[Any]:
    tables = ("drafts", "instances", "leads", "tasks", "evidence", "events", "stops", "suppressions", "ledger")
    return [await scene.rows(f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables]  # noqa: S608  # ours


def _done(answer: InboundAnswer) -> tuple[str, str | None]:
    return answer.done, answer.event.done if answer.event else None


async def test_mail_settles_unknown_sends_and_each_kind_of_it_does_what_it_means(app: App) -> None:
    """One world, in which the first send of each is uncertain, and then its mail comes in."""
    scene, events, leads = app.scene, app.door, ("replies", "bounces", "delayed", "away", "silent")
    provider = ScriptedProvider(lambda _: Unknown(code="cut"))
    door = _door(scene, events)
    async with scene.worker(provider):
        await scene.enroll(a_sequence(_AT_ONCE, _DAY), *map(a_lead, leads))
        for lead_id in leads:
            await until_page(scene.handle(lead_id), "send_outcome_unknown")
        said = {
            "replies": mail(samples.REPLY, ours=_ours(scene, "replies")),
            "bounces": report(samples.failed("bounces@example.test"), ours=_ours(scene, "bounces")).replace(
                b"<2026", b"<other.2026"
            ),
            "delayed": report(samples.DELAYED, ours=_ours(scene, "delayed")),
            "away": mail(_AWAY, samples.AWAY, ours=_ours(scene, "away")),
        }
        answers = dict(zip(said, await asyncio.gather(*map(door.take, said.values())), strict=True))
        assert all(answer.evidence is EvidenceEffect.SETTLES for answer in answers.values())
        endings = [await scene.handle(lead_id).result() for lead_id in ("replies", "bounces")]
        for lead_id in ("delayed", "away"):
            await until_page(scene.handle(lead_id), "**active**, step 2 of 2")
        assert "send_outcome_unknown" in await until_page(scene.handle("silent"), "**paused**")
        assert [await stumbles(scene.handle(lead_id)) for lead_id in leads] == [0] * len(leads)
    assert [ending.reason for ending in endings] == ["replied", "bounced"]
    assert [await scene.states(lead_id) for lead_id in leads] == [["sent"]] * 4 + [["unknown"]]
    assert [row.address for row in await scene.rows("SELECT address FROM suppressions")] == ["bounces@example.test"]
    held = await scene.rows("SELECT lead_id FROM leads WHERE quiet_until IS NOT NULL")
    assert [row.lead_id for row in held] == ["away"]
    assert len(provider.sent) == len(leads)
    before = await _everything(scene)
    for raw in said.values():
        await door.take(raw)
    assert await _everything(scene) == before
    assert (await assert_counted(scene))["unknown"] == 1


async def test_what_is_about_to_be_sent_again_and_was_seen_waits_for_a_person(app: App) -> None:
    scene, door = app.scene, _door(app.scene, app.door)
    outcomes: list[Outcome] = [NotSent(code="timeout")]

    def script(_: Letter) -> Outcome:
        return outcomes[0]

    provider = ScriptedProvider(script)
    async with scene.worker(provider):
        await scene.enroll(a_sequence(_AT_ONCE, _AT_ONCE), a_lead())
        await until_page(scene.handle(), "**held** (not_sent)")
        answer = await door.take(report(samples.DELAYED, ours=_ours(scene)))
        assert answer.evidence is EvidenceEffect.CONTRADICTS
        assert "was **seen outside**" in await until_page(scene.handle(), "**paused** (evidence_contradicts)")
        assert [task.kind for task in await scene.rows(_OPEN_TASKS)] == ["alarm"]
        begun = len(provider.begun)
        await scene.handle().execute_update("resume", result_type=str)
        await until_page(scene.handle(), "**paused** (evidence_contradicts)")
        assert len(provider.begun) == begun
        outcomes.insert(0, Unknown(code="cut"))
        await scene.handle().execute_update("resume", {"decision": "skip", "by": "ops"}, result_type=str)
        await until_page(scene.handle(), "send_outcome_unknown")
    assert await scene.states() == ["skipped", "unknown"]
    assert [task.kind for task in await scene.rows(_OPEN_TASKS)] == ["settle_outcome"]
    assert [letter.draft_id[-7:] for letter in provider.sent] == ["2/email"]


async def test_mail_that_names_no_message_of_ours_changes_nothing_and_is_logged_by_its_key_alone(
    app: App, door: InboundDoor, caplog: pytest.LogCaptureFixture
) -> None:
    await _put(app)
    before = await _everything(app.scene)
    with caplog.at_level(logging.INFO):
        answer = await door.take(mail(samples.REPLY))
    assert answer == InboundAnswer(key=answer.key, kind=answer.kind, done=MailResult.UNMATCHED)
    assert await _everything(app.scene) == before
    assert f"inbound {answer.key}: reply unmatched" in caplog.messages
    assert "grace" not in caplog.text.lower()
    assert answer.key in answer.sentence


async def test_the_mail_of_another_workspace_is_unmatched(app: App) -> None:
    ours = await _put(app)
    door = InboundDoor(app.scene.engine, app.door, workspace="another")
    assert (await door.take(mail(samples.REPLY, ours=ours))).done is MailResult.UNMATCHED


@pytest.mark.parametrize(
    "head",
    [samples.REPLY, samples.REPLY_BY_REFERENCES, "From: g@example.test\nTo: ada+{ours}@example.test"],
    ids=["in-reply-to", "references", "plus address"],
)
async def test_a_reply_stops_its_lead_however_it_names_our_message(app: App, door: InboundDoor, head: str) -> None:
    answer = await door.take(mail(head, ours=await _put(app)))
    assert _done(answer) == ("taken", "stopped")
    assert await app.scene.status() == ("stopped", "replied")
    assert answer.event is not None
    assert answer.event.event_id == f"inbound:{answer.key}"
    [seen] = await app.scene.rows("SELECT * FROM evidence")
    assert (seen.kind, seen.source, seen.workspace) == ("reply", f"inbound:{answer.key}", app.scene.workspace)


async def test_a_bounce_suppresses_the_address_it_was_written_to_and_not_the_one_the_lead_has_now(
    app: App, door: InboundDoor
) -> None:
    ours = await _put(app, recipient="Old@example.test")
    answer = await door.take(report(samples.failed("old@EXAMPLE.test"), ours=ours))
    assert _done(answer) == ("taken", "stopped")
    assert await app.scene.status() == ("stopped", "bounced")
    suppressed = {row.address for row in await app.scene.rows("SELECT address FROM suppressions")}
    assert suppressed == {"old@example.test"}


async def test_a_bounce_of_a_person_that_was_forgotten_still_stops(app: App, door: InboundDoor) -> None:
    ours = await _put(app, recipient=forgotten(app.scene.workspace, "Grace@example.test"))
    assert _done(await door.take(report(samples.FAILED, ours=ours))) == ("taken", "stopped")


async def test_a_notice_that_a_message_is_late_stops_nothing(app: App, door: InboundDoor) -> None:
    answer = await door.take(report(samples.DELAYED, ours=await _put(app)))
    assert (_done(answer), answer.evidence) == (("taken", None), EvidenceEffect.CONFIRMS)
    assert (await app.scene.status())[0] == "active"


async def test_an_automatic_reply_holds_until_the_day_it_names_if_that_is_near(app: App, door: InboundDoor) -> None:
    today = datetime.now(UTC)
    for days, expected in ((20, 20), (-20, 3), (400, 3)):
        ours = await _put(app, lead_id=f"lead-{days}", recipient=f"grace{days}@example.test")
        back = (today + timedelta(days=days)).date()
        key = f"Message-ID: <away.{days}@example.test>"
        raw = mail(_AWAY.replace("Message-ID: <oof@example.test>", key), f"I am back on {back}.", ours=ours)
        answer = await door.take(raw)
        assert answer.event is not None
        assert answer.event.until is not None
        assert (answer.event.until.date() - today.date()).days in (expected, expected + 1)


async def test_what_we_wrote_ourselves_is_nobodys_reply(app: App, door: InboundDoor) -> None:
    ours = await _put(app)
    by_hand = mail(samples.REPLY.replace("Grace Hopper <grace@", "Ada <Ada+x@"), ours=ours)
    assert _done(await door.take(by_hand)) == ("from_us", None)
    assert await app.scene.rows("SELECT 1 FROM evidence") == []
    copy = mail(f"From: Ada <ada@example.test>\nMessage-ID: <{ours}@example.test>", ours=ours)
    answer = await door.take(copy)
    assert (_done(answer), answer.evidence) == (("own_copy", None), EvidenceEffect.CONFIRMS)
    assert (await app.scene.status())[0] == "active"


async def test_somebody_elses_id_of_forty_digits_makes_no_copy_of_ours(app: App, door: InboundDoor) -> None:
    head = samples.REPLY.replace("CAF=abc123@", f"{'a' * 40}@")
    assert _done(await door.take(mail(head, ours=await _put(app)))) == ("taken", "stopped")


async def test_when_a_message_came_is_when_it_happened(app: App, door: InboundDoor) -> None:
    ours, came_at = await _put(app), datetime.now(UTC) - timedelta(days=30)
    await door.take(mail(samples.REPLY, ours=ours), came_at)
    [stop] = await app.scene.rows("SELECT occurred_at FROM stops")
    assert format_datetime(stop.occurred_at) == format_datetime(came_at)


async def test_of_a_message_that_comes_many_times_at_once_the_facts_are_stored_once(
    app: App, door: InboundDoor
) -> None:
    raw = mail(samples.REPLY, ours=await _put(app, "unknown"))
    answers = await asyncio.gather(*(door.take(raw) for _ in range(10)))
    assert len(set(answers)) == 1
    settled = "SELECT count(*) FROM ledger WHERE to_state = 'sent'"
    counts = f"SELECT (SELECT count(*) FROM evidence), (SELECT count(*) FROM stops), ({settled})"  # noqa: S608  # ours
    assert tuple((await app.scene.rows(counts))[0]) == (1, 1, 1)


async def test_two_messages_of_one_id_are_not_taken_for_one(app: App, door: InboundDoor) -> None:
    """Programs give an id to several messages: each of them is somebody's answer."""
    both = [await _put(app), await _put(app, lead_id="lead-2")]
    for ours in both:
        assert _done(await door.take(mail(samples.REPLY, ours=ours))) == ("taken", "stopped")
    assert [await app.scene.status(lead_id) for lead_id in ("lead-1", "lead-2")] == [("stopped", "replied")] * 2


async def test_while_temporal_is_down_the_facts_are_kept_and_the_next_time_it_is_told(
    app: App, door: InboundDoor, tmp_path: Path
) -> None:
    scene = app.scene
    nowhere = await Client.connect("127.0.0.1:1", data_converter=pydantic_data_converter, lazy=True)
    place = {"workspace": scene.workspace, "task_queue": scene.task_queue}
    cut_off = _door(scene, EventDoor(scene.engine, nowhere, **place, sequences=tmp_path))
    app.write(SEQUENCE + "  - wait: 1d\n    body: Hello again\n")
    ours = await _put(app, "unknown")
    late, reply = report(samples.DELAYED, ours=ours), mail(samples.REPLY, ours=ours)
    for raw in (late, reply):
        with pytest.raises(NotTakenError, match="Temporal can't be reached"):
            await cut_off.take(raw)
    assert (await scene.states(), await scene.status()) == (["sent"], ("stopped", "replied"))
    # what settled it says so each time, so that the workflow is told in the end
    assert [(await door.take(raw)).evidence for raw in (late, reply)] == [
        EvidenceEffect.SETTLES,
        EvidenceEffect.CONFIRMS,
    ]


async def test_while_postgresql_is_down_nothing_is_taken(app: App) -> None:
    engine = open_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")
    door = InboundDoor(engine, app.door, workspace=app.scene.workspace)
    with pytest.raises(NotTakenError, match="PostgreSQL can't be reached: give the message again"):
        await door.take(mail(samples.REPLY))
    await engine.dispose()
