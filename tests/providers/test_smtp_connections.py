"""Connections are used again where that is safe, and only there; the point of no return is where it is said to be."""

import asyncio
import socket

import pytest

from domain.outcome import NotSent, Refused, Sent, Unknown
from providers.provider import CLAIM_EXPIRED
from providers.smtp import SmtpProvider
from tests.providers.fault_server import Fault, FaultServer, Wrong
from tests.providers.smtp_peers import LONG, SHORT, Asked, letter

# more than the kernel's buffers of both ends hold
LARGE = b"Subject: large\r\n\r\n" + (b"x" * 900 + b"\r\n") * 20_000


async def test_letters_one_after_the_other_share_a_connection() -> None:
    async with FaultServer() as server:
        provider = SmtpProvider.from_url(server.url, send_timeout=LONG)
        for _ in range(5):
            assert isinstance(await provider.send(letter(), Asked()), Sent)
        await provider.close()
    assert server.connections == 1
    assert len(server.messages) == 5
    assert server.commands[-1] == b"QUIT\r\n"


async def test_a_connection_carries_fifty_letters_at_most() -> None:
    async with FaultServer() as server:
        provider = SmtpProvider.from_url(server.url, send_timeout=LONG)
        for _ in range(51):
            await provider.send(letter(), Asked())
        await provider.close()
    assert server.connections == 2
    assert len(server.messages) == 51


async def test_a_connection_closed_while_idle_costs_no_letter() -> None:
    async with FaultServer() as server:
        provider = SmtpProvider.from_url(server.url, send_timeout=LONG)
        await provider.send(letter(), Asked())
        await server.hang_up()
        gate = Asked()
        assert isinstance(await provider.send(letter(), gate), Sent)
        await provider.close()
    assert gate.times == 1
    assert server.connections == 2
    assert len(server.messages) == 2


@pytest.mark.parametrize(
    "fault",
    [Wrong.DROP, Wrong.RESET, Wrong.HANG, b"421 4.4.2 idle\r\n", b"550 too many letters\r\n", b"hello sailor\r\n"],
)
async def test_a_stale_connection_is_replaced_once_and_within_the_send(fault: Fault) -> None:
    async with FaultServer() as server:
        provider = SmtpProvider.from_url(server.url, send_timeout=SHORT)
        await provider.send(letter(), Asked())
        server.once["mail"] = fault
        gate = Asked()
        assert isinstance(await provider.send(letter(), gate), Sent)
        await provider.close()
    assert gate.times == 1
    assert server.connections == 2
    assert len(server.messages) == 2


async def test_a_server_that_always_drops_at_mail_is_asked_twice_and_no_more() -> None:
    async with FaultServer() as server:
        provider = SmtpProvider.from_url(server.url, send_timeout=LONG)
        await provider.send(letter(), Asked())
        server.faults["mail"] = Wrong.DROP
        assert isinstance(await provider.send(letter(), Asked()), NotSent)
        await provider.close()
    assert server.connections == 2


@pytest.mark.parametrize("phase", ["rcpt", "data", "final"])
async def test_a_reused_connection_that_fails_after_mail_is_not_tried_anew(phase: str) -> None:
    async with FaultServer() as server:
        provider = SmtpProvider.from_url(server.url, send_timeout=LONG)
        await provider.send(letter(), Asked())
        server.once[phase] = Wrong.DROP
        assert isinstance(await provider.send(letter(), Asked()), Unknown if phase == "final" else NotSent)
        await provider.close()
    assert server.connections == 1


@pytest.mark.parametrize(
    ("phase", "fault"),
    [
        ("rcpt", b"550 5.1.1 no such user\r\n"),
        ("rcpt", b"450 4.2.1 later\r\n"),
        ("final", b"554 5.7.1 spam\r\n"),
        ("final", b"451 4.3.0 later\r\n"),
        ("final", b"354 what\r\n"),
        ("final", b"250 queued\r\n250 queued\r\n"),
    ],
)
async def test_after_anything_but_a_clean_end_a_connection_is_not_used_again(phase: str, fault: Fault) -> None:
    async with FaultServer() as server:
        provider = SmtpProvider.from_url(server.url, send_timeout=LONG)
        server.once[phase] = fault
        await provider.send(letter(), Asked())
        assert isinstance(await provider.send(letter(), Asked()), Sent)
        await provider.close()
    assert server.connections == 2
    assert sum(command.startswith(b"MAIL") for command in server.commands) == 2


