"""`followup pause`, `resume` and `stop`: real workflows, told by a process of their operator's own."""

import json
from datetime import timedelta

import pytest
from temporalio.api.enums.v1 import EventType

from domain.command import Pause, Resume
from domain.outcome import Unknown
from operating.acting import act as acting
from providers.scripted import ScriptedProvider
from store.listing import find_by_prefix
from tests.command import Command
from tests.scene import Scene, a_lead, a_sequence
from tests.whole.commands import LAST, reset
from tests.whole.looking import count, events, until_page

NOTE = "Grace says it came"
LATER = timedelta(days=1)


def first_uncertain(scene: Scene) -> ScriptedProvider:
    """Step 1 ends uncertain, whoever is written to."""
    return ScriptedProvider({f"{scene.instance()}/1/email": Unknown(code="smtp-eof-final")})


async def notes(scene: Scene) -> list[tuple[str, str, str]]:
    return [(entry.to_state, entry.who, entry.why) for entry in await scene.ledger() if entry.subject == "note"]


async def test_an_uncertain_send_is_settled_by_the_operators_word_and_the_rest_follows(
    scene: Scene, followup: Command
) -> None:
    provider = first_uncertain(scene)
    async with scene.worker(provider):
        await scene.enroll(a_sequence(), a_lead())
        await until_page(scene.handle(), "**paused**")
        ran = await followup("resume", scene.instance(), "--decision", "sent", "--note", NOTE, "--by", "ada")
        assert (ran.code, ran.said) == (0, "")
        assert ran.out.startswith(f"{scene.instance()}: step ")
        ending = await scene.handle().result()
    assert (ending.status, await scene.states()) == ("completed", ["sent", "sent", "sent"])
    assert [letter.draft_id[-7:] for letter in provider.sent] == ["1/email", "2/email", "3/email"]
    assert await notes(scene) == [("resume sent", "ada", NOTE)]


async def test_an_operators_note_never_reaches_temporal(scene: Scene, followup: Command) -> None:
    async with scene.worker(first_uncertain(scene)):
        await scene.enroll(a_sequence(), a_lead())
        await until_page(scene.handle(), "**paused**")
        await followup("resume", scene.instance(), "--decision", "sent", "--note", NOTE)
        await scene.handle().result()
    history = "".join(str(event) for event in await events(scene.handle()))
    assert "resume" in history
    assert "Grace" not in history


async def test_not_sent_too_early_is_refused_with_the_instant_and_changes_nothing(
    scene: Scene, followup: Command
) -> None:
    provider = first_uncertain(scene)
    async with scene.worker(provider, send_timeout=timedelta(minutes=10)):
        await scene.enroll(a_sequence(), a_lead())
        await until_page(scene.handle(), "**paused**")
        ran = await followup("resume", scene.instance(), "--decision", "not_sent", "--note", NOTE)
        [draft] = await scene.rows("SELECT state, overdue_at FROM drafts")
        assert (ran.code, ran.out, draft.state) == (1, "", "unknown")
        assert f"not_sent is accepted from {draft.overdue_at:%Y-%m-%d %H:%M:%S} UTC" in ran.said
    [(said, _, why), (refused, _, sentence)] = await notes(scene)
    assert (said, why, refused) == ("resume not_sent", NOTE, "not_done")
    assert sentence in ran.said
    assert len(provider.sent) == 1


async def test_what_is_refused_once_is_asked_anew_the_next_time(scene: Scene, followup: Command) -> None:
    async with scene.worker(ScriptedProvider()):
        await scene.enroll(a_sequence(LATER), a_lead())
        first = await followup("resume", scene.instance())
        assert (first.code, "it is not paused but active" in first.said) == (1, True)
        assert (await followup("pause", scene.instance())).code == 0
        assert (await followup("resume", scene.instance())).code == 0


async def test_the_same_command_after_something_happened_is_a_new_one(scene: Scene, followup: Command) -> None:
    async with scene.worker(ScriptedProvider()):
        await scene.enroll(a_sequence(LATER, LATER), a_lead())
        for command in ("pause", "resume", "pause"):
            ran = await followup(command, scene.instance())
            assert (ran.code, ran.said) == (0, "")
        assert await count(scene.handle(), EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED) == 3


