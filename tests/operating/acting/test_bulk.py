"""`followup pause`, `resume` and `stop` of many: counted, confirmed, told one by one, and what became of them."""

import asyncio
import json
import signal
import sys
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

import cli
from domain.command import Command as Said
from domain.command import Decision, Pause, Resume, Stop
from domain.instance import InstanceStatus, Reason
from domain.outcome import Outcome, Sent
from domain.step import FollowUp, Paused
from operating.acting import act as acting
from operating.acting import bulk
from operating.acting.act import CommandAnswer
from operating.acting.bulk import Bulk, BulkTally, applies, count
from providers.provider import Letter
from providers.scripted import ScriptedProvider
from store.listing import Listed
from store.selection import Selection
from tests.command import ROOT, Command, environment
from tests.counted import assert_counted
from tests.scene import Scene, a_lead, a_sequence
from tests.store.enrolled import WORKSPACE, enroll_leads
from tests.whole.looking import until
from workflows.progress import Progress

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = timedelta(days=1)
MANY = 120


def _one(status: str, reason: str = "none") -> Listed:
    return Listed("w:s:l", "l", "s", status, reason, 1, 3, None, NOW, NOW)


def test_a_pause_of_many_is_meant_for_what_is_not_paused() -> None:
    meant = [status for status in InstanceStatus if applies(Pause(), _one(status))]
    assert set(meant) & {"active", "held", "awaiting_approval", "paused"} == {"active", "held", "awaiting_approval"}


def test_a_plain_resume_of_many_is_never_meant_for_what_waits_for_a_decision_of_its_own() -> None:
    meant = {
        (status, reason)
        for status, reason in product(InstanceStatus, Reason)
        if applies(Resume(), _one(status, reason))
    }
    assert {status for status, _ in meant} == {InstanceStatus.PAUSED}
    reasons = {reason for _, reason in meant}
    assert {Reason.OPERATOR, Reason.REFUSED_CONFIGURATION, Reason.STEP_FAILED, Reason.UNRENDERABLE} <= reasons
    assert not {Reason.SEND_OUTCOME_UNKNOWN, Reason.STORE_IS_BEHIND, Reason.REFUSED_MESSAGE} & reasons


@pytest.mark.parametrize("decision", [Decision.SENT, Decision.NOT_SENT])
def test_what_is_said_of_a_send_is_meant_for_uncertain_ones_alone(decision: Decision) -> None:
    meant = [reason for reason in Reason if applies(Resume(decision=decision), _one("paused", reason))]
    assert meant == [Reason.SEND_OUTCOME_UNKNOWN, Reason.STORE_IS_BEHIND]


def test_a_plain_resume_of_many_that_is_heard_when_a_send_has_become_unknown_settles_nothing(scene: Scene) -> None:
    telling = Bulk(scene.engine, scene.client, Resume(), "", BulkTally(), lambda: None)
    said = telling._said_of(_one("paused", Reason.OPERATOR))
    at = Progress(FollowUp(instance_id="w:s:l", steps=1, first_due_at=NOW))
    at.apply(Paused(reason=Reason.OPERATOR), NOW)
    assert at.objection(said, NOW) is None
    at.apply(Paused(reason=Reason.SEND_OUTCOME_UNKNOWN), NOW)
    assert "it is paused for send_outcome_unknown: look again" in str(at.objection(said, NOW))


def test_a_tally_groups_refusals_and_does_not_grow_without_end() -> None:
    tally = BulkTally()
    for number in range(1000):
        tally.add(CommandAnswer("i", "stop", done=False, answer=f"step {number}"))
    assert (tally.refused.total(), len(tally.refused), tally.all_done) == (1000, 51, False)


async def _set(scene: Scene, lead_id: str, status: str, reason: str) -> None:
    sql = "UPDATE instances SET status = :status, reason = :reason, who = 'test', why = 'test' WHERE lead_id = :lead"
    async with scene.engine.begin() as connection:
        await connection.execute(text(sql), {"status": status, "reason": reason, "lead": lead_id})


async def test_many_are_counted_page_by_page_by_what_is_chosen(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "_PAGE", 2)
    async with scene.engine.begin() as connection:
        await enroll_leads(connection, [a_lead(f"lead-{n}") for n in range(7)])
        await enroll_leads(connection, [a_lead("lead-1")], a_sequence(name="other"))
    await _set(scene, "lead-4", "paused", "send_outcome_unknown")
    await _set(scene, "lead-5", "paused", "operator")
    await _set(scene, "lead-6", "stopped", "replied")

    async def counted(command: Said, **choice: str) -> tuple[int, int, int]:
        found = await count(scene.engine, Selection(WORKSPACE, **choice), command)
        return found.meant, found.left_out, found.uncertain

    assert await counted(Stop()) == (7, 0, 1)
    assert await counted(Pause()) == (5, 0, 0)
    assert await counted(Resume()) == (1, 1, 0)
    assert await counted(Resume(decision=Decision.SENT)) == (1, 1, 1)
    assert await counted(Stop(), sequence="no-reply") == (6, 0, 1)
    assert await counted(Stop(), lead_id="lead-1") == (2, 0, 0)
    assert await counted(Stop(), lead_id="lead-1", sequence="other") == (1, 0, 0)
    assert (await count(scene.engine, Selection("another"), Stop())).last is None


