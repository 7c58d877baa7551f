"""What follows from mail: for whom we wrote to, and nobody else; and nothing ends without a word."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from domain.outcome import Outcome, Sent, Unknown
from intake.inbound.taking import InboundAnswer, InboundDoor, MailResult
from providers.scripted import ScriptedProvider
from tests.app import App, enrolled
from tests.intake.inbound import samples
from tests.intake.inbound.samples import failed, mail, report
from tests.naming import message_hash, message_id
from tests.scene import a_lead, a_sequence
from tests.store.enrolled import put_draft
from tests.whole.looking import until_page
from transactions.evidence import EvidenceEffect

_AT_ONCE, _DAY = timedelta(0), timedelta(days=1)
_GRACE = "grace@example.test"
_ALARMS = "SELECT why FROM tasks WHERE kind = 'alarm' AND state = 'open'"
_POLICY = failed(_GRACE, "5.7.1", "on our block list")


@pytest.fixture
async def door(app: App) -> AsyncIterator[InboundDoor]:
    opened = InboundDoor(app.scene.engine, app.door, workspace=app.scene.workspace)
    yield opened
    opened.close()


async def _put(app: App, state: str = "sent", lead_id: str = "lead-1", **more: Any) -> str:
    """A lead's first draft, sent just now to Grace. Returns the hash that others name it by."""
    await app.says(enrolled(lead_id))
    instance, now = app.scene.instance(lead_id), datetime.now(UTC)
    named = message_id(f"{instance}/1/email", "example.test")
    values: dict[str, Any] = {"message_id": named, "recipient": _GRACE, "claimed_at": now} | (
        {"sent_at": now} if state == "sent" else {}
    )
    async with app.scene.engine.begin() as connection:
        await put_draft(connection, instance, state=state, **(values | more))
    return message_hash(f"{instance}/1/email")


async def _suppressed(app: App) -> list[str]:
    return [row.address for row in await app.scene.rows("SELECT address FROM suppressions ORDER BY address")]


def _said(answer: InboundAnswer) -> tuple[str, str | None]:
    return answer.done, answer.event.done if answer.event else None


@pytest.mark.parametrize(
    ("status", "words"), [("5.7.1", "blocked"), ("5.3.4", "too big"), ("5.0.0", "no"), ("5.4.1", "")]
)
async def test_a_failure_that_is_not_the_addresss_own_waits_for_a_person_and_suppresses_nobody(
    app: App, door: InboundDoor, status: str, words: str
) -> None:
    raw = report(failed(_GRACE, status, words), ours=await _put(app))
    answer = await door.take(raw)
    assert (_said(answer), answer.evidence) == (("taken", None), EvidenceEffect.CONFIRMS)
    assert await app.scene.status() == ("paused", "undelivered")
    assert await _suppressed(app) == []
    assert [task.why for task in await app.scene.rows(_ALARMS)] == [f"its message came back: {status}"]
    async with app.scene.engine.begin() as connection:
        await connection.execute(text("UPDATE instances SET status = 'active', reason = 'none'"))
        await connection.execute(text("UPDATE tasks SET state = 'closed'"))
    assert await door.take(raw) == answer  # whoever looked into it is not asked again
    assert (await app.scene.status())[0] == "active"
    assert await app.scene.rows(_ALARMS) == []


async def test_a_follow_up_whose_message_came_back_waits_and_goes_on_when_it_is_resumed(
    app: App, door: InboundDoor
) -> None:
    scene, outcomes = app.scene, [Unknown(code="cut"), Sent(code="250")]
    provider = ScriptedProvider(lambda _: _next(outcomes))
    async with scene.worker(provider):
        await scene.enroll(a_sequence(_AT_ONCE, _DAY), a_lead("lead-1", email=_GRACE))
        await until_page(scene.handle(), "send_outcome_unknown")
        answer = await door.take(report(_POLICY, ours=message_hash(f"{scene.instance()}/1/email")))
        assert answer.evidence is EvidenceEffect.SETTLES
        page = await until_page(scene.handle(), "**paused** (undelivered), step 2 of 2")
        assert "came back" in page
        await scene.handle().execute_update("resume", result_type=str)
        await until_page(scene.handle(), "**active**, step 2 of 2")
    assert len(provider.sent) == 1


