"""`followup audit` of our own tables and of Temporal: a world where all is well, and one of planted faults."""

import json
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import literal_column, text

import store.audit
from domain.draft import DraftState
from domain.evidence import EvidenceKind
from domain.instance import workflow_id
from domain.outcome import Unknown
from domain.step import FollowUp
from operating.audit.finding import MOST_KEPT, Finding, Kind, Report
from operating.audit.page import report_lines
from operating.audit.running import running_instances
from operating.audit.tables import World, audit_tables
from providers.scripted import ScriptedProvider
from store.evidence import Seen, add_evidence
from tests.command import Command
from tests.counted import assert_counted
from tests.naming import message_id
from tests.roles import without_guards
from tests.scene import Scene, a_lead, a_sequence
from tests.store.enrolled import WORKSPACE, enroll_leads, put_draft
from tests.whole.looking import until, until_page
from workflows.follow_up import FollowUpWorkflow

LATER = timedelta(days=1)


async def audited(scene: Scene, workspace: str = "") -> Report:
    report = Report()
    looked: list[int] = []
    world = World(scene.engine, scene.client, workspace or scene.workspace, timedelta(minutes=10), looked.append)
    await audit_tables(world, report)
    assert sum(looked) == report.looked_at["instances"]
    return report


def found(report: Report) -> dict[tuple[Kind, str], str]:
    return {(one.kind, one.thread): one.sentence for one in report.findings}


def runs(scene: Scene, *instances: str) -> Callable[[], Awaitable[bool]]:
    """Whether Temporal's list shows these and no others of the scene as running."""

    async def so() -> bool:
        return {one async for page in running_instances(scene.client, scene.workspace) for one in page} == {*instances}

    return so


async def test_a_day_of_ordinary_work_is_clean_and_adds_up_and_what_was_broken_from_outside_is_found(
    scene: Scene,
) -> None:
    uncertain = {f"{scene.instance('unknown')}/1/email": Unknown(code="smtp-eof-final")}
    async with scene.worker(ScriptedProvider(uncertain)):
        await scene.enroll(a_sequence(), a_lead("all-sent"), a_lead("unknown"))
        await scene.enroll(a_sequence(LATER, LATER), *map(a_lead, ("waits", "skipped", "stopped", "broken")))
        await scene.handle("all-sent").result()
        await until_page(scene.handle("unknown"), "**paused**")
        await scene.handle("skipped").execute_update("pause")
        await scene.handle("skipped").execute_update("resume", "skip")
        await scene.handle("stopped").execute_update("stop")
        waiting = [scene.instance(lead) for lead in ("unknown", "waits", "skipped")]
        await until(runs(scene, *waiting, scene.instance("broken")))
        report = await audited(scene)
        assert found(report) == {}
        assert dict(report.steps) == await assert_counted(scene)
        assert report.looked_at == {"running workflows": 4, "instances": 6, "messages sent": 3}
        await scene.handle("broken").terminate("by hand")
        by_hand, broken = scene.instance("by-hand"), scene.instance("broken")
        never = FollowUp(instance_id=by_hand, steps=1, first_due_at=datetime.now(UTC) + LATER)
        handle = await scene.start_by_hand("by-hand", never)
        await until(runs(scene, *waiting, by_hand))
        report = await audited(scene)
    gone = found(report)
    assert gone.keys() == {(Kind.WORKFLOW_GONE, broken), (Kind.NO_ROW, by_hand)}
    assert gone[Kind.WORKFLOW_GONE, broken].startswith(
        "its workflow was ended from outside (terminated) while step 1 was not drafted (the follow-up is active)"
    )
    # what a workflow that is gone would have done is not pending any more
    counted = await assert_counted(scene)
    assert (report.steps["stopped"], report.steps["pending"]) == (counted["stopped"] + 2, counted["pending"] - 2)
    await handle.terminate()


