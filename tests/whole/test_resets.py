"""A reset in the Web UI makes steps run again, beside the old run if that was sending: none is sent twice (I1, I2)."""

from datetime import timedelta
from typing import Any

import pytest

from domain.command import Resume
from domain.outcome import Fault, Refused, Sent, Unknown
from providers.scripted import Halt, ScriptedProvider
from tests.replaying import assert_replays
from tests.scene import Scene, a_lead, a_sequence
from tests.whole.commands import FIRST, LAST, MIDDLE, reset
from tests.whole.looking import page, refusal, stumbles, until, until_instant, until_page

_LATER = timedelta(days=1)
_POINTS = pytest.mark.parametrize("to", [FIRST, MIDDLE, LAST])
_REPEAT = pytest.mark.parametrize("repeat", [True, False], ids=["said again", "said once"])
# Half of it to reach the point of no return, half to be answered; then another run gives the send up as unknown.
_SOON = timedelta(seconds=1)


def _ids(provider: ScriptedProvider) -> list[str]:
    return [letter.draft_id[-7:] for letter in provider.sent]


@_POINTS
@_REPEAT
async def test_a_completed_follow_up_that_is_reset_completes_again_and_sends_nothing(
    scene: Scene, to: str, repeat: bool
) -> None:
    provider = ScriptedProvider({f"{scene.instance()}/1/email": Unknown(code="cut")})
    async with scene.worker(provider):
        await scene.enroll(a_sequence(), a_lead())
        await until_page(scene.handle(), "**paused**")
        await scene.handle().signal("resume", "sent")
        await scene.handle().result()
        before = await scene.ledger()
        await reset(scene.client, scene.handle(), to, repeat_what_was_said=repeat)
        ending = await scene.handle().result()
    assert (ending.status, await scene.status()) == ("completed", ("completed", "none"))
    assert _ids(provider) == ["1/email", "2/email", "3/email"]
    assert await scene.ledger() == before
    assert await stumbles(scene.handle()) == 0


@_POINTS
@_REPEAT
async def test_a_waiting_follow_up_that_is_reset_waits_for_the_same_instant(
    scene: Scene, to: str, repeat: bool
) -> None:
    provider = ScriptedProvider({f"{scene.instance()}/1/email": Unknown(code="cut")})
    async with scene.worker(provider):
        await scene.enroll(a_sequence(timedelta(0), _LATER), a_lead())
        await until_page(scene.handle(), "**paused**")
        await scene.handle().signal("resume", "sent")
        before = await until_page(scene.handle(), "| 2 | due")
        await reset(scene.client, scene.handle(), to, repeat_what_was_said=repeat)
        await until_page(scene.handle(), before.splitlines()[-1])
        assert await scene.status() == ("active", "none")
    assert (_ids(provider), await scene.states()) == (["1/email"], ["sent"])


@_POINTS
@_REPEAT
async def test_a_paused_follow_up_that_is_reset_is_paused_again_and_can_be_resumed(
    scene: Scene, to: str, repeat: bool
) -> None:
    provider = ScriptedProvider({f"{scene.instance()}/1/email": Unknown(code="cut")})
    async with scene.worker(provider):
        await scene.enroll(a_sequence(), a_lead())
        await until_page(scene.handle(), "**paused**")
        await reset(scene.client, scene.handle(), to, repeat_what_was_said=repeat)
        await until_page(scene.handle(), "**paused** (send_outcome_unknown)")
        await scene.handle().execute_update("resume", "sent")
        await scene.handle().result()
    assert (_ids(provider), await scene.states()) == (["1/email", "2/email", "3/email"], ["sent"] * 3)


@_POINTS
@_REPEAT
async def test_a_follow_up_that_was_completed_by_a_skip_is_reset_and_completes_again(
    scene: Scene, to: str, repeat: bool
) -> None:
    async with scene.worker(ScriptedProvider()):
        await scene.enroll(a_sequence(_LATER), a_lead())
        await scene.handle().execute_update("pause")
        await scene.handle().execute_update("resume", "skip")
        await scene.handle().result()
        await reset(scene.client, scene.handle(), to, repeat_what_was_said=repeat)
        ending = await scene.handle().result()
    assert (ending.status, await scene.status(), await scene.states()) == ("completed", ("completed", "none"), [])


