"""The peer of `make chaos`: its log is the truth, and no outcome contradicts it, whatever the peer answers."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from domain.outcome import Outcome
from proof.chaos.log import read_taken, read_wrong
from proof.chaos.peer import RIGHT, Peer, serve
from proof.chaos.schedule import WAYS, How, Phase
from providers.provider import Letter
from providers.smtp.provider import SmtpProvider

_WAYS = [(phase, how) for phase, ways in WAYS.items() for how in ways]
_PATIENCE = timedelta(seconds=0.5)
_WROTE = b"Message-ID: <1@x>\r\nSubject: Hello\r\n\r\nmark chaos:plain:lead-1/2\r\n"


async def _may_cross() -> bool:
    return True


async def _send(peer: Peer, times: int = 1) -> list[Outcome]:
    server = await asyncio.start_server(lambda reader, writer: serve(peer, reader, writer), "127.0.0.1", 0)
    url = f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    provider = SmtpProvider.from_url(url, send_timeout=_PATIENCE)
    letter = Letter("chaos:plain:lead-1/2/email", "ada@example.test", "lead-1@example.test", _WROTE)
    outcomes = [await provider.send(letter, _may_cross) for _ in range(times)]
    await provider.close()
    server.close()
    return outcomes


async def test_a_message_is_written_down_by_its_id_and_by_its_mark(tmp_path: Path) -> None:
    [outcome] = await _send(Peer(tmp_path, thinks=0))
    assert outcome.kind == "sent"
    [taken] = read_taken(tmp_path)
    assert (taken.message_id, taken.mark) == ("<1@x>", "chaos:plain:lead-1/2")
    assert (taken.instance_id, taken.step, taken.person) == ("chaos:plain:lead-1", 2, "chaos/lead-1@example.test")
    assert taken.sender == "ada@example.test"
    assert read_wrong(tmp_path) == []


@pytest.mark.parametrize("phase", list(Phase))
async def test_what_it_took_is_sent_or_unknown_whatever_it_answers(tmp_path: Path, phase: Phase) -> None:
    async def one(how: How) -> tuple[str, int, list[tuple[str, str]]]:
        folder = tmp_path / how
        folder.mkdir()
        peer = Peer(folder, thinks=0)
        peer.obey(f"{phase} {how} 1")
        [outcome] = await _send(peer)
        return outcome.kind, len(read_taken(folder)), [(wrong.phase, wrong.how) for wrong in read_wrong(folder)]

    for how, (kind, taken, wrong) in zip(WAYS[phase], await asyncio.gather(*map(one, WAYS[phase])), strict=True):
        assert wrong == [(phase, how)]
        assert taken == (phase is Phase.TAKEN)
        assert kind == "unknown" if taken else kind != "sent"


async def test_a_text_is_the_same_whoever_it_is_of_and_under_whichever_subject_of_a_thread(tmp_path: Path) -> None:
    peer = Peer(tmp_path)
    for letter in (_WROTE, _WROTE.replace(b"lead-1", b"lead-2").replace(b"Hello", b"Re: Hello"), _WROTE + b"more\r\n"):
        peer.take(letter)
    first, other, longer = (one.text for one in read_taken(tmp_path))
    assert first == other
    assert first != longer


async def test_it_answers_4yz_at_random_to_what_it_delivers_and_to_what_it_does_not(tmp_path: Path) -> None:
    outcomes = await _send(Peer(tmp_path, thinks=0, defers=1.0), 30)
    phases = {wrong.phase for wrong in read_wrong(tmp_path)}
    assert phases == {Phase.TAKEN, Phase.UNTAKEN}
    assert {outcome.kind for outcome in outcomes} <= {"unknown", "sent"}
    assert 0 < len(read_taken(tmp_path)) < 30


async def test_it_goes_wrong_as_often_as_told_or_until_told_to_be_right(tmp_path: Path) -> None:
    peer = Peer(tmp_path, thinks=0)
    peer.obey("untaken 5yz 2")
    assert [outcome.kind for outcome in await _send(peer, 3)] == ["refused", "refused", "sent"]
    peer.obey("untaken 5yz 2")
    peer.obey(RIGHT)
    assert [outcome.kind for outcome in await _send(peer)] == ["sent"]