async def test_where_nobody_can_be_asked_nothing_changes_without_a_yes(scene: Scene, followup: Command) -> None:
    await scene.enroll(a_sequence(LATER), a_lead("lead-1"), a_lead("lead-2"))
    ran = await followup("stop", "--sequence", "no-reply")
    assert (ran.code, ran.out) == (1, "")
    assert ran.said.startswith("This stops 2 follow-ups of sequence no-reply. Not a terminal")
    assert await scene.rows("SELECT 1 FROM ledger WHERE subject = 'note'") == []


@pytest.mark.parametrize("options", [[], ["lead-1", "--all"], ["--all", "--lead", "lead-1"]])
def test_one_or_many_must_be_named_and_not_both(options: list[str]) -> None:
    ran = CliRunner().invoke(cli.app, ["pause", *options], terminal_width=200)
    assert ran.exit_code == 2
    assert "give INSTANCE, or --sequence" in ran.output


async def test_when_nobody_answers_the_rest_is_not_asked(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acting, "PATIENCE", timedelta(milliseconds=200))
    monkeypatch.setattr(bulk, "SILENCE", 2)
    await scene.enroll(a_sequence(LATER), *(a_lead(f"lead-{n}") for n in range(60)))
    counted = await count(scene.engine, Selection(scene.workspace), Pause())
    assert counted.last is not None
    tally = BulkTally()
    telling = Bulk(scene.engine, scene.client, Pause(), "", tally, lambda: None)
    await telling.tell(Selection(scene.workspace), counted.last, asyncio.Event())
    assert 2 <= tally.unanswered < 60
    assert tally.ended_early == "nobody answers: is a worker running?"


async def _interrupted(scene: Scene, paused: int, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Run a command, press Ctrl-C when so many are paused; returns its exit code and what it printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(ROOT / "cli.py"), *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        env=environment(scene),
        cwd="/",
    )

    async def enough() -> bool:
        [row] = await scene.rows("SELECT count(*) AS paused FROM instances WHERE status = 'paused'")
        return bool(row.paused >= paused)

    await until(enough)
    process.send_signal(signal.SIGINT)
    out, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, json.loads(out)


async def test_hundreds_are_told_through_an_interruption_and_a_second_run_does_the_rest(
    scene: Scene, followup: Command
) -> None:
    async with scene.worker(ScriptedProvider()):
        await scene.enroll(a_sequence(LATER), *(a_lead(f"lead-{n}") for n in range(MANY)))
        code, first = await _interrupted(
            scene, 20, "pause", "--all", "--yes", "--json", "--note", "wait", "--by", "ada"
        )
        assert (code, first["meant"], first["ended_early"]) == (1, MANY, "interrupted")
        again = await followup("pause", "--sequence", "no-reply", "--yes", "--json")
        second = json.loads(again.out)
        assert (again.code, second["meant"], second["left_out"]) == (0, MANY - first["done"], 0)
        assert first["done"] + second["done"] == MANY
    assert await assert_counted(scene) == {"held": MANY}
    told = await scene.rows("SELECT count(*) AS notes FROM ledger WHERE subject = 'note' AND to_state = 'pause'")
    assert told[0].notes == MANY


async def test_i4_nothing_is_sent_after_its_own_stop_was_answered_though_all_were_being_sent(scene: Scene) -> None:
    begun = asyncio.Event()

    def sent(_: Letter) -> Outcome:
        begun.set()
        return Sent(code="scripted")

    provider = ScriptedProvider(sent)
    async with scene.worker(provider):
        await scene.enroll(a_sequence(*[timedelta(0)] * 4), *(a_lead(f"lead-{n}") for n in range(40)))
        await begun.wait()
        counted = await count(scene.engine, Selection(scene.workspace), Stop())
        tally = BulkTally()
        assert counted.last is not None
        await Bulk(scene.engine, scene.client, Stop(by="ada"), "", tally, lambda: None).tell(
            Selection(scene.workspace), counted.last, asyncio.Event()
        )
    assert (tally.unanswered, tally.ended_early) == (0, "")
    counts = await assert_counted(scene)
    assert counts["stopped"] > 0
    late = """SELECT sent.id FROM ledger sent JOIN ledger stop USING (instance_id)
              WHERE sent.to_state = 'sending' AND stop.to_state = 'stopped' AND stop.subject = 'instance'
              AND sent.id > stop.id"""
    assert await scene.rows(late) == []
    assert counts["sent"] == len(provider.sent)
