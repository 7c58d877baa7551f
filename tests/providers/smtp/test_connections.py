"""A connection carries one message and is left in peace; the point of no return is where it is said to be."""

import asyncio
import socket
import threading

import pytest

from domain.outcome import NotSent, Refused, Sent, Unknown
from providers.provider import CLAIM_EXPIRED
from providers.smtp.provider import SmtpProvider
from tests.providers.fault_server import Fault, FaultServer, Wrong
from tests.providers.smtp_peers import LONG, SHORT, Asked, letter

# more than the kernel's buffers of both ends hold
LARGE = b"Subject: large\r\n\r\n" + (b"x" * 900 + b"\r\n") * 20_000


async def test_each_message_has_a_connection_of_its_own_that_ends_with_quit() -> None:
    async with FaultServer() as server:
        provider = SmtpProvider.from_url(server.url, send_timeout=LONG)
        for _ in range(3):
            assert isinstance(await provider.send(letter(), Asked()), Sent)
        await provider.close()
        await server.left()  # each session ends by its client's leaving alone
    assert server.connections == 3
    assert len(server.messages) == 3
    assert [command for command in server.commands if not command.startswith((b"MAIL", b"RCPT"))] == [
        server.commands[0],
        b"DATA\r\n",
        b"QUIT\r\n",
    ] * 3


@pytest.mark.parametrize("phase", ["mail", "rcpt", "data", "final"])
async def test_a_send_that_fails_is_not_tried_again(phase: str) -> None:
    async with FaultServer({phase: Wrong.DROP}) as server:
        provider = SmtpProvider.from_url(server.url, send_timeout=LONG)
        assert isinstance(await provider.send(letter(), Asked()), Unknown if phase == "final" else NotSent)
        await provider.close()
    assert server.connections == 1


async def test_a_server_that_spoke_unasked_once_is_believed_by_its_221_alone() -> None:
    async with FaultServer() as server:
        provider = SmtpProvider.from_url(server.url, send_timeout=LONG)
        server.once["mail"] = b"250 fine\r\n250 finer\r\n"
        assert isinstance(await provider.send(letter(), Asked()), NotSent)
        assert isinstance(await provider.send(letter(), Asked()), Sent)
        server.faults["quit"] = Wrong.DROP
        assert await provider.send(letter(), Asked()) == Unknown(
            code="smtp-stray-final", reply="it can't be told which reply is the answer"
        )
        server.once["rcpt"] = b"550 5.1.1 no such user\r\n"
        refused = await provider.send(letter(), Asked())
        assert (refused.kind, refused.code) == ("not_sent", "smtp-stray-rcpt")
        await provider.close()


@pytest.mark.parametrize(
    ("phase", "said"),
    [
        ("mail", b"250 fine\r\n250 finer\r\n"),
        ("mail", b"354 what\r\n"),
        ("data", b"250 what\r\n"),
        ("data", b"354 go\r\n250 queued, I think\r\n"),
        ("final", b"250 queued\r\n250 queued\r\n"),
        ("quit", b"250 queued\r\n221 bye\r\n"),
    ],
)
async def test_whatever_is_said_unasked_is_remembered_of_a_server(phase: str, said: bytes) -> None:
    async with FaultServer() as server:
        provider = SmtpProvider.from_url(server.url, send_timeout=LONG)
        server.once[phase] = said
        await provider.send(letter(), Asked())
        server.faults["quit"] = Wrong.DROP
        assert isinstance(await provider.send(letter(), Asked()), Unknown)
        await provider.close()


@pytest.mark.parametrize("phase", ["mail", "rcpt", "data", "final"])
async def test_a_server_that_refuses_and_goes_without_a_word_is_believed(phase: str) -> None:
    async with FaultServer({phase: b"550 5.1.1 no such user\r\n", "quit": Wrong.DROP}) as server:
        provider = SmtpProvider.from_url(server.url, send_timeout=LONG)
        assert isinstance(await provider.send(letter(), Asked()), Refused)
        await provider.close()


async def test_a_server_that_is_going_down_right_behind_its_250_has_taken_the_message() -> None:
    async with FaultServer({"final": b"250 queued\r\n421 4.3.2 going down\r\n", "quit": Wrong.DROP}) as server:
        provider = SmtpProvider.from_url(server.url, send_timeout=LONG)
        assert isinstance(await provider.send(letter(), Asked()), Sent)
        await provider.close()


async def test_a_server_that_does_not_answer_quit_holds_a_send_up_no_longer_than_its_end_may_take() -> None:
    async with FaultServer({"quit": Wrong.HANG}) as server:
        provider = SmtpProvider.from_url(server.url, send_timeout=SHORT)
        assert isinstance(await provider.send(letter(), Asked()), Sent)
        await server.left()  # its session ends by the client's leaving alone


async def test_a_declared_server_is_believed_in_its_4yz_after_the_terminator() -> None:
    async with FaultServer({"final": b"451 4.3.0 later\r\n"}) as server:
        provider = SmtpProvider.from_url(server.url, send_timeout=LONG, deferral_means_not_sent=True)
        outcome = await provider.send(letter(), Asked())
        assert (outcome.kind, outcome.code) == ("not_sent", "smtp-451-final")
        server.faults["final"] = b"354 what\r\n"
        assert isinstance(await provider.send(letter(), Asked()), Unknown)
        server.faults["final"] = b"451 4.3.0 later\r\n250 queued\r\n"
        assert isinstance(await provider.send(letter(), Asked()), Unknown)
        await provider.close()


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


async def test_what_the_kernel_alone_has_heard_while_the_gate_was_asked_keeps_the_terminator_back() -> None:
    speak, spoke = threading.Event(), threading.Event()

    async def gate() -> bool:
        # the loop stands still meanwhile, so the transport is told of nothing
        speak.set()
        assert spoke.wait(20)
        return True

    with socket.create_server(("127.0.0.1", 0)) as listening:
        rest: list[bytes] = []
        server = threading.Thread(target=_speak_when_told, args=(listening, speak, spoke, rest))
        server.start()
        provider = SmtpProvider.from_url(f"smtp://127.0.0.1:{listening.getsockname()[1]}", send_timeout=LONG)
        outcome = await provider.send(letter(), gate)
        await asyncio.to_thread(server.join)
    assert (outcome.kind, outcome.code) == ("not_sent", "smtp-451-body")
    assert b"\r\n.\r\n" not in rest[0]


def _speak_when_told(
    listening: socket.socket, speak: threading.Event, spoke: threading.Event, rest: list[bytes]
) -> None:
    connection, _ = listening.accept()
    with connection, connection.makefile("rwb", buffering=0) as wire:
        for said in (b"220 x\r\n", b"250 x\r\n", b"250 x\r\n", b"250 x\r\n", b"354 go\r\n"):
            wire.write(said)
            if not said.startswith(b"354"):
                wire.readline()
        assert speak.wait(20)
        connection.sendall(b"451 4.3.0 no space\r\n")
        spoke.set()
        rest.append(_until_the_end(connection))


def _until_the_end(connection: socket.socket) -> bytes:
    read = b""
    try:
        while data := connection.recv(65_536):
            read += data
    except ConnectionError:
        pass
    return read


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
