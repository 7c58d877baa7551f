"""The Web UI is an operator's whole tool: what waits is found, understood and settled there; no click sends twice."""

import re
from datetime import timedelta

from playwright.async_api import expect

from domain.outcome import Unknown
from operating.audit.finding import Report
from operating.audit.tables import World, audit_tables
from providers.scripted import ScriptedProvider
from tests.counted import assert_counted
from tests.scene import Scene, a_lead, a_sequence
from tests.whole.looking import until_listed, until_page
from tests.whole.web_ui.ui import WebUi
from workflows.search_attributes import REASON, STATUS, WORKSPACE

_UNKNOWN = "**paused** (send_outcome_unknown)"


def _unsure(scene: Scene) -> ScriptedProvider:
    return ScriptedProvider({f"{scene.instance()}/1/email": Unknown(code="cut")})


def _sent(provider: ScriptedProvider) -> list[str]:
    return [letter.draft_id[-7:] for letter in provider.sent]


async def test_a_paused_follow_up_is_found_understood_and_settled_by_a_signal(scene: Scene, ui: WebUi) -> None:
    provider = _unsure(scene)
    async with scene.worker(provider):
        await scene.enroll(a_sequence(), a_lead())
        await until_page(scene.handle(), _UNKNOWN)
        waiting = (
            f"{STATUS.name} = 'paused' AND {REASON.name} = 'send_outcome_unknown'"
            f" AND {WORKSPACE.name} = '{scene.workspace}'"
        )
        await until_listed(scene.client, waiting)
        links = await ui.find(waiting)
        await expect(links.filter(has_text=scene.handle().id)).to_be_visible()
        await ui.open(scene.handle().id)
        told = await ui.until_details("may have been sent")
        [message] = await scene.rows("SELECT message_id FROM drafts")
        assert message.message_id.split("@")[0] in told
        assert "lead-1@example.test" not in told
        assert f"followup resume '{scene.instance()}' --decision sent" in told
        await ui.signal("resume", '"perhaps"')  # not understood: shown, and nothing is changed
        assert "Not done: " in await ui.until_details("Not done: ")
        assert await scene.states() == ["unknown"]
        await ui.signal("resume", '{"decision": "sent", "by": "ada"}')
        assert (await scene.handle().result()).status == "completed"
    assert _sent(provider) == ["1/email", "2/email", "3/email"]
    assert "ada says sent" in [entry.why for entry in await scene.ledger()]
    assert await assert_counted(scene) == {"sent": 3}


async def test_resume_without_input_and_twice_means_sent_once(scene: Scene, ui: WebUi) -> None:
    provider = _unsure(scene)
    async with scene.worker(provider):
        await scene.enroll(a_sequence(timedelta(0), timedelta(hours=1)), a_lead())
        await until_page(scene.handle(), _UNKNOWN)
        await ui.open(scene.handle().id)
        await ui.signal("resume")
        await ui.until_details("step 2 of 2")
        await ui.signal("resume")
        assert "there is nothing to resume" in await ui.until_details("Not done: ")
    assert (_sent(provider), await scene.states()) == (["1/email"], ["sent"])


async def test_an_update_settles_it_too(scene: Scene, ui: WebUi) -> None:
    provider = _unsure(scene)
    async with scene.worker(provider):
        await scene.enroll(a_sequence(), a_lead())
        await until_page(scene.handle(), _UNKNOWN)
        await ui.open(scene.handle().id)
        await ui.update("resume", '"skip"')
        assert (await scene.handle().result()).status == "completed"
    assert await scene.states() == ["skipped", "sent", "sent"]


async def test_a_draft_is_approved_by_the_fingerprint_that_the_page_tells(scene: Scene, ui: WebUi) -> None:
    provider = ScriptedProvider()
    step = {"wait": "0s", "subject": "Hello {{ name }}", "body": "Hello {{ name }}", "approval": True}
    async with scene.worker(provider):
        await scene.enroll(a_sequence(steps=[step]), a_lead())
        await until_page(scene.handle(), "awaiting_approval")
        await ui.open(scene.handle().id)
        told = await ui.until_details("approve")
        [draft] = await scene.rows("SELECT fingerprint FROM drafts")
        assert draft.fingerprint[:8] in told
        assert "Grace" not in told
        await ui.signal("approve")  # without what was seen it approves nothing
        await ui.until_details("Not done: ")
        assert provider.begun == []
        await ui.signal("approve", f'"{draft.fingerprint[:8]}"')
        assert (await scene.handle().result()).status == "completed"
    assert _sent(provider) == ["1/email"]
    assert [tuple(task) for task in await scene.rows("SELECT kind, state FROM tasks")] == [("approve_draft", "closed")]


async def test_resets_to_the_start_and_to_the_middle_send_nothing_twice_and_go_on_from_the_truth(
    scene: Scene, ui: WebUi
) -> None:
    provider = _unsure(scene)
    async with scene.worker(provider):
        await scene.enroll(a_sequence(), a_lead())
        await until_page(scene.handle(), _UNKNOWN)
        await ui.open(scene.handle().id)
        await ui.reset(to_start=True)
        await until_page(scene.handle(), _UNKNOWN)
        await ui.open(scene.handle().id)
        await ui.signal("resume", '"sent"')
        await scene.handle().result()
        await ui.open(scene.handle().id)
        await ui.reset(to_start=False)
        assert (await scene.handle().result()).status == "completed"
    assert _sent(provider) == ["1/email", "2/email", "3/email"]
    assert await assert_counted(scene) == {"sent": 3}


async def test_a_terminated_follow_up_counts_as_stopped_and_the_audit_shows_it(scene: Scene, ui: WebUi) -> None:
    provider = ScriptedProvider()
    async with scene.worker(provider):
        await scene.enroll(a_sequence(timedelta(0), timedelta(hours=1)), a_lead())
        await until_page(scene.handle(), "step 2 of 2")
        await ui.open(scene.handle().id)
        await ui.terminate()
        await expect(ui.page.get_by_text(re.compile("Terminated")).first).to_be_visible()
        report = Report()
        await audit_tables(
            World(scene.engine, scene.client, scene.workspace, timedelta(minutes=10), lambda _: None), report
        )
    assert [(one.kind, one.thread) for one in report.findings] == [("workflow_gone", scene.instance())]
    assert (report.steps["sent"], report.steps["stopped"]) == (1, 1)
    assert _sent(provider) == ["1/email"]
