"""Signals come from people's fingers: nothing that is typed wedges a follow-up, and what is unclear is not obeyed."""

from datetime import timedelta
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload, Payloads, WorkflowExecution
from temporalio.api.workflowservice.v1 import SignalWorkflowExecutionRequest
from temporalio.common import RawValue
from temporalio.service import RPCError, RPCStatusCode

from domain.outcome import Unknown
from providers.scripted import ScriptedProvider
from tests.scene import Scene, a_lead, a_sequence
from tests.whole.looking import page, refusal, stumbles, until_page

_LATER = timedelta(days=1)
_NOT_UNDERSTOOD: dict[str, Any] = {
    "a word that is none": "maybe",
    "a misspelt key": {"decison": "not_sent"},
    "a misspelt value": {"decision": "notsent"},
    "a key too much": {"decision": "sent", "sure": True},
    "a number": 7,
    "true": True,
    "a list": ["sent"],
    "by a number": {"by": 7},
    "a NUL": {"by": "\x00"},
    "a line end": {"by": "ada\nbob"},
    "nobody": {"by": ""},
    "a novel": {"by": "x" * 10_000},
    "bytes": b"\xff\xfe\x00",
}


@pytest.mark.parametrize("typed", _NOT_UNDERSTOOD.values(), ids=_NOT_UNDERSTOOD.keys())
async def test_what_is_not_understood_is_shown_and_changes_nothing(scene: Scene, typed: Any) -> None:
    async with scene.worker(ScriptedProvider(lambda _: Unknown(code="cut"))):
        await scene.enroll(a_sequence(timedelta(0), _LATER), a_lead())
        await until_page(scene.handle(), "**paused**")
        before = await scene.ledger()
        await scene.handle().signal("resume", typed)
        shown = await until_page(scene.handle(), "> Not done: resume:")
        assert "**paused** (send_outcome_unknown)" in shown
        assert (await scene.ledger(), await scene.states()) == (before, ["unknown"])
        await scene.handle().execute_update("resume", "skip")
        assert await stumbles(scene.handle()) == 0
    assert await scene.states() == ["skipped"]


_UNREADABLE = {
    "no JSON": Payload(metadata={"encoding": b"json/plain"}, data=b"{"),
    "half a character": Payload(metadata={"encoding": b"json/plain"}, data=b'{"by": "\\ud800"}'),
    "no encoding we know": Payload(metadata={"encoding": b"binary/encrypted"}, data=b"\x00"),
    "no encoding": Payload(data=b"sent"),
    "no message we know": Payload(metadata={"encoding": b"json/protobuf", "messageType": b"no.Such"}, data=b"{}"),
}


@pytest.mark.parametrize("payload", _UNREADABLE.values(), ids=_UNREADABLE.keys())
async def test_what_can_not_be_read_changes_nothing(scene: Scene, payload: Payload) -> None:
    async with scene.worker(ScriptedProvider()):
        await scene.enroll(a_sequence(timedelta(0), _LATER), a_lead())
        await until_page(scene.handle(), "| 1 | sent |")
        await _signal_raw(scene, "stop", payload)
        assert "**active**" in await page(scene.handle())
        assert await scene.handle().execute_update("stop") == "step 2 of 2: stopped"
        await scene.handle().result()
    assert await stumbles(scene.handle()) == 0


async def _signal_raw(scene: Scene, name: str, payload: Payload) -> None:
    await scene.client.workflow_service.signal_workflow_execution(
        SignalWorkflowExecutionRequest(
            namespace=scene.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=scene.handle().id),
            signal_name=name,
            input=Payloads(payloads=[payload]),
        )
    )


@pytest.mark.parametrize(
    "arguments",
    [[], [None], [""], [{}], ["resume"], [{"by": "ada"}], [RawValue(Payload(metadata={"encoding": b"binary/null"}))]],
    ids=["nothing", "null", "an empty word", "an empty object", "resume", "a name", "a null payload"],
)
async def test_a_plain_resume_may_be_said_in_many_ways(scene: Scene, arguments: list[Any]) -> None:
    provider = ScriptedProvider()
    await scene.enroll(a_sequence(), a_lead())
    await scene.handle().signal("pause")
    async with scene.worker(provider):
        await until_page(scene.handle(), "**paused** (operator)")
        await scene.handle().signal("resume", args=arguments)
        await scene.handle().result()
    assert (len(provider.sent), await stumbles(scene.handle())) == (3, 0)


async def test_two_arguments_are_one_too_many_and_wedge_nothing(scene: Scene) -> None:
    async with scene.worker(ScriptedProvider()):
        await scene.enroll(a_sequence(_LATER), a_lead())
        await scene.handle().signal("stop", args=["operator", "now"])
        await until_page(scene.handle(), "> Not done: stop: it takes one argument at most and got 2")
        assert "it takes one argument at most" in await refusal(scene.handle(), "stop", "operator", "now")
        await scene.handle().execute_update("stop")
        await scene.handle().result()
    assert (await stumbles(scene.handle()), await scene.status()) == (0, ("stopped", "operator"))


async def test_a_signal_with_a_name_we_do_not_know_is_left_alone(scene: Scene) -> None:
    provider = ScriptedProvider()
    await scene.enroll(a_sequence(), a_lead())
    await scene.handle().signal("Resume please")
    async with scene.worker(provider):
        await scene.handle().result()
    assert (len(provider.sent), await stumbles(scene.handle())) == (3, 0)


async def test_the_same_signal_twice_is_obeyed_once(scene: Scene) -> None:
    provider = ScriptedProvider(lambda _: Unknown(code="cut"))
    async with scene.worker(provider):
        await scene.enroll(a_sequence(), a_lead())
        await until_page(scene.handle(), "**paused**")
        await scene.handle().signal("resume", "skip")
        await scene.handle().signal("resume", "skip")
        await until_page(scene.handle(), "**paused** (send_outcome_unknown), step 2 of 3")
    assert await scene.states() == ["skipped", "unknown"]
    assert await stumbles(scene.handle()) == 0


async def test_signals_before_the_first_workflow_task_are_obeyed_in_turn_before_anything_is_sent(scene: Scene) -> None:
    provider = ScriptedProvider()
    await scene.enroll(a_sequence(), a_lead())
    for name in ("pause", "pause", "resume", "stop", "resume"):
        await scene.handle().signal(name)
    async with scene.worker(provider):
        await scene.handle().result()
    assert (provider.begun, await scene.status()) == ([], ("stopped", "operator"))
    assert [entry.to_state for entry in await scene.ledger()] == ["active", "paused", "active", "stopped"]


async def test_a_signal_while_no_worker_runs_is_obeyed_by_the_next_worker(scene: Scene) -> None:
    provider = ScriptedProvider()
    async with scene.worker(provider):
        await scene.enroll(a_sequence(timedelta(0), _LATER), a_lead())
        await until_page(scene.handle(), "| 1 | sent |")
    await scene.handle().signal("stop")
    async with scene.worker(provider):
        await scene.handle().result()
    assert (len(provider.sent), await scene.status()) == (1, ("stopped", "operator"))


async def test_a_signal_after_the_end_is_refused_by_temporal_and_changes_nothing(scene: Scene) -> None:
    async with scene.worker(ScriptedProvider()):
        await scene.enroll(a_sequence(), a_lead())
        await scene.handle().result()
    with pytest.raises(RPCError) as refused:
        await scene.handle().signal("stop")
    assert refused.value.status is RPCStatusCode.NOT_FOUND
    assert await scene.status() == ("completed", "none")