class Planted:
    """Follow-ups that are over, whose steps and drafts are put there by hand; Temporal is not asked of them."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    async def over(self, *leads: str, status: str = "stopped") -> None:
        async with self._scene.engine.begin() as connection:
            ids = await enroll_leads(connection, [a_lead(lead) for lead in leads], a_sequence(LATER, LATER, LATER))
            sql = (
                "UPDATE instances SET status = :status, reason = 'operator', who = 't', why = 't' WHERE id = ANY(:ids)"
            )
            await connection.execute(text(sql), {"status": status, "ids": ids})

    async def draft(self, lead: str, step: int, state: DraftState, told: str | None = None, **more: Any) -> None:
        instance = f"{WORKSPACE}:no-reply:{lead}"
        named = {"message_id": message_id(f"{instance}/{step}/email", "example.test"), "state": state}
        values = named | {"recipient": f"{lead}@example.test", "content": f"step {step}".encode()} | more
        async with self._scene.engine.begin() as connection:
            await put_draft(connection, instance, step, **values)
            sql = """INSERT INTO ledger (instance_id, step, subject, to_state, who, why)
                     VALUES (:instance, :step, 'draft', :state, 't', 't')"""
            await connection.execute(text(sql), {"instance": instance, "step": step, "state": told or str(state)})

    async def by_hand(self, *statements: str) -> None:
        async with self._scene.engine.begin() as connection:
            await without_guards(connection)
            for statement in statements:
                await connection.execute(text(statement))


async def test_each_fault_planted_in_the_tables_is_found_and_nothing_else(scene: Scene) -> None:
    plant, sent = Planted(scene), DraftState.SENT
    await plant.over("fine", "twice", "burst", "stuck", "tasks", "ledger", "stray", "told")
    await plant.over("lost", status="completed")
    await plant.by_hand(
        "ALTER TABLE drafts DROP CONSTRAINT uq_drafts_instance_id_step_channel",
        "ALTER TABLE tasks DROP CONSTRAINT pk_tasks",
        "UPDATE instances SET status = 'completed' WHERE lead_id = 'told'",
    )
    for lead in ("fine", "twice", "burst"):
        for step, day in ((1, "03"), (2, "05")):
            await plant.draft(lead, step, sent, sent_at=f"2026-01-{day}T10:00:00Z")
    await plant.draft("twice", 1, sent, sent_at="2026-01-04T10:00:00Z", id="again")
    await plant.draft("burst", 3, sent, sent_at="2026-01-05T10:00:04Z")
    await plant.draft("stuck", 1, DraftState.SENDING)
    await plant.draft("stray", 7, DraftState.SKIPPED)
    await plant.draft("ledger", 1, DraftState.SKIPPED, told="sent")
    for step in (1, 2, 3):
        await plant.draft("told", step, DraftState.SKIPPED)
    task = f"""INSERT INTO tasks (instance_id, step, kind, who, why)
               VALUES ('{WORKSPACE}:no-reply:tasks', 1, 'settle_outcome', 't', 't')"""  # noqa: S608  # ours
    await plant.by_hand(task, task, task.replace("settle_outcome", "alarm"))
    report = await audited(scene, WORKSPACE)
    assert Counter((one.kind, one.thread.rpartition(":")[2], one.step) for one in report.findings) == {
        # a step of which there are two drafts counts twice
        (Kind.DUPLICATE, "twice", "1"): 1,
        (Kind.BURST, "burst", None): 1,
        (Kind.STUCK_SENDING, "stuck", "1"): 1,
        (Kind.DOUBLED_TASK, "tasks", "1"): 1,
        (Kind.UNACCOUNTED, "ledger", "1"): 1,
        (Kind.UNACCOUNTED, "stray", "7"): 1,
        (Kind.UNACCOUNTED, "told", "1"): 1,
        (Kind.UNACCOUNTED, "lost", "1"): 1,
        (Kind.UNACCOUNTED, "lost", "2"): 1,
        (Kind.UNACCOUNTED, "lost", "3"): 1,
    }
    assert report.steps["unaccounted"] == 3


async def test_steps_sent_as_fast_as_their_sequence_asks_are_no_burst_and_faster_ones_are(scene: Scene) -> None:
    plant, minute = Planted(scene), timedelta(minutes=1)
    async with scene.engine.begin() as connection:
        await enroll_leads(connection, [a_lead("quick"), a_lead("quicker")], a_sequence(minute, minute))
    await plant.by_hand("UPDATE instances SET status = 'completed'", "UPDATE ledger SET to_state = 'completed'")
    for lead, second in (("quick", "01:00"), ("quicker", "00:30")):
        await plant.draft(lead, 1, DraftState.SENT, sent_at="2026-01-05T10:00:00Z")
        await plant.draft(lead, 2, DraftState.SENT, sent_at=f"2026-01-05T10:{second}Z")
    report = await audited(scene, WORKSPACE)
    assert [(one.kind, one.thread) for one in report.findings] == [(Kind.BURST, f"{WORKSPACE}:no-reply:quicker")]


async def test_two_copies_in_a_sent_folder_are_found_of_a_draft_that_was_sent_once(scene: Scene) -> None:
    plant = Planted(scene)
    await plant.over("lead-1", "lead-2")
    for lead, copies in (("lead-1", 1), ("lead-2", 2)):
        await plant.draft(lead, 1, DraftState.SENT, sent_at="2026-01-05T10:00:00Z")
        for number in range(copies):
            seen = Seen(EvidenceKind.SENT_COPY, f"imap:mail.test/Sent/1/{number}", datetime.now(UTC))
            async with scene.engine.begin() as connection:
                await add_evidence(connection, WORKSPACE, f"{WORKSPACE}:no-reply:{lead}/1/email", seen, "imap")
    report = await audited(scene, WORKSPACE)
    seen_twice = [(one.thread, one.step) for one in report.findings if one.kind is Kind.SEEN_TWICE]
    assert seen_twice == [(f"{WORKSPACE}:no-reply:lead-2", "1")]


async def test_pages_hide_nothing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store.audit, "_PAGE", literal_column("2"))
    plant = Planted(scene)
    await plant.over(*(f"lead-{number}" for number in range(5)))
    await plant.by_hand("ALTER TABLE drafts DROP CONSTRAINT uq_drafts_instance_id_step_channel")
    for number in range(3):
        await plant.draft("lead-1", 1, DraftState.SENT, sent_at="2026-01-05T10:00:00Z", id=f"copy-{number}")
        await plant.draft(f"lead-{number + 2}", 1, DraftState.SENT, sent_at="2026-01-05T10:00:00Z")
    report = await audited(scene, WORKSPACE)
    assert report.looked_at == {"instances": 5, "messages sent": 6}
    assert [(one.kind, len(one.marks)) for one in report.in_order()] == [(Kind.DUPLICATE, 3), (Kind.BURST, 3)]


async def test_what_is_kept_of_many_findings_is_bounded_and_all_are_counted() -> None:
    report = Report()
    report.add(Finding(Kind.NO_ROW, f"i{number}", None, "x") for number in range(MOST_KEPT + 5))
    assert (len(report.findings), report.found[Kind.NO_ROW], report.clean) == (MOST_KEPT, MOST_KEPT + 5, False)
    assert list(report_lines(report))[-1] == "\nand 5 more of the same kinds"


async def test_one_enrolled_long_ago_and_never_started_is_found_and_a_new_one_is_not(scene: Scene) -> None:
    plant = Planted(scene)
    async with scene.engine.begin() as connection:
        await enroll_leads(connection, [a_lead("left-behind"), a_lead("new")])
    await plant.by_hand("UPDATE instances SET enrolled_at = now() - interval '1 hour' WHERE lead_id = 'left-behind'")
    report = await audited(scene, WORKSPACE)
    assert found(report).keys() == {(Kind.NOT_STARTED, f"{WORKSPACE}:no-reply:left-behind")}


async def test_a_workflow_that_goes_on_long_after_its_follow_up_ended_is_found_and_one_that_just_ended_is_not(
    scene: Scene,
) -> None:
    plant, ended = Planted(scene), [f"{WORKSPACE}:no-reply:{lead}" for lead in ("long-ago", "just-now", "unknown")]
    await plant.over("long-ago", "just-now", "unknown")
    await plant.draft("unknown", 1, DraftState.UNKNOWN)
    await plant.by_hand("UPDATE ledger SET at = now() - interval '1 hour' WHERE instance_id NOT LIKE '%just-now'")
    never = datetime.now(UTC) + LATER
    for instance in ended:
        await scene.client.start_workflow(
            FollowUpWorkflow.run,
            FollowUp(instance_id=instance, steps=3, first_due_at=never),
            id=workflow_id(instance),
            task_queue="nobody",
        )
    await until(lambda: _run(scene, set(ended)))
    report = await audited(scene, WORKSPACE)
    for instance in ended:
        await scene.client.get_workflow_handle(workflow_id(instance)).terminate()
    assert found(report).keys() == {(Kind.STILL_RUNS, ended[0])}


async def _run(scene: Scene, instances: set[str]) -> bool:
    return instances <= {one async for page in running_instances(scene.client, WORKSPACE) for one in page}


async def test_a_started_one_that_temporal_does_not_know_is_found(scene: Scene) -> None:
    async with scene.engine.begin() as connection:
        await enroll_leads(connection, [a_lead("forgotten")])
    await Planted(scene).by_hand("UPDATE instances SET started_at = now()")
    [sentence] = found(await audited(scene, WORKSPACE)).values()
    assert sentence.startswith("Temporal knows no workflow of it while step 1 was not drafted")


def mail(folder: Path, *message_ids: str) -> Path:
    """A mailbox that got these messages."""
    for number, id_ in enumerate(message_ids):
        message = EmailMessage()
        message["Message-ID"], message["To"], message["Subject"] = id_, "x@example.test", f"Hi {number}"
        message.set_content(f"Hello {number}")
        (folder / f"{number}.eml").write_bytes(message.as_bytes())
    return folder


async def test_the_command_looks_at_tables_temporal_and_mailbox_and_says_by_its_code_what_came_of_it(
    scene: Scene, tmp_path: Path, followup: Command
) -> None:
    plant = Planted(scene)
    await plant.over("lead-1", "lead-2", "lead-3")
    await plant.draft("lead-1", 1, DraftState.SENT, sent_at="2026-01-05T10:00:00Z")
    clean = await followup("audit", FOLLOWUP_WORKSPACE=WORKSPACE)
    assert (clean.code, clean.said) == (0, "")
    assert clean.out.splitlines() == [
        "looked at 3 instances, 1 messages sent",
        "9 steps = 1 sent + 0 pending + 0 held + 0 skipped + 0 refused + 8 stopped + 0 unknown",
        "nothing is wrong",
    ]
    await plant.draft("lead-2", 1, DraftState.UNKNOWN)
    await plant.draft("lead-3", 1, DraftState.SKIPPED)
    ids = [message_id(f"{WORKSPACE}:no-reply:lead-{number}/1/email", "example.test") for number in (1, 1, 2, 3)]
    page = tmp_path / "report.html"
    box = mail(tmp_path, *ids)
    ran = await followup("audit", "--received", box, "--json", "--html", page, FOLLOWUP_WORKSPACE=WORKSPACE)
    report = json.loads(ran.out)
    assert (ran.code, ran.said, page.read_text().count("<svg")) == (1, "", 3)
    assert report["found"] == {"received_unknown": 1, "received_unsent": 1, "two_messages": 1}
    down = await followup("audit", TEMPORAL_ADDRESS="127.0.0.1:1")
    assert (down.code, down.out, len(down.lines)) == (2, "", 1)