async def test_a_reset_to_a_second_pause_that_is_over_goes_on_by_itself(scene: Scene) -> None:
    provider = ScriptedProvider(lambda letter: Unknown(code="cut") if "/1/" in letter.draft_id else Sent(code="ok"))
    async with scene.worker(provider, send_timeout=_SOON):
        await scene.enroll(a_sequence(), a_lead())
        await _until_overdue(scene, generation=1)
        await scene.handle().execute_update("resume", "not_sent")
        await _until_overdue(scene, generation=2)
        await scene.handle().execute_update("resume", "sent")
        await scene.handle().result()
        await reset(scene.client, scene.handle(), MIDDLE, repeat_what_was_said=False, answer=2)
        ending = await scene.handle().result()
    assert (ending.status, await stumbles(scene.handle())) == ("completed", 0)
    assert _ids(provider) == ["1/email", "1/email", "2/email", "3/email"]


async def test_a_run_that_begins_with_a_pause_finds_out_what_became_of_a_send_of_the_run_before(scene: Scene) -> None:
    halt = Halt.new()
    provider = ScriptedProvider(after=halt)
    async with scene.worker(provider, send_timeout=_SOON):
        await scene.enroll(a_sequence(), a_lead())
        await halt.reached.wait()
        await scene.handle().signal("pause")
        await reset(scene.client, scene.handle(), FIRST)
        await until_page(scene.handle(), "**paused** (send_outcome_unknown)")
        halt.go.set()


async def test_a_stopped_follow_up_that_is_reset_sends_nothing_more(scene: Scene) -> None:
    provider = ScriptedProvider()
    async with scene.worker(provider):
        await scene.enroll(a_sequence(timedelta(0), _LATER), a_lead())
        await until_page(scene.handle(), "| 1 | sent |")
        await scene.handle().execute_update("stop")
        await scene.handle().result()
        await reset(scene.client, scene.handle(), FIRST, repeat_what_was_said=False)
        await scene.handle().result()
    assert (_ids(provider), await scene.status()) == (["1/email"], ("stopped", "operator"))


async def test_a_reset_while_a_send_is_in_flight_waits_for_the_old_run_and_needs_no_person(scene: Scene) -> None:
    halt = Halt.new()
    provider = ScriptedProvider(after=halt)
    async with scene.worker(provider):
        await scene.enroll(a_sequence(), a_lead())
        await halt.reached.wait()
        await reset(scene.client, scene.handle(), FIRST)
        await until_page(scene.handle(), "**held** (draft_already_sending)")
        halt.go.set()
        await scene.handle().result()
    assert (_ids(provider), await scene.states()) == (["1/email", "2/email", "3/email"], ["sent"] * 3)
    assert "paused" not in [entry.to_state for entry in await scene.ledger()]


async def test_an_old_run_that_answers_too_late_settles_the_unknown_by_itself(scene: Scene) -> None:
    halt = Halt.new()
    provider = ScriptedProvider(after=halt)
    async with scene.worker(provider, send_timeout=_SOON):
        await scene.enroll(a_sequence(), a_lead())
        await halt.reached.wait()
        await reset(scene.client, scene.handle(), FIRST)
        await until_page(scene.handle(), "**paused** (send_outcome_unknown)")
        halt.go.set()
        await scene.handle().result()
    assert (_ids(provider), await scene.states()) == (["1/email", "2/email", "3/email"], ["sent"] * 3)
    assert [task.state for task in await scene.rows("SELECT state FROM tasks")] == ["closed"]


@pytest.mark.parametrize("fault", [Fault.MESSAGE, Fault.CONFIGURATION])
async def test_an_old_run_that_was_refused_too_late_leaves_the_follow_up_to_a_person(
    scene: Scene, fault: Fault
) -> None:
    halt = Halt.new()
    provider = ScriptedProvider(lambda _: Refused(code="smtp-554", fault=fault), before=halt)
    async with scene.worker(provider, send_timeout=_SOON):
        await scene.enroll(a_sequence(), a_lead())
        await halt.reached.wait()
        await reset(scene.client, scene.handle(), FIRST)
        await until_page(scene.handle(), "**paused** (send_outcome_unknown)")
        halt.go.set()  # and a worker that stops waits for what was begun
    async with scene.worker(provider):
        assert await refusal(scene.handle(), "resume", "not_sent")
        assert await scene.status() == ("paused", f"refused_{fault}")
    assert len(provider.begun) == 1


async def test_a_pause_and_a_resume_that_are_said_again_to_a_run_that_was_reset_leave_it_as_it_was(
    scene: Scene,
) -> None:
    provider = ScriptedProvider()
    async with scene.worker(provider):
        await scene.enroll(a_sequence(timedelta(0), _LATER), a_lead())
        await until_page(scene.handle(), "| 1 | sent |")
        await scene.handle().signal("pause")
        await scene.handle().signal("resume")
        await until(lambda: _entered(scene, "resumed"))
        before = await until_page(scene.handle(), "**active**")
        await reset(scene.client, scene.handle(), FIRST)
        await until(lambda: _shows(scene, before))
    assert (await scene.status(), _ids(provider)) == (("active", "none"), ["1/email"])


