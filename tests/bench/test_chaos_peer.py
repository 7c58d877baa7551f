"""The peer of `make chaos`: its log is the truth, and no outcome contradicts it, whatever the peer answers."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from bench.chaos.log import read_taken, read_wrong
from bench.chaos.peer import RIGHT, Peer, serve
from bench.chaos.schedule import WAYS, How, Phase
from domain.outcome import Outcome
from providers.provider import Letter
from providers.smtp import SmtpProvider

_WAYS = [(phase, how) for phase, ways in WAYS.items() for how in ways]
_PATIENCE = timedelta(seconds=0.5)
_WROTE = b"Message-ID: <1@x>\r\nSubject: Hello\r\n\r\nmark lead-1/2\r\n"


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
    assert [(one.message_id, one.mark) for one in read_taken(tmp_path)] == [("<1@x>", "lead-1/2")]
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


async def test_it_goes_wrong_as_often_as_told_or_until_told_to_be_right(tmp_path: Path) -> None:
    peer = Peer(tmp_path, thinks=0)
    peer.obey("untaken 5yz 2")
    assert [outcome.kind for outcome in await _send(peer, 3)] == ["refused", "refused", "sent"]
    peer.obey("untaken 5yz 2")
    peer.obey(RIGHT)
    assert [outcome.kind for outcome in await _send(peer)] == ["sent"]
