"""One follow-up for every way through the workflow, played by real workers on a real server."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from temporalio.api.enums.v1 import EventType

from domain.instance import Reason
from domain.outcome import Fault, NotSent, Outcome, Refused, Sent, Unknown
from domain.sequence import Sequence
from domain.step import FollowUp
from providers.scripted import Halt, ScriptedProvider
from tests.scene import Scene, a_lead, a_sequence
from tests.whole.breakage import find, lose
from tests.whole.commands import FIRST, MIDDLE, reset
from tests.whole.looking import count, refusal, until, until_instant, until_page

_AT_ONCE, _SOON, _LATER = timedelta(0), timedelta(seconds=1), timedelta(days=1)
_UNKNOWN = Unknown(code="cut")


def _first(outcome: Outcome) -> ScriptedProvider:
    """Gives the first call an outcome and sends from then on."""
    outcomes = iter([outcome])
    return ScriptedProvider(lambda _: next(outcomes, Sent(code="taken")))


async def _say(scene: Scene, shows: str, outcome: Outcome, *said: object) -> None:
    """Let the first call have an outcome, wait for what the page shows of it, resume with a word, see the end."""
    async with scene.worker(_first(outcome), send_timeout=_SOON):
        await scene.enroll(a_sequence(), a_lead())
        await until_page(scene.handle(), shows)
        if "not_sent" in said:
            [row] = await scene.rows("SELECT overdue_at FROM drafts")
            await until_instant(row.overdue_at)
        await scene.handle().signal("resume", args=list(said))
        await scene.handle().result()


async def completed(scene: Scene) -> None:
    async with scene.worker(ScriptedProvider()):
        await scene.enroll(a_sequence(_AT_ONCE, _SOON, _AT_ONCE), a_lead())
        await scene.handle().result()


async def stopped_by_an_operator(scene: Scene) -> None:
    async with scene.worker(ScriptedProvider()):
        await scene.enroll(a_sequence(_AT_ONCE, _LATER), a_lead())
        await until_page(scene.handle(), "| 1 | sent |")
        await scene.handle().execute_update("stop", {"by": "ada"})
        await scene.handle().result()


async def stopped_for_a_refused_recipient(scene: Scene) -> None:
    async with scene.worker(_first(Refused(code="smtp-550", fault=Fault.RECIPIENT))):
        await scene.enroll(a_sequence(), a_lead())
        await scene.handle().result()


async def cancelled(scene: Scene) -> None:
    async with scene.worker(ScriptedProvider()):
        await scene.enroll(a_sequence(_AT_ONCE, _LATER), a_lead())
        await until_page(scene.handle(), "| 1 | sent |")
        await scene.handle().cancel()
        await scene.handle().result()


async def cancelled_while_sending(scene: Scene) -> None:
    halt = Halt.new()
    async with scene.worker(ScriptedProvider(after=halt)):
        await scene.enroll(a_sequence(), a_lead())
        await halt.reached.wait()
        await scene.handle().cancel()
        halt.go.set()
        await scene.handle().result()


async def unknown_then_sent(scene: Scene) -> None:
    await _say(scene, "**paused**", _UNKNOWN, "sent")


async def unknown_then_resumed(scene: Scene) -> None:
    await _say(scene, "**paused**", _UNKNOWN)


async def unknown_then_not_sent(scene: Scene) -> None:
    await _say(scene, "**paused**", _UNKNOWN, "not_sent")


async def unknown_then_skipped(scene: Scene) -> None:
    await _say(scene, "**paused**", _UNKNOWN, {"decision": "skip", "by": "ada"})


async def unknown_then_stopped(scene: Scene) -> None:
    await _say(scene, "**paused**", _UNKNOWN, "stop")


async def refused_message_then_resumed(scene: Scene) -> None:
    await _say(scene, "**paused**", Refused(code="smtp-554", fault=Fault.MESSAGE))


async def refused_configuration_then_resumed(scene: Scene) -> None:
    await _say(scene, "**paused**", Refused(code="smtp-535", fault=Fault.CONFIGURATION))


async def held_and_hastened(scene: Scene) -> None:
    async with scene.worker(_first(NotSent(code="greylisted"))):
        await scene.enroll(a_sequence(_AT_ONCE, _AT_ONCE, min_gap=_SOON), a_lead())
        await until_page(scene.handle(), "**held** (not_sent)")
        await scene.handle().execute_update("pause")
        await scene.handle().execute_update("resume")
        await scene.handle().result()


async def looked_at_again(scene: Scene) -> None:
    async def away(until: str) -> None:
        async with scene.engine.begin() as connection:
            await connection.exec_driver_sql(f"UPDATE leads SET quiet_until = {until}, quiet_at = now()")  # noqa: S608

    async with scene.worker(ScriptedProvider()):
        await scene.enroll(a_sequence(_SOON), a_lead())
        await away("now() + interval '1 day'")
        await scene.handle().signal("look", {"by": "ada"})  # nothing holds it yet
        await until_page(scene.handle(), "out_of_office")
        await away("NULL")
        await scene.handle().signal("look")
        await scene.handle().result()


async def recorded_later(scene: Scene) -> None:
    halt = Halt.new()
    async with scene.worker(ScriptedProvider(after=halt)):
        await scene.enroll(a_sequence(), a_lead())
        await halt.reached.wait()
        await lose(scene, "drafts")
        halt.go.set()
        await until(lambda: _tries_again(scene))
        await find(scene, "drafts")
        await scene.handle().result()


async def _tries_again(scene: Scene) -> bool:
    pending = (await scene.handle().describe()).raw_description.pending_activities
    return any(one.HasField("last_failure") for one in pending)


async def failed_five_times_then_resumed(scene: Scene) -> None:
    """Its back-offs last for minutes, so it is played in skipped time."""
    async with scene.by_hand() as connection:
        await connection.exec_driver_sql("ALTER TABLE drafts ADD CONSTRAINT never CHECK (recipient = 'nobody')")
    async with scene.worker(ScriptedProvider()):
        await scene.enroll(a_sequence(), a_lead())
        await until_page(scene.handle(), "**paused** (step_failed)")
        async with scene.by_hand() as connection:
            await connection.exec_driver_sql("ALTER TABLE drafts DROP CONSTRAINT never")
        await scene.handle().execute_update("resume")
        await scene.handle().result()


async def worker_lost_after_its_claim(scene: Scene) -> None:
    halt = Halt.new()
    async with scene.worker(ScriptedProvider(after=halt), send_timeout=_SOON):
        await scene.enroll(a_sequence(), a_lead())
        await halt.reached.wait()
        [activity] = (await scene.handle().describe()).raw_description.pending_activities
        failing = scene.client.get_async_activity_handle(
            workflow_id=scene.handle().id, run_id=None, activity_id=activity.activity_id
        )
        await failing.fail(RuntimeError("its worker is gone"))
        await until_page(scene.handle(), "**paused** (send_outcome_unknown)")
        halt.go.set()
        await scene.handle().result()


async def stopped_by_an_app(scene: Scene) -> None:
    async with scene.worker(ScriptedProvider()):
        await scene.enroll(a_sequence(_AT_ONCE, _LATER), a_lead())
        await until_page(scene.handle(), "| 1 | sent |")
        await scene.handle().signal("stop", {"reason": "replied", "by": "app"})
        await scene.handle().result()


async def not_enrolled(scene: Scene) -> None:
    async with scene.worker(ScriptedProvider()):
        nobody = FollowUp(instance_id=scene.instance(), steps=1, first_due_at=datetime.now(UTC))
        await (await scene.start_by_hand("lead-1", nobody)).result()


async def paused_for_every_reason(scene: Scene) -> None:
    async with scene.worker(ScriptedProvider()):
        await scene.enroll(a_sequence(_SOON, _LATER, _LATER), a_lead())
        for reason in [reason for reason in Reason if reason is not Reason.SEND_OUTCOME_UNKNOWN]:
            await scene.handle().execute_update("pause", {"reason": reason})
            await scene.handle().execute_update("resume", "skip" if reason is Reason.STORE_IS_BEHIND else "resume")
        await scene.handle().execute_update("stop")
        await scene.handle().result()


async def told_more_after_its_stop(scene: Scene) -> None:
    await scene.enroll(a_sequence(_LATER), a_lead())
    for name in ("stop", "pause", "resume"):
        await scene.handle().signal(name)
    async with scene.worker(ScriptedProvider()):
        await scene.handle().result()


async def told_what_is_not_so(scene: Scene) -> None:
    async with scene.worker(_first(_UNKNOWN)):
        await scene.enroll(_asking({**_APPROVED, "approval": False}, _CALL), a_lead())
        await until_page(scene.handle(), "**paused**")
        for said in ("not_sent", {"step": 7}, {"paused_for": "operator"}):
            await scene.handle().signal("resume", said)
        await scene.handle().signal("resume", "skip")
        await until_page(scene.handle(), _AWAITS)
        await scene.handle().signal("done", {"step": 7})
        await scene.handle().signal("resume")
        await scene.handle().signal("resume", {"decision": "skip", "step": 1})
        await scene.handle().signal("reject", {"step": 2})
        await scene.handle().result()


async def verdicts_where_none_is_awaited(scene: Scene) -> None:
    async with scene.worker(ScriptedProvider()):
        await scene.enroll(a_sequence(_LATER), a_lead())
        await scene.handle().signal("done")
        await until_page(scene.handle(), "Not done")
        await scene.handle().execute_update("stop")
        await scene.handle().result()


async def reset_behind_what_was_said(scene: Scene) -> None:
    async with scene.worker(ScriptedProvider(lambda letter: _UNKNOWN if "/2/" in letter.draft_id else Sent(code="ok"))):
        await scene.enroll(a_sequence(), a_lead())
        await until_page(scene.handle(), "**paused** (send_outcome_unknown), step 2")
        await scene.handle().signal("resume", {"decision": "sent", "step": 2})
        await scene.handle().result()
        await reset(scene.client, scene.handle(), FIRST)
        await scene.handle().result()


async def reset_to_a_second_pause_that_is_over(scene: Scene) -> None:
    outcomes = iter([Unknown(code="cut")] * 2)
    async with scene.worker(ScriptedProvider(lambda _: next(outcomes, Sent(code="taken"))), send_timeout=_SOON):
        await scene.enroll(a_sequence(), a_lead())
        for generation, word in ((1, "not_sent"), (2, "sent")):
            await until_page(scene.handle(), "**paused** (send_outcome_unknown)")
            overdue = await scene.rows("SELECT overdue_at FROM drafts WHERE generation = :number", number=generation)
            await until_instant(overdue[0].overdue_at)
            await scene.handle().execute_update("resume", word)
        await scene.handle().result()
        await reset(scene.client, scene.handle(), MIDDLE, repeat_what_was_said=False, answer=2)
        await scene.handle().result()


async def reset_behind_an_update_and_a_signal(scene: Scene) -> None:
    async with scene.worker(ScriptedProvider(lambda _: _UNKNOWN)):
        await scene.enroll(a_sequence(_AT_ONCE, _AT_ONCE), a_lead())
        await until_page(scene.handle(), "**paused** (send_outcome_unknown)")
        await scene.handle().execute_update("resume", {"decision": "sent", "step": 1})
        await until_page(scene.handle(), "**paused** (send_outcome_unknown), step 2")
        await scene.handle().signal("resume", {"decision": "sent", "step": 2})
        await scene.handle().result()
        await reset(scene.client, scene.handle(), FIRST)
        await scene.handle().result()


async def stopped_while_another_run_sends(scene: Scene) -> None:
    halt = Halt.new()
    async with scene.worker(ScriptedProvider(after=halt)):
        await scene.enroll(a_sequence(_AT_ONCE), a_lead())
        await halt.reached.wait()
        await reset(scene.client, scene.handle(), FIRST)
        await until_page(scene.handle(), "**held** (draft_already_sending)")
        await scene.handle().signal("stop")
        await until(lambda: _is_settling(scene))
        halt.go.set()
        await scene.handle().result()


async def _is_settling(scene: Scene) -> bool:
    return await count(scene.handle(), EventType.EVENT_TYPE_TIMER_STARTED) > 1


async def reset_while_sending(scene: Scene) -> None:
    halt = Halt.new()
    async with scene.worker(ScriptedProvider(after=halt)):
        await scene.enroll(a_sequence(), a_lead())
        await halt.reached.wait()
        await reset(scene.client, scene.handle(), FIRST)
        await until_page(scene.handle(), "**held** (draft_already_sending)")
        halt.go.set()
        await scene.handle().result()


async def spoken_to_unclearly(scene: Scene) -> None:
    async with scene.worker(ScriptedProvider()):
        await scene.enroll(a_sequence(_SOON, _LATER), a_lead())
        for name, said in (("pause", [7]), ("resume", ["maybe"]), ("resume", []), ("stop", ["a", "b"]), ("go", [])):
            await scene.handle().signal(name, args=said)
        await refusal(scene.handle(), "resume")
        await until_page(scene.handle(), "| 1 | sent |")
        await scene.handle().execute_update("stop")
        await scene.handle().result()


_APPROVED = {"wait": "0s", "subject": "Hello", "body": "Hello", "approval": True}
_CALL: dict[str, object] = {"wait": "0s", "channel": "task", "body": "Call {{ name }}"}
_AWAITS = "**awaiting_approval**"


def _asking(*steps: dict[str, object]) -> Sequence:
    return Sequence.model_validate({"name": "no-reply", "steps": steps})


async def _fingerprint(scene: Scene) -> str:
    rows = await scene.rows("SELECT fingerprint FROM drafts ORDER BY step DESC LIMIT 1")
    return str(rows[0].fingerprint)


async def approved(scene: Scene) -> None:
    async with scene.worker(ScriptedProvider()):
        await scene.enroll(_asking(_APPROVED, {**_CALL, "wait": "1s"}), a_lead())
        await until_page(scene.handle(), _AWAITS)
        await scene.handle().signal("approve", await _fingerprint(scene))
        await until_page(scene.handle(), f"{_AWAITS} (manual_step)")
        await scene.handle().execute_update("done", {"by": "ada"})
        await scene.handle().result()


async def approved_as_another_and_then_rejected(scene: Scene) -> None:
    async with scene.worker(ScriptedProvider()):
        await scene.enroll(_asking(_APPROVED), a_lead())
        await until_page(scene.handle(), _AWAITS)
        await refusal(scene.handle(), "approve", "00000000")
        await refusal(scene.handle(), "resume")
        await scene.handle().execute_update("reject")
        await scene.handle().result()


async def expired_then_resumed_and_approved(scene: Scene) -> None:
    async with scene.worker(ScriptedProvider()):
        await scene.enroll(_asking({**_APPROVED, "expires_after": "1s"}), a_lead())
        await until_page(scene.handle(), "**paused** (expired)")
        await scene.handle().execute_update("resume")
        await until_page(scene.handle(), "**paused** (expired)")
        await scene.handle().execute_update("approve", await _fingerprint(scene))
        await scene.handle().result()


async def not_done_in_time(scene: Scene) -> None:
    async with scene.worker(ScriptedProvider()):
        await scene.enroll(_asking({**_CALL, "times_out_after": "1s"}, {**_CALL, "wait": "1s"}), a_lead())
        await until_page(scene.handle(), f"{_AWAITS} (manual_step), step 2")
        await scene.handle().execute_update("resume", "skip")
        await scene.handle().result()


async def paused_and_stopped_while_it_awaits(scene: Scene) -> None:
    async with scene.worker(ScriptedProvider()):
        await scene.enroll(_asking(_APPROVED), a_lead())
        await until_page(scene.handle(), _AWAITS)
        await scene.handle().execute_update("pause")
        await refusal(scene.handle(), "approve", await _fingerprint(scene))
        await scene.handle().execute_update("resume")
        await scene.handle().execute_update("stop")
        await scene.handle().result()


STORIES: dict[str, Callable[[Scene], Awaitable[None]]] = {
    story.__name__: story
    for story in (
        completed,
        stopped_by_an_operator,
        stopped_for_a_refused_recipient,
        cancelled,
        cancelled_while_sending,
        unknown_then_sent,
        unknown_then_resumed,
        unknown_then_not_sent,
        unknown_then_skipped,
        unknown_then_stopped,
        refused_message_then_resumed,
        refused_configuration_then_resumed,
        held_and_hastened,
        looked_at_again,
        recorded_later,
        failed_five_times_then_resumed,
        worker_lost_after_its_claim,
        stopped_by_an_app,
        not_enrolled,
        paused_for_every_reason,
        told_more_after_its_stop,
        told_what_is_not_so,
        verdicts_where_none_is_awaited,
        reset_behind_what_was_said,
        reset_behind_an_update_and_a_signal,
        reset_to_a_second_pause_that_is_over,
        stopped_while_another_run_sends,
        reset_while_sending,
        spoken_to_unclearly,
        approved,
        approved_as_another_and_then_rejected,
        expired_then_resumed_and_approved,
        not_done_in_time,
        paused_and_stopped_while_it_awaits,
    )
}
SKIPPING_TIME = {failed_five_times_then_resumed.__name__}
