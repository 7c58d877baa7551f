"""PostgreSQL restored to an older point under a newer Temporal: nothing is sent twice, and a person is asked."""

from datetime import timedelta
from pathlib import Path

from temporalio.client import WorkflowExecutionStatus

from domain.command import Command, Decision, Resume, Stop
from domain.instance import InstanceStatus, Reason
from domain.outcome import NotSent, Unknown
from domain.step import Ending
from operating.acting.act import CommandAnswer, act
from operating.looking.finding import find_instance
from providers.scripted import Halt, ScriptedProvider
from tests.counted import assert_counted
from tests.deploy.restoring import Backup
from tests.scene import Scene, a_lead, a_sequence
from tests.whole.commands import FIRST, reset
from tests.whole.looking import refusal, until, until_page

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"
_AT_ONCE, _SOON, _LATER = timedelta(0), timedelta(seconds=1), timedelta(days=1)
_BEHIND = "**paused** (store_is_behind)"


def _steps(*providers: ScriptedProvider) -> list[int]:
    return [int(letter.draft_id.split("/")[1]) for provider in providers for letter in provider.sent]


async def _sent(provider: ScriptedProvider, *steps: int) -> None:
    async def so() -> bool:
        return _steps(provider) == list(steps)

    await until(so)


async def test_a_send_under_way_while_postgresql_is_restored_is_not_sent_again(scene: Scene, backup: Backup) -> None:
    halt = Halt.new()
    provider = ScriptedProvider(after=halt)
    await scene.enroll(a_sequence(_AT_ONCE, _AT_ONCE), a_lead())
    await backup.take()
    async with scene.worker(provider):
        await halt.reached.wait()
        await backup.restore()
        halt.go.set()
        said = await until_page(scene.handle(), _BEHIND)
        assert "followup resume" in said
        assert "Look for the Message-ID" in said
        assert "say sent, not_sent, skip or stop" in await refusal(scene.handle(), "resume")
        assert _steps(provider) == [1]
        await scene.handle().execute_update("resume", "sent")
        await scene.handle().result()
    assert _steps(provider) == [1, 2]
    assert await assert_counted(scene) == {"skipped": 1, "sent": 1}


async def test_a_second_try_under_way_while_postgresql_is_restored_is_not_sent_again(
    scene: Scene, backup: Backup
) -> None:
    failing = ScriptedProvider(lambda _: NotSent(code="down"))
    halt = Halt.new()
    provider = ScriptedProvider(lambda _: Unknown(code="cut"), after=halt)
    await scene.enroll(a_sequence(_AT_ONCE), a_lead())
    async with scene.worker(failing):
        await until_page(scene.handle(), "(not_sent)")
    await backup.take()
    await scene.handle().signal("pause")
    await scene.handle().signal("resume")
    async with scene.worker(provider):
        await halt.reached.wait()
        await backup.restore()
        halt.go.set()
        await until_page(scene.handle(), _BEHIND)
        assert "say sent, not_sent, skip or stop" in await refusal(scene.handle(), "resume")
        assert _steps(provider) == [1]


async def test_a_follow_up_that_is_further_than_the_store_waits_for_a_person_and_sends_nothing_twice(
    scene: Scene, backup: Backup
) -> None:
    before, after = ScriptedProvider(), ScriptedProvider()
    await scene.enroll(a_sequence(_AT_ONCE, _AT_ONCE, _SOON, _LATER), a_lead())
    await backup.take()
    async with scene.worker(before):
        await until_page(scene.handle(), "| 2 | sent |")
    await backup.restore()
    async with scene.worker(after):
        await until_page(scene.handle(), f"{_BEHIND}, step 3")
        assert await scene.status() == ("paused", "store_is_behind")
        assert _steps(after) == []
        assert (await _act(scene, Resume(decision=Decision.NOT_SENT))).done
        await until_page(scene.handle(), "| 3 | sent |")
        await reset(scene.client, scene.handle(), FIRST)
        await until_page(scene.handle(), "| 1 | skipped |\n| 2 | skipped |\n| 3 | sent |")
    assert _steps(before, after) == [1, 2, 3]
    assert await assert_counted(scene) == {"skipped": 2, "sent": 1, "pending": 1}