async def test_a_closed_provider_leaves_no_connection_open() -> None:
    async with FaultServer({"quit": Wrong.HANG}) as server:
        provider = SmtpProvider.from_url(server.url, send_timeout=LONG)
        await asyncio.gather(*(provider.send(letter(), Asked()) for _ in range(12)))
        resting = list(provider._idle._resting)
        await provider.close()
        assert resting
        assert all(wire.gone.is_set() for wire in resting)
        await provider.send(letter(), Asked())  # a late one doesn't leave a connection behind either
        await server.left()
    assert len(server.messages) == 13


async def test_nobody_listening_is_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    outcome = await SmtpProvider.from_url(f"smtp://127.0.0.1:{port}", send_timeout=LONG).send(letter(), Asked())
    assert isinstance(outcome, NotSent)
    assert outcome.code == "smtp-connect"


@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        (Wrong.DROP, NotSent, "smtp-eof-body"),
        (Wrong.RESET, NotSent, "smtp-eof-body"),
        (Wrong.DEAF, NotSent, "smtp-timeout-body"),
        (b"552 5.3.4 too big\r\n", Refused, "smtp-552-body"),
        (b"451 4.3.0 no space\r\n", NotSent, "smtp-451-body"),
    ],
)
async def test_a_body_that_is_not_taken_to_its_end_never_reaches_the_gate(
    fault: Fault, kind: type[NotSent | Refused], code: str
) -> None:
    gate = Asked()
    async with FaultServer({"body": fault}) as server:
        provider = SmtpProvider.from_url(server.url, send_timeout=SHORT)
        outcome = await provider.send(letter(LARGE), gate)
        await provider.close()
    assert isinstance(outcome, kind)
    assert outcome.code == code
    assert gate.times == 0
    assert server.terminators == 0


async def test_a_large_letter_arrives_to_the_byte() -> None:
    async with FaultServer() as server:
        provider = SmtpProvider.from_url(server.url, send_timeout=LONG)
        assert isinstance(await provider.send(letter(LARGE), Asked()), Sent)
        await provider.close()
    assert server.messages == [LARGE]


async def test_no_terminator_is_written_before_the_gate_has_answered_nor_after_a_no() -> None:
    async with FaultServer() as server:
        seen: list[int] = []

        async def gate() -> bool:
            await server.body_taken(len(letter().message))
            seen.append(server.terminators)
            return False

        provider = SmtpProvider.from_url(server.url, send_timeout=LONG)
        assert await provider.send(letter(), gate) == NotSent(code=CLAIM_EXPIRED)
        await provider.close()
        await server.settled()
    assert seen == [0]
    assert server.terminators == 0
    assert server.connections == 1


async def test_a_server_that_hangs_up_while_the_gate_is_asked_gets_no_terminator() -> None:
    async with FaultServer() as server:

        async def gate() -> bool:
            await server.hang_up()
            return True

        provider = SmtpProvider.from_url(server.url, send_timeout=LONG)
        outcome = await provider.send(letter(), gate)
        await provider.close()
    assert isinstance(outcome, NotSent)
    assert outcome.code == "smtp-eof-body"
    assert server.terminators == 0


async def test_a_send_cancelled_after_the_point_of_no_return_gives_no_outcome_and_no_second_letter() -> None:
    async with FaultServer({"final": Wrong.HANG}) as server:
        provider = SmtpProvider.from_url(server.url, send_timeout=LONG)
        send = asyncio.ensure_future(provider.send(letter(), Asked()))
        await server.terminated.wait()
        send.cancel()
        with pytest.raises(asyncio.CancelledError):
            await send
        await provider.close()
    assert server.terminators == 1
    assert server.connections == 1


@pytest.mark.parametrize("phase", ["connect", "ehlo", "mail", "rcpt", "data"])
async def test_a_send_cancelled_on_its_way_drops_its_connection(phase: str) -> None:
    gate = Asked()
    async with FaultServer({phase: Wrong.HANG}) as server:
        provider = SmtpProvider.from_url(server.url, send_timeout=LONG)
        send = asyncio.ensure_future(provider.send(letter(), gate))
        await server.stuck.wait()
        send.cancel()
        with pytest.raises(asyncio.CancelledError):
            await send
        # its sessions end by the client's leaving alone
        await server.left()
    assert gate.times == 0
    assert server.terminators == 0
