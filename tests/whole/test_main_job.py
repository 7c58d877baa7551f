"""The main job: three letters, each sent once, in one thread, in order."""

from providers.scripted import ScriptedProvider
from tests.scene import Scene, a_lead, a_sequence


async def test_every_step_is_sent_once_and_the_follow_up_completes(scene: Scene) -> None:
    provider = ScriptedProvider()
    async with scene.worker(provider):
        await scene.enroll(a_sequence(), a_lead())
        ending = await scene.handle().result()
    assert (ending.status, await scene.states()) == ("completed", ["sent", "sent", "sent"])
    assert [letter.draft_id for letter in provider.sent] == [f"{scene.instance()}/{step}/email" for step in (1, 2, 3)]