async def test_an_uncertain_send_that_the_store_has_forgotten_is_not_released_by_a_plain_resume(
    scene: Scene, backup: Backup
) -> None:
    provider = ScriptedProvider(lambda _: Unknown(code="cut"))
    await scene.enroll(a_sequence(_AT_ONCE), a_lead())
    await backup.take()
    async with scene.worker(provider):
        await until_page(scene.handle(), "**paused** (send_outcome_unknown)")
    await backup.restore()
    async with scene.worker(provider):
        await refusal(scene.handle(), "resume")
        assert _steps(provider) == [1]


async def test_a_follow_up_whose_enrolment_the_store_forgot_sends_nothing_and_is_not_begun_anew(
    scene: Scene, backup: Backup
) -> None:
    provider = ScriptedProvider()
    await backup.take()
    async with scene.worker(provider):
        await scene.enroll(a_sequence(_AT_ONCE, _SOON), a_lead())
        await until_page(scene.handle(), "| 1 | sent |")
    await backup.restore()
    async with scene.worker(provider):
        assert await scene.handle().result() == Ending(status=InstanceStatus.STOPPED, reason=Reason.NOT_ENROLLED)
        assert [one.answer for one in await scene.enroll(a_sequence(_AT_ONCE, _SOON), a_lead())] == ["enrolled"]
        assert (await scene.handle().describe()).status is WorkflowExecutionStatus.COMPLETED
    assert _steps(provider) == [1]
    said = await _act(scene, Stop(by="ada"))
    assert (said.done, await scene.status()) == (True, ("stopped", "operator"))


async def test_a_follow_up_that_is_enrolled_again_after_the_store_forgot_it_waits_for_a_person(
    scene: Scene, backup: Backup
) -> None:
    before, after = ScriptedProvider(), ScriptedProvider()
    await backup.take()
    async with scene.worker(before):
        await scene.enroll(a_sequence(_AT_ONCE, _SOON), a_lead())
        await until_page(scene.handle(), "| 1 | sent |")
    await backup.restore()
    await scene.enroll(a_sequence(_AT_ONCE, _SOON), a_lead())
    async with scene.worker(after):
        await until_page(scene.handle(), f"{_BEHIND}, step 2")
        await scene.handle().execute_update("resume", "not_sent")
        await scene.handle().result()
    assert _steps(before, after) == [1, 2]


async def test_after_the_documented_procedure_nothing_is_sent_before_a_person_has_looked(
    scene: Scene, backup: Backup
) -> None:
    before, after = ScriptedProvider(), ScriptedProvider()
    await scene.enroll(a_sequence(_AT_ONCE, _LATER), a_lead("sent"), a_lead("not-sent"))
    await scene.handle("not-sent").signal("pause")
    await backup.take()
    async with scene.worker(before):
        await until_page(scene.handle("sent"), "| 1 | sent |")
        await until_page(scene.handle("not-sent"), "**paused** (operator)")
    await backup.restore()
    async with scene.engine.begin() as connection:
        await connection.exec_driver_sql(_documented_statement())
    for lead in ("sent", "not-sent"):
        await scene.handle(lead).signal("pause", {"by": "ada"})
    await reset(scene.client, scene.handle("sent"), FIRST)
    async with scene.worker(after):
        await until_page(scene.handle("sent"), _BEHIND)
        assert "say sent, not_sent, skip or stop" in await refusal(scene.handle("sent"), "resume")
        await scene.handle("sent").execute_update("resume", "sent")
        await until_page(scene.handle("sent"), "| 2 | due")
        assert (await _act(scene, Resume(decision=Decision.NOT_SENT), "not-sent")).done
        await until_page(scene.handle("not-sent"), "| 1 | sent |")
    assert [letter.recipient for letter in before.sent + after.sent] == ["sent@example.test", "not-sent@example.test"]
    assert await assert_counted(scene) == {"skipped": 1, "sent": 1, "pending": 2}


def _documented_statement() -> str:
    section = OPERATIONS.read_text().partition("## PostgreSQL or Temporal restored")[2]
    return section.partition("```sql\n")[2].partition("```")[0]


async def _act(scene: Scene, command: Command, lead: str = "lead-1") -> CommandAnswer:
    found = await find_instance(scene.engine, scene.workspace, scene.instance(lead))
    return await act(scene.engine, scene.client, found, command, "looked into")
