"""A person's own reply: through the same gate, sent once, in the thread, and the automation ends with it."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from temporalio.testing import ActivityEnvironment

from activities.steps import StepActivities
from domain.command import Decision
from domain.event import EventError
from domain.instance import Reason
from domain.sequence import LONGEST_BODY
from domain.step import DeliverStep, Held, SettleStep, StepDone, StepResult, Stopped
from intake.files.file_error import FileError
from intake.files.sequence_file import read_sequence
from intake.replying import InThreadOf, Reply, ReplyError, ToLead, Words, reply
from providers.provider import Letter
from providers.scripted import Halt, ScriptedProvider
from tests.app import SEQUENCE, enrolled, event
from tests.command import everything
from tests.counted import assert_counted
from tests.scene import Scene, a_lead, a_sequence
from tests.store.enrolled import put_draft
from tests.whole.looking import until_page
from transactions.sending_policy import SendingPolicy
from transactions.settle import settle

DAY = timedelta(days=1)
AT_ONCE = timedelta(0)
SENDER = Address("Ada Lovelace", addr_spec="ada@example.test")
WORDS = Words("Tuesday suits me.\n\n{{ name }}, Ada", "Tuesday")


async def _reply(scene: Scene, to: InThreadOf | ToLead | None = None, words: Words = WORDS, **more: Any) -> Reply:
    to = to or InThreadOf(scene.instance())
    more |= {"workspace": scene.workspace, "task_queue": scene.task_queue}
    return await reply(scene.engine, scene.client, to, words, by="ada", **more)


def _read(letter: Letter) -> EmailMessage:
    return BytesParser(EmailMessage, policy=policy.default).parsebytes(letter.message)


class _Hands:
    """Steps delivered one by one, as a worker's activities do, when the test says so."""

    def __init__(self, scene: Scene, provider: ScriptedProvider) -> None:
        self._activities = StepActivities(
            scene.engine, provider, SendingPolicy(SENDER), timedelta(seconds=600), "worker"
        )

    async def deliver(self, instance: str, step: int = 1) -> StepResult:
        call = DeliverStep(instance_id=instance, step=step, due_at=datetime.now(UTC))
        result: StepResult = await ActivityEnvironment().run(self._activities.deliver_step, call)
        return result


def _reason(result: StepResult) -> Reason:
    assert isinstance(result, Held | Stopped)
    return result.reason


async def test_i1_ten_callers_at_once_send_one_reply_in_the_thread_and_the_automation_ends(scene: Scene) -> None:
    provider = ScriptedProvider()
    async with scene.worker(provider):
        await scene.enroll(a_sequence(AT_ONCE, DAY), a_lead())
        await until_page(scene.handle(), "step 2 of 2")
        words = WORDS._replace(subject=None)
        said = await asyncio.gather(*(_reply(scene, words=words) for _ in range(10)))
        [identity] = {one.instance_id for one in said}
        assert Counter(one.new for one in said) == {True: 1, False: 9}
        assert [one.stopped for one in said if one.new] == [(scene.instance(),)]
        ended = await scene.handle().result()
        assert (ended.status, ended.reason) == ("stopped", "answered") == await scene.status()
        sent = scene.client.get_workflow_handle(f"follow-up:{identity}")
        assert (await sent.result())["status"] == "completed"
        again = await _reply(scene, words=words._replace(key="again"))
        await scene.client.get_workflow_handle(f"follow-up:{again.instance_id}").result()
    first, second, third = (_read(letter) for letter in provider.sent)
    assert second["Subject"] == third["Subject"] == f"Re: {first['Subject']}"
    assert second["In-Reply-To"] == second["References"] == first["Message-ID"]
    assert (third["In-Reply-To"], third["References"].split()) == (
        second["Message-ID"],
        [first["Message-ID"], second["Message-ID"]],
    )
    assert second.get_content().splitlines() == WORDS.body.splitlines()
    assert await assert_counted(scene) == Counter(sent=3, stopped=1)
    told = await scene.rows("SELECT who FROM ledger WHERE subject = 'instance' AND to_state = 'stopped'")
    assert [row.who for row in told] == ["ada"]


async def test_i5_a_reply_while_the_automations_step_is_sent_waits_for_it_and_ends_what_follows(scene: Scene) -> None:
    await scene.enroll(a_sequence(AT_ONCE, AT_ONCE), a_lead())
    halt = Halt.new()
    provider = ScriptedProvider(after=halt)
    hands = _Hands(scene, provider)
    sending = asyncio.create_task(hands.deliver(scene.instance()))
    await halt.reached.wait()
    said = await _reply(scene)
    assert said.stopped == (scene.instance(),)
    assert _reason(await hands.deliver(said.instance_id)) is Reason.THREAD_BUSY
    assert len(provider.begun) == 1
    halt.go.set()
    assert _reason(await sending) is Reason.ANSWERED
    assert isinstance(await hands.deliver(said.instance_id), StepDone)
    assert _reason(await hands.deliver(scene.instance(), 2)) is Reason.ANSWERED
    assert await assert_counted(scene) == Counter(sent=2, stopped=1)


async def test_i5_the_automations_step_waits_while_a_reply_is_sent(scene: Scene) -> None:
    await scene.enroll(a_sequence(AT_ONCE, min_gap="1h"), a_lead())
    halt = Halt.new()
    provider = ScriptedProvider(after=halt)
    hands = _Hands(scene, provider)
    said = await _reply(scene, keep_automation=True)
    assert said.stopped == ()
    sending = asyncio.create_task(hands.deliver(said.instance_id))
    await halt.reached.wait()
    assert _reason(await hands.deliver(scene.instance())) is Reason.THREAD_BUSY
    halt.go.set()
    assert isinstance(await sending, StepDone)
    assert _reason(await hands.deliver(scene.instance())) is Reason.MINIMUM_GAP
    assert len(provider.begun) == 1


