"""I7: nothing of a lead reaches Temporal, however a follow-up ends and whatever is asked of Temporal."""

import asyncio
import base64
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType

from domain.lead import Lead
from domain.outcome import Fault, NotSent, Outcome, Refused, Sent, Unknown
from providers.scripted import Halt, ScriptedProvider
from tests.scene import Scene, a_sequence
from tests.whole.breakage import find, lose
from tests.whole.looking import count, page, until, until_page

# Each is a word that nothing else in a history says.
_ADDRESS, _NAME, _VARIABLE = "grace.hopper@navy.test", "Amazing Grace", "Nanosecond"
_SUBJECT, _BODY = "Eleven inches", "Wire of light"
_SECRETS = (_ADDRESS, "navy.test", _NAME, _VARIABLE, _SUBJECT, _BODY)
_REPLY = f"550 5.1.1 <{_ADDRESS}>: {_NAME} is unknown here, subject {_SUBJECT}, {_BODY} {_VARIABLE}"
_LEAD = Lead(lead_id="lead-1", email=_ADDRESS, name=_NAME, variables={"unit": _VARIABLE})
_STEP = {"wait": "0s", "subject": f"{_SUBJECT}, {{{{ name }}}}", "body": f"{_BODY} {{{{ unit }}}}"}


async def _shown_by_the_cli(scene: Scene) -> str:
    """What `temporal workflow show` and `describe` print, with every payload decoded."""
    server = scene.client.service_client.config.target_host
    shown = ""
    for command in ("show", "describe"):
        options = ["--workflow-id", scene.handle().id, "--address", server, "--output", "json"]
        process = await asyncio.create_subprocess_exec(
            Path(sys.executable).with_name("temporal"), "workflow", command, *options, stdout=asyncio.subprocess.PIPE
        )
        out, _ = await process.communicate()
        assert process.returncode == 0
        shown += out.decode() + "".join(_decoded(json.loads(out)))
    return shown


def _decoded(found: Any) -> list[str]:
    """Every text that is base64, however deep it lies."""
    if isinstance(found, dict):
        return [text for inner in found.values() for text in _decoded(inner)]
    if isinstance(found, list):
        return [text for inner in found for text in _decoded(inner)]
    try:
        return [base64.b64decode(found, validate=True).decode(errors="replace")] if isinstance(found, str) else []
    except ValueError:
        return []


async def _told(scene: Scene) -> str:
    """Everything that Temporal can be asked for about the follow-up."""
    description = await scene.handle().describe()
    listed = [one async for one in scene.client.list_workflows(f"WorkflowId = '{scene.handle().id}'")]
    attributes = [str(description.raw_description), *(str(one.raw_info) for one in listed)]
    return "\n".join([await _shown_by_the_cli(scene), await page(scene.handle()), *attributes])


async def _enroll(scene: Scene) -> None:
    await scene.enroll(a_sequence(steps=[_STEP]), _LEAD)


_OUTCOMES: dict[str, Outcome] = {
    "completed": Sent(code="smtp-250", reply=_REPLY),
    "stopped": Refused(code="smtp-550", reply=_REPLY, fault=Fault.RECIPIENT),
    "refused_message": Refused(code="smtp-554", reply=_REPLY, fault=Fault.MESSAGE),
    "refused_configuration": Refused(code="smtp-535", reply=_REPLY, fault=Fault.CONFIGURATION),
    "not_sent": NotSent(code="smtp-451", reply=_REPLY),
    "send_outcome_unknown": Unknown(code="smtp-eof-final", reply=_REPLY),
}


@pytest.mark.parametrize(("shows", "outcome"), _OUTCOMES.items(), ids=_OUTCOMES.keys())
async def test_temporal_is_told_nothing_of_the_lead(scene: Scene, shows: str, outcome: Outcome) -> None:
    async with scene.worker(ScriptedProvider(lambda _: outcome)):
        await _enroll(scene)
        await until_page(scene.handle(), shows)
        told = await _told(scene)
    assert {shows, scene.instance()} <= set(re.findall(r"[\w:-]+", told))
    assert [secret for secret in _SECRETS if secret.lower() in told.lower()] == []


async def test_an_answer_that_could_not_be_recorded_goes_to_temporal_without_the_words_of_the_provider(
    scene: Scene,
) -> None:
    halt = Halt.new()
    provider = ScriptedProvider(lambda _: Sent(code="smtp-250", reply=_REPLY), after=halt)
    async with scene.worker(provider):
        await _enroll(scene)
        await halt.reached.wait()
        await lose(scene, "drafts")
        halt.go.set()
        await until(lambda: _failed(scene))
        told = await _told(scene)
        await find(scene, "drafts")
        await scene.handle().result()
        told += await _told(scene)
    assert "unrecorded" in told
    assert [secret for secret in _SECRETS if secret.lower() in told.lower()] == []


async def test_an_error_of_an_activity_goes_to_temporal_without_the_row_that_the_database_quotes(scene: Scene) -> None:
    async with scene.by_hand() as connection:
        await connection.exec_driver_sql("ALTER TABLE drafts ADD CONSTRAINT never CHECK (subject = '') NOT VALID")
    async with scene.worker(ScriptedProvider()):
        await _enroll(scene)
        await until(lambda: _failed(scene))
        told = await _told(scene)
        await scene.handle().terminate()
    assert "IntegrityError" in told
    assert [secret for secret in _SECRETS if secret.lower() in told.lower()] == []


async def _failed(scene: Scene) -> bool:
    pending = (await scene.handle().describe()).raw_description.pending_activities
    failed = await count(scene.handle(), EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED)
    return bool(failed) or any(one.HasField("last_failure") for one in pending)
