"""`{{ unsubscribe_url }}` in a text: the link of that message, the one that List-Unsubscribe has."""

import email
from email import policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from domain.sequence import Sequence
from intake.enrolment import Enroller, Result
from intake.events import EventDoor, NotTakenError
from providers.scripted import ScriptedProvider
from tests.app import App, enrolled, event
from tests.scene import Scene, a_lead, a_sequence

_URL = "https://follow-ups.example.com"
_TEXT = "Hello {{ name }}, to leave: {{ unsubscribe_url }} . Grüße"


def _sequence(*bodies: str) -> Sequence:
    steps = [{"wait": "0s", "body": body} for body in bodies]
    return a_sequence(steps=[steps[0] | {"subject": "Following up"}, *steps[1:]])


async def _enrol(scene: Scene, sequence: Sequence, public_url: str | None) -> list[Result]:
    enroller = Enroller(
        scene.engine,
        scene.client,
        workspace=scene.workspace,
        task_queue=scene.task_queue,
        by="test",
        public_url=public_url,
    )
    return [result async for result in enroller.enroll(sequence, [a_lead()])]


async def _sent(scene: Scene, public_url: str | None) -> list[EmailMessage]:
    provider = ScriptedProvider()
    async with scene.worker(provider, public_url=public_url):
        await scene.handle().result()
    messages = [email.message_from_bytes(one.message, policy=policy.SMTP) for one in provider.sent]
    return [message for message in messages if isinstance(message, EmailMessage)]


async def test_the_link_in_a_text_is_that_of_the_message_and_each_has_its_own(scene: Scene) -> None:
    [result] = await _enrol(scene, _sequence(_TEXT, _TEXT), _URL)
    assert result.answer == "enrolled"
    messages = await _sent(scene, _URL)
    links = [message["List-Unsubscribe"].strip("<>") for message in messages]
    assert len(set(links)) == 2
    for message, link in zip(messages, links, strict=True):
        assert link.startswith(f"{_URL}/unsubscribe/")
        assert f"to leave: {link} . Grüße" in message.get_content()


async def test_without_a_public_url_a_text_has_its_default_or_nobody_is_enrolled(scene: Scene) -> None:
    [refused] = await _enrol(scene, _sequence(_TEXT), None)
    assert refused.answer == "refused"
    assert "'unsubscribe_url' is undefined: set FOLLOWUP_PUBLIC_URL, so that each message has a link" in refused.reason
    assert await scene.rows("SELECT 1 FROM instances") == []
    await _enrol(scene, _sequence("To leave: {{ unsubscribe_url | default('answer no') }}"), None)
    [message] = await _sent(scene, None)
    assert message.get_content().strip() == "To leave: answer no"


async def test_an_event_enrols_in_a_text_with_a_link_where_there_is_a_public_url(scene: Scene, tmp_path: Path) -> None:
    app = App(scene, tmp_path)
    app.write(f"name: no-reply\nsteps: [{{wait: 0s, subject: Hello, body: '{_TEXT}'}}]\n")
    said = enrolled()
    with pytest.raises(NotTakenError, match="sequence no-reply can't be used, the log says why"):
        await app.says(said)
    door = EventDoor(
        scene.engine,
        scene.client,
        workspace=scene.workspace,
        task_queue=scene.task_queue,
        sequences=tmp_path,
        public_url=_URL,
    )
    assert (await door.deliver(event(said))).done == "enrolled"
    [message] = await _sent(scene, _URL)
    assert message["List-Unsubscribe"].strip("<>") in message.get_content()