async def test_a_not_sent_that_is_said_again_to_a_run_that_was_reset_releases_no_later_try(scene: Scene) -> None:
    provider = ScriptedProvider(lambda _: Unknown(code="cut"))
    async with scene.worker(provider, send_timeout=_SOON):
        await scene.enroll(a_sequence(), a_lead())
        await _until_overdue(scene, generation=1)
        await scene.handle().signal("resume", "not_sent")
        await _until_overdue(scene, generation=2)
        await reset(scene.client, scene.handle(), FIRST)
        await until_page(scene.handle(), "**paused** (send_outcome_unknown)")
        await scene.handle().execute_update("resume", "stop")
    assert (_ids(provider), await scene.states()) == (["1/email", "1/email"], ["skipped"])


async def _until_overdue(scene: Scene, generation: int) -> None:
    async def unknown() -> bool:
        rows = "SELECT overdue_at FROM drafts WHERE state = 'unknown' AND generation = :generation"
        found.extend(await scene.rows(rows, generation=generation))
        return bool(found)

    found: list[Any] = []
    await until(unknown)
    await until_page(scene.handle(), "**paused** (send_outcome_unknown)")
    await until_instant(found[0].overdue_at)


async def _shows(scene: Scene, before: str) -> bool:
    return await page(scene.handle()) == before


async def _resumed_twice(scene: Scene) -> bool:
    return [entry.why for entry in await scene.ledger()].count("resumed") == 2


async def _entered(scene: Scene, why: str) -> bool:
    return why in [entry.why for entry in await scene.ledger()]


@pytest.mark.parametrize("word", ["sent", "skip"])
async def test_a_decision_taken_by_an_update_is_said_again_to_a_run_that_begins_with_the_pause(
    scene: Scene, word: str
) -> None:
    provider = ScriptedProvider({f"{scene.instance()}/1/email": Unknown(code="cut")})
    async with scene.worker(provider):
        await scene.enroll(a_sequence(timedelta(0), _LATER), a_lead())
        await until_page(scene.handle(), "**paused**")
        await scene.handle().execute_update("resume", word)
        before = await until_page(scene.handle(), "| 2 | due")
        await reset(scene.client, scene.handle(), MIDDLE)
        await until_page(scene.handle(), before.splitlines()[-1])
    assert await scene.status() == ("active", "none")


async def test_a_resume_of_a_later_step_than_a_run_that_was_reset_has_come_to_is_obeyed_when_it_is_there(
    scene: Scene,
) -> None:
    provider = ScriptedProvider()
    async with scene.worker(provider):
        await scene.enroll(a_sequence(timedelta(0), _LATER), a_lead())
        await until_page(scene.handle(), "| 1 | sent |")
        await scene.handle().execute_update("pause")
        await scene.handle().execute_update("resume", Resume(step=2))
        await reset(scene.client, scene.handle(), FIRST)
        await until(lambda: _resumed_twice(scene))
    assert (await scene.status(), _ids(provider)) == (("active", "none"), ["1/email"])


@pytest.mark.parametrize("first", [FIRST, MIDDLE])
@pytest.mark.parametrize("ways", [("update", "signal"), ("signal", "update"), ("update", "update")], ids="-".join)
async def test_a_run_that_was_reset_and_was_told_updates_and_signals_again_replays(
    scene: Scene, ways: tuple[str, str], first: str
) -> None:
    """Temporal tells them in turn, and a replay the signals first: a follow-up would go astray when a worker dies."""
    provider = ScriptedProvider(lambda _: Unknown(code="cut"))
    async with scene.worker(provider):
        await scene.enroll(a_sequence(timedelta(0), timedelta(0), _LATER), a_lead())
        for step, way in enumerate(ways, 1):
            await until_page(scene.handle(), f"**paused** (send_outcome_unknown), step {step}")
            say = scene.handle().execute_update if way == "update" else scene.handle().signal
            await say("resume", Resume(decision="sent", step=step))
        before = await until_page(scene.handle(), "| 3 | due")
        await reset(scene.client, scene.handle(), first)
        await until_page(scene.handle(), before.splitlines()[-1])
    await assert_replays(scene)
    assert (await scene.status(), _ids(provider)) == (("active", "none"), ["1/email", "2/email"])
