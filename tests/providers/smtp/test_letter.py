"""What the server receives is the letter, to the byte, and nothing else."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain.outcome import Fault as Whose
from domain.outcome import Refused, Sent
from providers.provider import Letter
from providers.smtp.provider import SmtpProvider
from tests.providers.fault_server import FaultServer
from tests.providers.smtp_peers import LONG, Asked, letter

_LINE = st.binary(max_size=60).map(lambda line: line.replace(b"\r", b"").replace(b"\n", b""))
_DOTTED = st.sampled_from([b".", b"..", b".\x00", b". ", b"", b"...", b"QUIT", b"\xff."])
BODIES = st.lists(_LINE | _DOTTED, max_size=8).map(b"\r\n".join)


async def _received(message: bytes) -> list[bytes]:
    async with FaultServer() as server:
        provider = SmtpProvider.from_url(server.url, send_timeout=LONG)
        assert isinstance(await provider.send(letter(b"Subject: x\r\n\r\n" + message), Asked()), Sent)
        await provider.close()
    assert server.terminators == 1
    return [received.removeprefix(b"Subject: x\r\n\r\n") for received in server.messages]


@settings(max_examples=60, deadline=None)
@given(body=BODIES)
@example(body=b"")
@example(body=b".")
@example(body=b".\r\n")
@example(body=b"\r\n.\r\n")
@example(body=b"no end")
@example(body=b".\r\n.\r\n..\r\nMAIL FROM:<x@y.test>\r\n")
@example(body=b"x" * 998)
async def test_what_is_received_is_the_letter_to_the_byte(body: bytes) -> None:
    # SMTP has no messages that don't end with a line's end, so a missing one is added
    expected = body if not body or body.endswith(b"\r\n") else body + b"\r\n"
    assert await _received(body) == [expected]


async def test_an_empty_message_arrives_empty() -> None:
    async with FaultServer() as server:
        provider = SmtpProvider.from_url(server.url, send_timeout=LONG)
        assert isinstance(await provider.send(letter(b""), Asked()), Sent)
        await provider.close()
    assert server.messages == [b""]


@pytest.mark.parametrize(
    "message",
    [b"a\n.\nb\r\n", b"a\r.\rb\r\n", b"a\r\n.\n", b"a\n", b"\r", b"a\r\r\n", b"a\r\n.\r", b"a\n\r\n.\r\n"],
)
async def test_lone_line_ends_are_refused_before_connecting(message: bytes) -> None:
    await _refused(letter(message), Whose.MESSAGE, "smtp-bare-line-end", connections=0)


@pytest.mark.parametrize("message", [b"x" * 999, b"a\r\n" + b"x" * 999 + b"\r\n"])
async def test_a_line_over_998_octets_is_refused_before_connecting(message: bytes) -> None:
    await _refused(letter(message), Whose.MESSAGE, "smtp-long-line", connections=0)


BAD_ADDRESSES = [
    "",
    "bob",
    "@lead.test",
    "bob@",
    "bob@lead.test> SIZE=1",
    "bob@lead.test\r\nDATA",
    "a b@lead.test",
    "<bob@lead.test>",
    '"a b"@lead.test',
    "bob@lead.test\x00",
    "bob\ud800@lead.test",
]


@pytest.mark.parametrize("address", BAD_ADDRESSES, ids=ascii)
async def test_an_address_that_does_not_fit_a_command_is_refused_before_connecting(address: str) -> None:
    await _refused(letter(recipient=address), Whose.RECIPIENT, "smtp-bad-recipient", connections=0)
    from_there = letter()._replace(sender=address)
    await _refused(from_there, Whose.CONFIGURATION, "smtp-bad-sender", connections=0)


async def _refused(
    refused: Letter, whose: Whose, code: str, *, connections: int = 1, extensions: tuple[str, ...] = ()
) -> None:
    gate = Asked()
    async with FaultServer(extensions=extensions) as server:
        provider = SmtpProvider.from_url(server.url, send_timeout=LONG)
        assert await provider.send(refused, gate) == Refused(fault=whose, code=code)
        await provider.close()
    assert server.connections == connections
    assert gate.times == 0
    assert not any(command.startswith(b"MAIL") for command in server.commands)


UTF8 = "böb@lead.test"


async def test_what_a_server_does_not_carry_is_refused_before_it_is_asked() -> None:
    await _refused(letter(recipient=UTF8), Whose.MESSAGE, "smtp-no-smtputf8", extensions=("8BITMIME",))
    subject = letter("Subject: grüße\r\n\r\n".encode())
    await _refused(subject, Whose.MESSAGE, "smtp-no-smtputf8", extensions=("8BITMIME",))
    await _refused(letter(b"S: x\r\n\r\n\xff\r\n"), Whose.MESSAGE, "smtp-no-8bitmime", extensions=("SMTPUTF8",))
    await _refused(letter(b"S: x\r\n\r\nlong\r\n"), Whose.MESSAGE, "smtp-too-large", extensions=("SIZE 10",))


@pytest.mark.parametrize("size", ["SIZE", "SIZE 0", "SIZE many", "SIZE 14"])
async def test_a_size_that_is_no_limit_or_is_just_met_refuses_nothing(size: str) -> None:
    async with FaultServer(extensions=(size,)) as server:
        provider = SmtpProvider.from_url(server.url, send_timeout=LONG)
        assert isinstance(await provider.send(letter(b"S: x\r\n\r\nfit\r\n"), Asked()), Sent)
        await provider.close()


async def test_the_envelope_says_what_the_letter_needs() -> None:
    message = "Subject: grüße\r\n\r\n".encode()
    async with FaultServer() as server:
        provider = SmtpProvider.from_url(server.url, send_timeout=LONG)
        assert isinstance(await provider.send(letter(message, recipient=UTF8), Asked()), Sent)
        await provider.close()
    assert server.commands[1:3] == [
        f"MAIL FROM:<ada@ours.test> SIZE={len(message)} BODY=8BITMIME SMTPUTF8\r\n".encode(),
        f"RCPT TO:<{UTF8}>\r\n".encode(),
    ]
    assert server.messages == [message]