def _next(outcomes: list[Any]) -> Outcome:
    outcome: Outcome = outcomes.pop(0)
    return outcome


@pytest.mark.parametrize(
    "fields", [samples.DELAYED, failed(_GRACE, "5.2.2", "full"), failed(_GRACE, "4.4.7", "expired")]
)
async def test_a_delay_and_a_full_mailbox_leave_a_note_and_change_nothing_else(
    app: App, door: InboundDoor, fields: str
) -> None:
    answer = await door.take(report(fields, ours=await _put(app)))
    assert _said(answer) == ("taken", None)
    assert (await app.scene.status())[0] == "active"
    assert (await _suppressed(app), await app.scene.rows(_ALARMS)) == ([], [])
    notes = await app.scene.rows("SELECT why FROM ledger WHERE to_state = 'evidence'")
    assert [note.why for note in notes] == [f"its message was seen: delivery, inbound:{answer.key}"]


async def test_a_bounce_stops_and_suppresses_whom_it_fails_if_we_wrote_to_them_alone(
    app: App, door: InboundDoor
) -> None:
    ours = await _put(app)
    answer = await door.take(report(failed("colleague@example.test"), ours=ours))
    assert _said(answer) == ("taken", None)
    assert ((await app.scene.status())[0], await _suppressed(app)) == ("active", [])
    again = report(failed("Grace@EXAMPLE.test"), ours=ours).replace(b"<20260202", b"<20260203")
    assert _said(await door.take(again)) == ("taken", "stopped")
    assert (await app.scene.status(), await _suppressed(app)) == (("stopped", "bounced"), [_GRACE])


async def test_one_dead_place_of_an_address_that_fans_out_is_not_the_address(app: App, door: InboundDoor) -> None:
    dead = failed("member@elsewhere.test").replace(
        "Recipient: rfc822;member@elsewhere.test", f"Recipient: rfc822;{_GRACE}"
    )
    other = f"\nFinal-Recipient: rfc822; {_GRACE}\nAction: delivered\nStatus: 2.0.0\n"
    ours = await _put(app)
    await door.take(report(dead + other, ours=ours))
    assert ((await app.scene.status())[0], await _suppressed(app)) == ("active", [])
    await door.take(report(dead, ours=ours).replace(b"<20260202", b"<20260203"))  # the only place
    assert (await app.scene.status(), await _suppressed(app)) == (("paused", "undelivered"), [])


async def test_a_bounce_that_names_nobody_suppresses_nobody_and_waits_for_a_person(app: App, door: InboundDoor) -> None:
    said = "It could not be delivered: user unknown.\n\nMessage-ID: <{ours}@example.test>\n"
    raw = mail(
        "From: MAILER-DAEMON <>\nTo: ada@example.test\nSubject: Undelivered\nMessage-ID: <n@x>",
        said,
        ours=await _put(app),
    )
    assert _said(await door.take(raw)) == ("taken", None)
    assert (await app.scene.status(), await _suppressed(app)) == (("paused", "undelivered"), [])


async def test_a_complaint_stops_and_suppresses_whom_we_wrote_to(app: App, door: InboundDoor) -> None:
    head = "From: fbl@provider.test\nMessage-ID: <c@x>\nContent-Type: multipart/report; boundary=b"
    fields = "--b\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\nVersion: 1\n"
    returned = "\n--b\nContent-Type: text/rfc822-headers\n\nMessage-ID: <{ours}@example.test>\n\n--b--\n"
    answer = await door.take(mail(head, fields + returned, ours=await _put(app)))
    assert _said(answer) == ("taken", "stopped")
    assert (await app.scene.status(), _GRACE in await _suppressed(app)) == (("stopped", "unsubscribed"), True)


