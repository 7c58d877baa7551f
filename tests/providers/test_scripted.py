"""The scripted provider keeps to its script, stands still where it is told to, and remembers what it was given."""

import asyncio

import pytest

from domain.outcome import NotSent, Sent, Unknown
from providers.choose import open_provider
from providers.scripted import Halt, ScriptedProvider
from providers.smtp.provider import SmtpProvider
from tests.providers.smtp_peers import LONG, Asked, letter


async def test_a_script_is_looked_up_by_draft_then_by_recipient() -> None:
    by_draft, by_recipient = Unknown(code="d"), NotSent(code="r")
    provider = ScriptedProvider({letter().draft_id: by_draft, "bob@lead.test": by_recipient})
    assert await provider.send(letter(), Asked()) == by_draft
    assert await provider.send(letter()._replace(draft_id="another"), Asked()) == by_recipient
    other = letter(recipient="eve@lead.test")._replace(draft_id="another")
    assert await provider.send(other, Asked()) == Sent(code="scripted")
    assert [begun.draft_id for begun in provider.begun] == [letter().draft_id, "another", "another"]
    assert [sent.draft_id for sent in provider.sent] == [letter().draft_id, "another"]


async def test_a_halt_before_the_point_of_no_return_has_crossed_nothing() -> None:
    halt, gate = Halt.new(), Asked()
    provider = ScriptedProvider(before=halt)
    send = asyncio.ensure_future(provider.send(letter(), gate))
    await halt.reached.wait()
    assert (len(provider.begun), len(provider.sent), gate.times) == (1, 0, 0)
    halt.go.set()
    assert isinstance(await send, Sent)


async def test_a_halt_after_the_point_of_no_return_has_crossed_it() -> None:
    halt, gate = Halt.new(), Asked()
    provider = ScriptedProvider(after=halt)
    send = asyncio.ensure_future(provider.send(letter(), gate))
    await halt.reached.wait()
    assert (len(provider.sent), gate.times) == (1, 1)
    halt.go.set()
    assert isinstance(await send, Sent)


def test_a_provider_is_chosen_by_name() -> None:
    assert isinstance(open_provider("smtp", "smtp://127.0.0.1:25", LONG), SmtpProvider)
    assert isinstance(open_provider("scripted", "", LONG), ScriptedProvider)
    with pytest.raises(ValueError, match="'pigeon'"):
        open_provider("pigeon", "", LONG)
