"""One contract for every provider, and for SMTP every phase with every fault, against two servers."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import pytest

from domain.outcome import Fault as Whose
from domain.outcome import NotSent, Refused, Sent, Unknown
from providers.provider import CLAIM_EXPIRED, GATE_FAILED
from providers.smtp.provider import SmtpProvider
from tests.providers.fault_server import Fault, FaultServer, Wrong
from tests.providers.smtp_peers import PEERS, SHORT, Asked, Behaviour, OpenPeer, letter, run_sink


@pytest.fixture(params=PEERS.values(), ids=list(PEERS))
def open_peer(request: pytest.FixtureRequest) -> OpenPeer:
    chosen: OpenPeer = request.param
    return chosen


async def test_a_letter_that_is_accepted_is_sent_once_and_to_the_byte(open_peer: OpenPeer) -> None:
    message = b"Subject: dots\r\n\r\n.\r\n..two\r\n.one\r\n\r\nend\r\n"
    gate = Asked()
    async with open_peer(Behaviour.ACCEPTS) as peer:
        outcome = await peer.provider.send(letter(message), gate)
        assert isinstance(outcome, Sent)
        assert peer.delivered() == [message]
        assert gate.times == 1


async def test_a_gate_that_says_no_leaves_the_letter_unsent(open_peer: OpenPeer) -> None:
    gate = Asked(may=False)
    async with open_peer(Behaviour.ACCEPTS) as peer:
        outcome = await peer.provider.send(letter(), gate)
        assert outcome == NotSent(code=CLAIM_EXPIRED)
        assert gate.times == 1
        await peer.provider.send(letter(b"Subject: next\r\n\r\n"), Asked())
        assert peer.delivered() == [b"Subject: next\r\n\r\n"]


async def test_a_gate_that_raises_leaves_the_letter_unsent(open_peer: OpenPeer) -> None:
    async def broken() -> bool:
        raise RuntimeError("no database")

    async with open_peer(Behaviour.ACCEPTS) as peer:
        outcome = await peer.provider.send(letter(), broken)
        assert outcome == NotSent(code=GATE_FAILED, reply="RuntimeError")
        assert peer.delivered() == []


async def test_an_address_that_does_not_exist_is_refused_as_the_recipients_fault(open_peer: OpenPeer) -> None:
    gate = Asked()
    async with open_peer(Behaviour.KNOWS_NO_SUCH_USER) as peer:
        outcome = await peer.provider.send(letter(), gate)
        assert isinstance(outcome, Refused)
        assert outcome.fault is Whose.RECIPIENT
        assert gate.times == 0


async def test_a_passing_trouble_is_not_sent(open_peer: OpenPeer) -> None:
    gate = Asked()
    async with open_peer(Behaviour.IS_BUSY) as peer:
        assert isinstance(await peer.provider.send(letter(), gate), NotSent)
        assert gate.times == 0


async def test_a_text_that_is_rejected_is_refused_as_the_messages_fault(open_peer: OpenPeer) -> None:
    async with open_peer(Behaviour.DISLIKES_THE_TEXT) as peer:
        outcome = await peer.provider.send(letter(), Asked())
        assert isinstance(outcome, Refused)
        assert outcome.fault is Whose.MESSAGE


async def test_silence_after_the_point_of_no_return_is_unknown(open_peer: OpenPeer) -> None:
    gate = Asked()
    async with open_peer(Behaviour.FALLS_SILENT) as peer:
        assert isinstance(await peer.provider.send(letter(), gate), Unknown)
        assert gate.times == 1


async def test_a_send_cancelled_at_its_gate_is_not_delivered(open_peer: OpenPeer) -> None:
    at_the_gate = asyncio.Event()

    async def endless() -> bool:
        at_the_gate.set()
        await asyncio.Event().wait()
        return True

    async with open_peer(Behaviour.ACCEPTS) as peer:
        send = asyncio.ensure_future(peer.provider.send(letter(), endless))
        await at_the_gate.wait()
        send.cancel()
        with pytest.raises(asyncio.CancelledError):
            await send
        assert peer.delivered() == []


async def test_fifty_letters_side_by_side_arrive_once_each(open_peer: OpenPeer) -> None:
    messages = [b"Subject: %d\r\n\r\n" % number for number in range(50)]
    async with open_peer(Behaviour.ACCEPTS) as peer:
        outcomes = await asyncio.gather(*(peer.provider.send(letter(message), Asked()) for message in messages))
        assert all(isinstance(outcome, Sent) for outcome in outcomes)
        assert sorted(peer.delivered()) == sorted(messages)


class Case(NamedTuple):
    """A fault in a phase, and what is known after it."""

    phase: str
    fault: Fault
    kind: type[Sent | Refused | NotSent | Unknown]
    code: str
    whose: Whose | None = None
    sink: Sequence[str] | None = None  # how smtp-sink is told to do the same, where it can

    def __str__(self) -> str:
        return f"{self.phase}-{self.fault if isinstance(self.fault, Wrong) else self.fault[:20].decode().strip()}"


GARBAGE = b"hello sailor\r\n"
R, M, C = Whose.RECIPIENT, Whose.MESSAGE, Whose.CONFIGURATION
_ENVELOPE = ("mail", "rcpt", "data")
CASES = [
    Case("connect", Wrong.DROP, NotSent, "smtp-connect", sink=["-q", "CONNECT"]),
    Case("connect", Wrong.RESET, NotSent, "smtp-connect"),
    Case("connect", Wrong.HANG, NotSent, "smtp-timeout-connect", sink=["-W", "CONNECT:9"]),
    Case("connect", Wrong.SLOW, NotSent, "smtp-timeout-connect"),
    Case("connect", Wrong.HALF, NotSent, "smtp-connect"),
    Case("connect", GARBAGE, NotSent, "smtp-garbage-connect"),
    Case("connect", b"421 4.3.2 closing\r\n", NotSent, "smtp-421-connect", sink=["-Q", "CONNECT"]),
    Case("connect", b"554 5.7.1 blocked\r\n", NotSent, "smtp-554-connect"),
    Case("ehlo", Wrong.DROP, NotSent, "smtp-eof-ehlo", sink=["-q", "EHLO"]),
    Case("ehlo", Wrong.RESET, NotSent, "smtp-eof-ehlo"),
    Case("ehlo", Wrong.HANG, NotSent, "smtp-timeout-ehlo", sink=["-W", "EHLO:9"]),
    Case("ehlo", Wrong.SLOW, NotSent, "smtp-timeout-ehlo"),
    Case("ehlo", Wrong.HALF, NotSent, "smtp-eof-ehlo"),
    Case("ehlo", GARBAGE, NotSent, "smtp-garbage-ehlo"),
    Case("ehlo", b"421 4.3.2 closing\r\n", NotSent, "smtp-421-ehlo", sink=["-Q", "EHLO"]),
    Case("ehlo", b"502 5.5.1 what\r\n", NotSent, "smtp-502-ehlo"),
    *(Case(phase, Wrong.DROP, NotSent, f"smtp-eof-{phase}", sink=["-q", phase.upper()]) for phase in _ENVELOPE),
    *(Case(phase, Wrong.RESET, NotSent, f"smtp-eof-{phase}") for phase in _ENVELOPE),
    *(Case(phase, Wrong.HALF, NotSent, f"smtp-eof-{phase}") for phase in _ENVELOPE),
    *(Case(phase, Wrong.HANG, NotSent, f"smtp-timeout-{phase}", sink=["-W", f"{phase}:9"]) for phase in _ENVELOPE),
    *(Case(phase, Wrong.SLOW, NotSent, f"smtp-timeout-{phase}") for phase in _ENVELOPE),
    *(Case(phase, GARBAGE, NotSent, f"smtp-garbage-{phase}") for phase in _ENVELOPE),
    *(Case(phase, b"250-a\r\n550 b\r\n", NotSent, f"smtp-garbage-{phase}") for phase in _ENVELOPE),
    *(Case(phase, b"450 4.3.0 later\r\n", NotSent, f"smtp-450-{phase}", sink=["-r", phase]) for phase in _ENVELOPE),
    *(Case(phase, b"421 4.3.0 closing\r\n", NotSent, f"smtp-421-{phase}", sink=["-Q", phase]) for phase in _ENVELOPE),
    Case("mail", b"250 fine\r\n250 finer\r\n", NotSent, "smtp-stray-rcpt"),
    Case("rcpt", b"250 fine\r\n354 go ahead\r\n", NotSent, "smtp-stray-data"),
    Case("rcpt", b"550 5.1.1 no such user\r\n250 fine\r\n", NotSent, "smtp-stray-rcpt"),
    Case("mail", b"354 what\r\n", NotSent, "smtp-354-mail"),
    Case("mail", b"553 5.7.1 not your address\r\n", Refused, "smtp-553-mail", C),
    Case("mail", b"530 5.7.0 authenticate\r\n", Refused, "smtp-530-mail", C),
    Case("mail", b"500 5.3.0 failed\r\n", Refused, "smtp-500-mail", M, ["-f", "MAIL"]),
    Case("mail", b"552 5.3.4 too big\r\n", Refused, "smtp-552-mail", M),
    Case("rcpt", b"252 perhaps\r\n", Sent, "smtp-250"),
    Case("rcpt", b"550-5.1.1 no such\r\n550 5.1.1 user\r\n", Refused, "smtp-550-rcpt", R),
    Case("rcpt", b"550 no such user here\r\n", Refused, "smtp-550-rcpt", R, ["-f", "RCPT", "-B", "550 no such user"]),
    Case("rcpt", b"550\r\n", Refused, "smtp-550-rcpt", R),
    Case("rcpt", b"556 5.1.10 null MX\r\n", Refused, "smtp-556-rcpt", R),
    Case("rcpt", b"550 5.2.1 disabled\r\n", Refused, "smtp-550-rcpt", R),
    Case("rcpt", b"552 5.2.2 mailbox full\r\n", Refused, "smtp-552-rcpt", M),
    Case("rcpt", b"554 5.7.1 relay access denied\r\n", Refused, "smtp-554-rcpt", C),
    Case("rcpt", b"550 relay not permitted\r\n", Refused, "smtp-550-rcpt", C),
    Case("rcpt", b"550 5.1.8 sender's domain not found\r\n", Refused, "smtp-550-rcpt", C),
    Case("rcpt", b"530 5.7.0 authenticate\r\n", Refused, "smtp-530-rcpt", C),
    Case("rcpt", b"503 5.5.1 out of turn\r\n", Refused, "smtp-503-rcpt", C),
    Case("data", b"250 what\r\n", NotSent, "smtp-250-data"),
    Case("data", b"554 5.5.1 no valid recipients\r\n", Refused, "smtp-554-data", M),
    Case("data", b"354 go\r\n552 5.3.4 too big\r\n", Refused, "smtp-552-body", M),
    Case("data", b"354 go\r\n451 4.3.0 later\r\n", NotSent, "smtp-451-body"),
    Case("data", b"354 go\r\nhello sailor\r\n", NotSent, "smtp-garbage-body"),
    Case("data", b"354 go\r\n250 2.0.0 queued, I think\r\n", Unknown, "smtp-250-body"),
    Case("final", Wrong.DROP, Unknown, "smtp-eof-final", sink=["-q", "."]),
    Case("final", Wrong.RESET, Unknown, "smtp-eof-final"),
    Case("final", Wrong.HALF, Unknown, "smtp-eof-final"),
    Case("final", Wrong.HANG, Unknown, "smtp-timeout-final", sink=["-W", ".:9"]),
    Case("final", Wrong.SLOW, Unknown, "smtp-timeout-final"),
    Case("final", GARBAGE, Unknown, "smtp-garbage-final"),
    Case("final", b"2500 well\r\n", Unknown, "smtp-garbage-final"),
    Case("final", b"250-well\r\n550 no\r\n", Unknown, "smtp-garbage-final"),
    Case("final", b"250-well\r\n", Unknown, "smtp-timeout-final"),
    Case("final", b"050 well\r\n", Unknown, "smtp-garbage-final"),
    Case("final", b"x" * 70_000, Unknown, "smtp-garbage-final"),
    Case("final", b"150 wait\r\n", Unknown, "smtp-150-final"),
    Case("final", b"354 go on\r\n", Unknown, "smtp-354-final"),
    Case("final", b"250\r\n", Sent, "smtp-250"),
    Case("final", b"252 2.0.0 queued\r\n", Sent, "smtp-252"),
    Case("final", b"250-2.0.0 queued\r\n250 as F1\r\n", Sent, "smtp-250"),
    Case("final", b"259 2.0.0 queued\r\n", Sent, "smtp-259"),
    *(Case("final", b"%d well\r\n" % code, Unknown, f"smtp-{code}-final") for code in (200, 220, 221, 235, 249, 260)),
    Case("final", b"250 queued\r\n250 queued\r\n", Unknown, "smtp-stray-final"),
    Case("final", b"250 queued\r\n221 bye\r\n", Unknown, "smtp-stray-final"),
    Case("final", b"250 queued\r\n554 5.7.1 spam\r\n", Unknown, "smtp-stray-final"),
    Case("final", b"554 5.7.1 spam\r\n250 queued\r\n", Unknown, "smtp-stray-final"),
    Case("final", b"450 4.7.1 greylisted\r\n250 queued\r\n", Unknown, "smtp-stray-final"),
    Case("final", b"250 queued\r\nhello sailor\r\n", Unknown, "smtp-stray-final"),
    Case("final", b"451 4.3.0 queue file write error\r\n", Unknown, "smtp-451-final"),
    Case("final", b"450 4.3.0 later\r\n", Unknown, "smtp-450-final", sink=["-r", "."]),
    Case("final", b"421 4.3.0 closing\r\n", Unknown, "smtp-421-final", sink=["-Q", "."]),
    Case("final", b"451 4.4.2 time-out\r\n", Unknown, "smtp-451-final"),
    Case("final", b"451 4.1.8 sender's domain not found\r\n", Unknown, "smtp-451-final"),
    Case("final", b"452 later\r\n", Unknown, "smtp-452-final"),
    Case("final", b"451 later, by policy 4.7.1\r\n", Unknown, "smtp-451-final"),
    Case("final", b"451 5.7.1 later\r\n", Unknown, "smtp-451-final"),
    Case("final", b"451 4.77.1 later\r\n", Unknown, "smtp-451-final"),
    Case("final", b"451-4.7.1 later\r\n451 4.3.0 queue file write error\r\n", Unknown, "smtp-451-final"),
    Case("final", b"452 4.2.2 mailbox full\r\n", NotSent, "smtp-452-final"),
    Case("final", b"451-4.7.1 greylisted\r\n451 4.7.1 come back\r\n", NotSent, "smtp-451-final"),
    Case("final", b"421 4.7.28 too many\r\n", NotSent, "smtp-421-final"),
    Case("final", b"554 5.7.1 spam\r\n", Refused, "smtp-554-final", M),
    Case("final", b"500 5.3.0 failed\r\n", Refused, "smtp-500-final", M, ["-f", "."]),
    Case("final", b"550 5.1.1 no such user\r\n", Refused, "smtp-550-final", R),
    *(Case("quit", fault, Sent, "smtp-250") for fault in (Wrong.DROP, Wrong.RESET, Wrong.HANG, GARBAGE)),
    Case("quit", b"421 4.3.0 closing\r\n", Sent, "smtp-250"),
    Case("quit", b"250 2.0.0 fine\r\n", Sent, "smtp-250"),
    # the answer to the terminator may be this one, and the 250 before it a word that nothing had asked for
    Case("quit", b"500 5.5.1 no\r\n", Unknown, "smtp-stray-final"),
    Case("quit", b"554 5.7.1 spam\r\n221 bye\r\n", Unknown, "smtp-stray-final"),
    Case("quit", b"250 2.0.0 queued\r\n221 bye\r\n", Unknown, "smtp-stray-final"),
    Case("quit", b"421 4.3.0 closing\r\n221 bye\r\n", Unknown, "smtp-stray-final"),
    Case("quit", b"250 and\r\n" * 9, Unknown, "smtp-stray-final"),
]


def _check(case: Case, outcome: object, gate: Asked) -> None:
    assert isinstance(outcome, case.kind)
    assert outcome.code == case.code
    assert (outcome.fault if isinstance(outcome, Refused) else None) == case.whose
    assert gate.times == (1 if case.phase in {"final", "quit"} or case.kind is Sent else 0)


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_the_phase_of_a_fault_decides_its_outcome(case: Case) -> None:
    gate = Asked()
    async with FaultServer({case.phase: case.fault}) as server:
        provider = SmtpProvider.from_url(server.url, send_timeout=SHORT)
        outcome = await provider.send(letter(), gate)
        await provider.close()
        await server.settled()
    _check(case, outcome, gate)
    assert server.terminators == gate.times
    assert len(server.messages) <= 1
    assert bool(server.messages) <= isinstance(outcome, Sent | Unknown)


@pytest.mark.parametrize("case", [case for case in CASES if case.sink], ids=str)
async def test_the_phase_of_a_fault_decides_its_outcome_at_smtp_sink(case: Case) -> None:
    gate = Asked()
    async with run_sink(case.sink or ()) as (url, _):
        provider = SmtpProvider.from_url(url, send_timeout=SHORT)
        outcome = await provider.send(letter(), gate)
        await provider.close()
    _check(case, outcome, gate)


async def test_a_servers_words_are_kept_short_and_printable() -> None:
    async with FaultServer({"rcpt": b"450-4.2.1 \x1b[31mred\x07\r\n450 " + b"\xc3\xbc" * 600 + b"\r\n"}) as server:
        provider = SmtpProvider.from_url(server.url, send_timeout=SHORT)
        outcome = await provider.send(letter(), Asked())
    assert outcome.reply.startswith("4.2.1  [31mred   ü")
    assert outcome.reply.isprintable()
    assert len(outcome.reply) == 500