_AWAY = samples.OUT_OF_OFFICE + "Auto-Submitted: auto-replied"


@pytest.mark.parametrize(("days", "held", "status"), [(300, 300, "active"), (500, 3, "paused")])
async def test_a_long_absence_holds_long_and_one_of_years_waits_for_a_person(
    app: App, door: InboundDoor, days: int, held: int, status: str
) -> None:
    today = datetime.now(UTC).date()
    answer = await door.take(mail(_AWAY, f"I am away until {today + timedelta(days=days)}.", ours=await _put(app)))
    assert answer.event is not None
    assert answer.event.until is not None
    assert (answer.event.until.date() - today).days in (held, held + 1)
    assert (await app.scene.status())[0] == status


async def test_who_is_gone_for_good_is_a_persons_to_decide(app: App, door: InboundDoor) -> None:
    answer = await door.take(mail(_AWAY, "I retired, and read nothing here.", ours=await _put(app)))
    assert _said(answer) == ("taken", "held")
    assert await app.scene.status() == ("paused", "long_absence")


_FRESH = "From: Grace <Grace@Example.test>\nTo: ada@example.test\nSubject: your offer\nMessage-ID: <fresh@example.test>"


@pytest.mark.parametrize("state", ["sent", "unknown", "sending"])
async def test_a_fresh_mail_of_somebody_we_wrote_to_is_their_answer_and_proves_nothing_else(
    app: App, door: InboundDoor, state: str
) -> None:
    await _put(app, state)
    answer = await door.take(mail(_FRESH))
    assert (_said(answer), answer.step, answer.evidence) == (("taken", "stopped"), 1, None)
    assert await app.scene.status() == ("stopped", "replied")
    assert await app.scene.states() == [state]
    assert await app.scene.rows("SELECT 1 FROM evidence") == []


async def test_an_answer_came_after_what_it_answers_whatever_the_mailboxs_clock_says(
    app: App, door: InboundDoor
) -> None:
    ours, fast = await _put(app), datetime.now(UTC) - timedelta(minutes=5)
    assert _said(await door.take(mail(samples.REPLY, ours=ours), fast)) == ("taken", "stopped")


async def test_a_fresh_absence_note_of_somebody_we_wrote_to_holds(app: App, door: InboundDoor) -> None:
    await _put(app)
    assert _said(await door.take(mail(_FRESH + "\nAuto-Submitted: auto-replied", "I am away."))) == ("taken", "held")
    assert (await app.scene.status())[0] == "active"


async def test_a_fresh_mail_is_nobodys_answer_who_was_not_written_to_lately(app: App, door: InboundDoor) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=31)
    await _put(app, claimed_at=long_ago, sent_at=long_ago)
    await _put(app, "pending", "lead-2", recipient="mary@example.test", claimed_at=None)
    for sender in ("grace", "mary", "zoe"):
        raw = mail(_FRESH.replace("Grace@", f"{sender}@").replace("fresh@", f"{sender}@"))
        assert (await door.take(raw)).done is MailResult.UNMATCHED


async def test_a_fresh_bounce_is_about_nothing_of_ours_whoever_it_fails(app: App, door: InboundDoor) -> None:
    await _put(app)
    raw = report(failed(_GRACE), sender=_GRACE, returned="text/plain", ours="0" * 39 + "x")
    assert (await door.take(raw)).done is MailResult.UNMATCHED
    assert await _suppressed(app) == []


async def test_the_newest_message_to_somebody_is_the_one_that_they_answer(app: App, door: InboundDoor) -> None:
    before = datetime.now(UTC) - timedelta(days=2)
    await _put(app, claimed_at=before, sent_at=before)
    await _put(app, lead_id="lead-2")
    assert (await door.take(mail(_FRESH))).instance_id == app.scene.instance("lead-2")
    assert (await app.scene.status("lead-1"))[0] == "active"