async def test_i5_a_reply_waits_for_an_uncertain_send_that_stays_to_be_settled(scene: Scene) -> None:
    await scene.enroll(a_sequence(), a_lead())
    async with scene.engine.begin() as connection:
        await put_draft(connection, scene.instance(), state="unknown")
    said = await _reply(scene)
    assert said.uncertain == scene.instance()
    assert (await scene.status(), await scene.states()) == (("stopped", "answered"), ["unknown"])
    provider = ScriptedProvider()
    hands = _Hands(scene, provider)
    held = await hands.deliver(said.instance_id)
    assert isinstance(held, Held)
    assert held.reason is Reason.THREAD_BUSY
    assert held.until - datetime.now(UTC) > timedelta(minutes=59), "nobody polls for what waits for a person"
    async with scene.engine.begin() as connection:
        call = SettleStep(instance_id=scene.instance(), step=1, decision=Decision.SENT, by="ada")
        await settle(connection, call, "run", "ada")
    assert isinstance(await hands.deliver(said.instance_id), StepDone)


async def test_other_words_under_a_used_key_are_refused_and_change_nothing(scene: Scene) -> None:
    await scene.enroll(a_sequence(), a_lead("lead-1"), a_lead("lead-2"))
    await _reply(scene, words=WORDS._replace(key="k"))
    before = await everything(scene)
    with pytest.raises(ReplyError, match="the key k was used for another reply to this lead"):
        await _reply(scene, words=Words("Wednesday", "Tuesday", "k"))
    with pytest.raises(ReplyError, match="the key k was used"):  # the same words, in another thread
        await _reply(scene, ToLead("lead-1"), words=WORDS._replace(key="k"))
    assert await everything(scene) == before
    assert (await _reply(scene, InThreadOf(scene.instance("lead-2")), words=WORDS._replace(key="k"))).new


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (Words(" \n", "s"), "the body is blank"),
        (Words("x" * (LONGEST_BODY + 1), "s"), "longer than 65536 characters"),
        (Words("a\x00b", "s"), "contains a NUL"),
        (Words("x", "s", "ada@example.test"), "the key must be"),
        (Words("x"), "it has no subject: give one"),
        (Words("x", "two\nlines"), "becomes more than one line"),
    ],
)
async def test_bad_words_are_refused_and_change_nothing(scene: Scene, words: Words, why: str) -> None:
    await scene.enroll(a_sequence(), a_lead())
    before = await everything(scene)
    with pytest.raises(ReplyError, match=why):
        await _reply(scene, words=words)
    assert await everything(scene) == before
    assert await scene.status() == ("active", "none")


async def test_nobody_and_who_wants_no_mail_are_refused_and_change_nothing(scene: Scene) -> None:
    await scene.enroll(a_sequence(), a_lead())
    async with scene.engine.begin() as connection:
        await connection.execute(
            text("INSERT INTO suppressions (workspace, address, who, why) VALUES (:w, :a, 'test', 'unsubscribed')"),
            {"w": scene.workspace, "a": "lead-1@example.test"},
        )
    before = await everything(scene)
    for to, why in (
        (InThreadOf(scene.instance()), "lead-1 any more: it is suppressed"),
        (ToLead("nobody"), "nobody has the lead id nobody"),
        (InThreadOf("w:s:l"), "there is no follow-up w:s:l"),
        (ToLead("lead-1", "not an id"), "the thread is no Message-ID"),
    ):
        with pytest.raises(ReplyError, match=why):
            await _reply(scene, to)
    assert await everything(scene) == before


async def test_a_lead_is_written_to_without_an_instance_in_the_thread_of_a_message_that_is_named(scene: Scene) -> None:
    await scene.enroll(a_sequence(AT_ONCE), a_lead())
    async with scene.engine.begin() as connection:  # a person writes to who is away as well
        await connection.execute(text("UPDATE leads SET quiet_until = now() + interval '3 days'"))
    provider = ScriptedProvider()
    hands = _Hands(scene, provider)
    elsewhere = await _reply(scene, ToLead("lead-1", "<question@example.org>"))
    own = await _reply(scene, ToLead("lead-1"))
    for said in (elsewhere, own):
        assert isinstance(await hands.deliver(said.instance_id), StepDone)
    answer, beginning = (_read(letter) for letter in provider.sent)
    assert (answer["In-Reply-To"], answer["Subject"]) == ("<question@example.org>", "Re: Tuesday")
    assert (beginning["In-Reply-To"], beginning["Subject"]) == (None, "Tuesday")
    third = await _reply(scene, ToLead("lead-1", beginning["Message-ID"]), Words("And you?"))
    assert isinstance(await hands.deliver(third.instance_id), StepDone)
    assert _read(provider.sent[-1])["Subject"] == "Re: Tuesday"


def test_no_file_and_no_event_may_name_the_sequence_of_replies(tmp_path: Path) -> None:
    file = tmp_path / "reply.yaml"
    file.write_text(SEQUENCE.replace("no-reply", "reply"))
    with pytest.raises(FileError, match=r"reply.yaml:2: name: 'reply' is what people's own words are sent as"):
        read_sequence(file)
    with pytest.raises(EventError, match=r"data.sequence: is what people's own words are sent as"):
        event(enrolled(sequence="reply"))