async def test_a_stop_ends_the_follow_up_and_nothing_more_can_be_asked(scene: Scene, followup: Command) -> None:
    async with scene.worker(ScriptedProvider()):
        await scene.enroll(a_sequence(LATER), a_lead())
        ran = await followup("stop", scene.instance(), "--note", "wrong person", "--by", "ada", "--json")
        answer = json.loads(ran.out)
        assert (ran.code, answer["done"], answer["command"]) == (0, True, "stop")
        assert (await scene.handle().result()).status == "stopped"
        late = await followup("pause", scene.instance())
    assert (late.code, late.out) == (1, "")
    [ended] = [entry.at for entry in await scene.ledger() if entry.to_state == "stopped"]
    assert late.said == f"{scene.instance()}: is stopped since {ended:%Y-%m-%d %H:%M:%S} UTC: nothing to pause\n"
    assert await scene.status() == ("stopped", "operator")


async def test_a_follow_up_that_temporal_does_not_know_is_said_to_be_so(scene: Scene, followup: Command) -> None:
    await scene.enroll(a_sequence(LATER), a_lead())
    ran = await followup("stop", scene.instance(), TEMPORAL_NAMESPACE="temporal-system")
    assert (ran.code, ran.out) == (1, "")
    assert "Temporal knows no workflow of this follow-up" in ran.said


async def test_a_command_that_nobody_answers_counts_once_however_often_it_is_said(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acting, "PATIENCE", timedelta(seconds=1))
    await scene.enroll(a_sequence(LATER), a_lead())
    async with scene.engine.connect() as connection:
        [found] = await find_by_prefix(connection, scene.instance())
    for note in ("once", "twice"):
        silence = await acting.act(scene.engine, scene.client, found, Pause(by="ada"), note)
        assert (silence.done, "is a worker running?" in silence.answer) == (False, True)
    monkeypatch.undo()
    async with scene.worker(ScriptedProvider()):
        answered = await acting.act(scene.engine, scene.client, found, Pause(by="ada"), "thrice")
        assert answered.done, answered.answer
        assert await count(scene.handle(), EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED) == 1
    assert [why for _, _, why in await notes(scene)] == ["once", "twice", "thrice"]


async def test_a_run_that_was_reset_is_asked_anew(scene: Scene) -> None:
    runs = set()
    async with scene.worker(ScriptedProvider()):
        await scene.enroll(a_sequence(LATER), a_lead())
        for command in (Pause(by="ada"), Resume(by="ada")):
            async with scene.engine.connect() as connection:
                [found] = await find_by_prefix(connection, scene.instance())
            answered = await acting.act(scene.engine, scene.client, found, command, "")
            assert answered.done, answered.answer
            run = (await scene.handle().describe()).run_id
            accepted = [one.workflow_execution_update_accepted_event_attributes for one in await events(scene.handle())]
            assert run in [one.protocol_instance_id[-len(run) :] for one in accepted]
            runs.add(run)
            await reset(scene.client, scene.handle(), LAST, repeat_what_was_said=False)
    assert len(runs) == 2


async def test_where_temporal_is_down_no_note_is_kept(scene: Scene, followup: Command) -> None:
    await scene.enroll(a_sequence(LATER), a_lead())
    ran = await followup("stop", scene.instance(), "--note", NOTE, TEMPORAL_ADDRESS="127.0.0.1:1")
    assert (ran.code, ran.out, len(ran.lines)) == (1, "", 1)
    assert ran.said.startswith("followup: Temporal can't be reached at 127.0.0.1:1 (")
    assert await notes(scene) == []


@pytest.mark.parametrize("options", [["--by", "ada@example.org"], ["--note", "two\nlines"], ["--by", ""]])
async def test_a_bad_name_or_note_is_refused_before_anything_happens(
    scene: Scene, followup: Command, options: list[str]
) -> None:
    await scene.enroll(a_sequence(LATER), a_lead())
    ran = await followup("stop", scene.instance(), *options)
    assert ran.code != 0
    assert "Traceback" not in ran.said
    assert await notes(scene) == []
