"""The page of a follow-up in the Web UI: where it stands, and when it is paused what to look for and what to type."""

import re
from datetime import timedelta

import pytest

from domain.draft import DraftKey, draft_id
from domain.outcome import Fault, Outcome, Refused, Unknown
from providers.scripted import ScriptedProvider
from tests.naming import message_id
from tests.scene import Scene, a_lead, a_sequence
from tests.whole.looking import page, until_page

_LATER = timedelta(days=1)


async def test_an_unknown_send_is_explained_with_what_to_look_for_and_every_way_to_go_on(scene: Scene) -> None:
    async with scene.worker(ScriptedProvider(lambda _: Unknown(code="smtp-eof-final"))):
        await scene.enroll(a_sequence(), a_lead())
        shown = await until_page(scene.handle(), "**paused**")
    assert shown.startswith("**paused** (send_outcome_unknown), step 1 of 3\n")
    assert "| 1 | waits for a person: send_outcome_unknown |\n| 2 | to come |\n| 3 | to come |" in shown
    assert "It is not sent again by itself. Code: `smtp-eof-final`." in shown
    prefix = message_id(draft_id(DraftKey(scene.instance(), 1)), "example.test").removesuffix("example.test>")
    assert f"Look for the Message-ID that begins `{prefix}`" in shown
    assert _offered(shown) == ["sent", "not_sent", "skip", "stop"]
    assert f"`followup resume '{scene.instance()}' --decision sent --note '…'`" in shown


async def test_the_message_id_that_is_looked_for_is_the_one_that_was_sent(scene: Scene) -> None:
    provider = ScriptedProvider(lambda _: Unknown(code="cut"))
    async with scene.worker(provider):
        await scene.enroll(a_sequence(), a_lead())
        shown = await until_page(scene.handle(), "**paused**")
    prefix = shown.partition("that begins `")[2].partition("`")[0]
    assert f"Message-ID: {prefix}example.test>".encode() in provider.sent[0].message


@pytest.mark.parametrize(
    ("outcome", "decisions"),
    [
        (Refused(code="smtp-554", fault=Fault.MESSAGE), ["skip", "stop"]),
        (Refused(code="smtp-535", fault=Fault.CONFIGURATION), ["(none)", "skip", "stop"]),
    ],
)
async def test_only_decisions_that_make_sense_are_offered(scene: Scene, outcome: Outcome, decisions: list[str]) -> None:
    async with scene.worker(ScriptedProvider(lambda _: outcome)):
        await scene.enroll(a_sequence(), a_lead())
        shown = await until_page(scene.handle(), "**paused**")
    assert _offered(shown) == decisions


async def test_a_page_of_the_end_has_no_leftovers_of_the_way(scene: Scene) -> None:
    async with scene.worker(ScriptedProvider({f"{scene.instance()}/2/email": Unknown(code="cut")})):
        await scene.enroll(a_sequence(), a_lead())
        await until_page(scene.handle(), "**paused**")
        await scene.handle().signal("resume", "maybe")
        await until_page(scene.handle(), "> Not done: resume:")
        await scene.handle().signal("resume", "skip")
        await scene.handle().result()
        shown = await page(scene.handle())
    assert shown == (
        "**completed**, step 3 of 3\n\n| step | state |\n| --- | --- |\n| 1 | sent |\n| 2 | skipped |\n| 3 | sent |"
    )


async def test_what_was_not_understood_before_the_end_is_no_leftover_either(scene: Scene) -> None:
    await scene.enroll(a_sequence(timedelta(seconds=1)), a_lead())
    await scene.handle().signal("pause", 7)
    async with scene.worker(ScriptedProvider()):
        await until_page(scene.handle(), "> Not done: pause:")
        await scene.handle().result()
        assert "Not done" not in await page(scene.handle())


async def test_a_stopped_page_says_where_and_why_it_stopped(scene: Scene) -> None:
    async with scene.worker(ScriptedProvider()):
        await scene.enroll(a_sequence(timedelta(0), _LATER, _LATER), a_lead())
        await until_page(scene.handle(), "| 1 | sent |")
        await scene.handle().execute_update("stop")
        await scene.handle().result()
        shown = await page(scene.handle())
    assert shown == (
        "**stopped** (operator), step 2 of 3\n\n| step | state |\n| --- | --- |\n| 1 | sent |\n"
        "| 2 | stopped |\n| 3 | stopped |"
    )


def _offered(shown: str) -> list[str]:
    return [row.strip('"') for row in re.findall(r"^\| `([^`]+)` \|", shown, re.MULTILINE)]
