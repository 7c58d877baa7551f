"""Credentials and letters travel only to the server that is meant, and only through TLS."""

import base64
import ssl
from datetime import timedelta

import pytest

from domain.outcome import Fault as Whose
from domain.outcome import NotSent, Outcome, Refused, Sent
from providers.smtp.provider import SmtpProvider
from tests.providers.certificates import Certificates
from tests.providers.fault_server import Fault, FaultServer, Wrong
from tests.providers.smtp_peers import LONG, SHORT, Asked, letter

USER, PASSWORD = "ada@ours.test", "p@ss:w/rd%"
_IN_URL = "ada%40ours.test:p%40ss%3Aw%2Frd%25"
_PLAIN = base64.b64encode(f"\0{USER}\0{PASSWORD}".encode())
OFFERED = ("STARTTLS", "AUTH PLAIN LOGIN", "8BITMIME")
TLS_SCHEMES = ["smtp+starttls", "smtps"]


@pytest.fixture(autouse=True)
def _known_authority(certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.authority))


def _server(
    scheme: str, context: ssl.SSLContext, faults: dict[str, Fault] | None = None, offered: tuple[str, ...] = OFFERED
) -> FaultServer:
    return FaultServer(faults, extensions=offered, tls=context, tls_at_once=scheme == "smtps")


async def _send(scheme: str, server: FaultServer, gate: Asked, send_timeout: timedelta = LONG) -> Outcome:
    provider = SmtpProvider.from_url(f"{scheme}://{_IN_URL}@127.0.0.1:{server.port}", send_timeout=send_timeout)
    outcome = await provider.send(letter(), gate)
    await provider.close()
    assert PASSWORD not in repr(vars(provider)) + repr(outcome)
    return outcome


@pytest.mark.parametrize("scheme", TLS_SCHEMES)
async def test_a_letter_goes_through_tls_after_logging_in(scheme: str, certificates: Certificates) -> None:
    async with _server(scheme, certificates.ours) as server:
        assert isinstance(await _send(scheme, server, Asked()), Sent)
    assert server.messages == [letter().message]
    assert b"AUTH PLAIN " + _PLAIN + b"\r\n" in server.commands
    assert b"AUTH" not in server.plaintext
    assert b"MAIL" not in server.plaintext


@pytest.mark.parametrize("scheme", TLS_SCHEMES)
async def test_a_large_letter_is_drained_through_tls(scheme: str, certificates: Certificates) -> None:
    message = b"Subject: large\r\n\r\n" + b"." * 900 + b"\r\n" + (b"x" * 900 + b"\r\n") * 2000
    async with _server(scheme, certificates.ours) as server:
        provider = SmtpProvider.from_url(f"{scheme}://{_IN_URL}@127.0.0.1:{server.port}", send_timeout=LONG)
        assert isinstance(await provider.send(letter(message), Asked()), Sent)
        assert isinstance(await provider.send(letter(message), Asked()), Sent)
        await provider.close()
    assert server.messages == [message, message]


@pytest.mark.parametrize("scheme", TLS_SCHEMES)
async def test_a_server_deaf_to_good_byes_does_not_hold_up_a_send(scheme: str, certificates: Certificates) -> None:
    async with _server(scheme, certificates.ours, {"quit": Wrong.DEAF}) as server:
        # left alone, TLS would wait 30 s for the other side's farewell
        assert isinstance(await _send(scheme, server, Asked(), SHORT), Sent)
        server.abandon()


@pytest.mark.parametrize("scheme", TLS_SCHEMES)
async def test_a_certificate_of_another_name_ends_the_send(scheme: str, certificates: Certificates) -> None:
    async with _server(scheme, certificates.others) as server:
        outcome = await _send(scheme, server, Asked())
    assert isinstance(outcome, NotSent)
    assert outcome.code == "smtp-tls"
    assert b"AUTH" not in server.plaintext


@pytest.mark.parametrize("scheme", TLS_SCHEMES)
async def test_an_unknown_authority_ends_the_send(
    scheme: str, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    async with _server(scheme, certificates.ours) as server:
        outcome = await _send(scheme, server, Asked())
    assert isinstance(outcome, NotSent)
    assert outcome.code == "smtp-tls"
    assert b"AUTH" not in server.plaintext


async def test_a_server_that_does_not_offer_starttls_gets_nothing(certificates: Certificates) -> None:
    async with _server("smtp+starttls", certificates.ours, offered=("AUTH PLAIN",)) as server:
        outcome = await _send("smtp+starttls", server, Asked())
    assert isinstance(outcome, NotSent)
    assert outcome.code == "smtp-no-starttls"
    assert [command.split()[0] for command in server.commands] == [b"EHLO"]


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (b"454 4.7.0 not now\r\n", "smtp-454-tls"),
        (b"501 5.5.4 no\r\n", "smtp-501-tls"),
        (b"hello sailor\r\n", "smtp-garbage-tls"),
        (Wrong.DROP, "smtp-eof-tls"),
        (Wrong.RESET, "smtp-eof-tls"),
        (Wrong.HANG, "smtp-timeout-tls"),
        (Wrong.SLOW, "smtp-timeout-tls"),
    ],
)
async def test_a_starttls_that_fails_is_not_sent(fault: Fault, code: str, certificates: Certificates) -> None:
    async with _server("smtp+starttls", certificates.ours, {"starttls": fault}) as server:
        outcome = await _send("smtp+starttls", server, Asked(), SHORT)
    assert isinstance(outcome, NotSent)
    assert outcome.code == code
    assert b"AUTH" not in server.plaintext


async def test_replies_injected_before_tls_are_not_heard_within_it(certificates: Certificates) -> None:
    # what a man in the middle appends to the 220 would be taken for the server's word after the handshake
    injected = b"220 go\r\n250-fault.test\r\n250 AUTH LOGIN\r\n235 welcome\r\n"
    gate = Asked()
    async with _server("smtp+starttls", certificates.ours, {"starttls": injected}) as server:
        outcome = await _send("smtp+starttls", server, gate)
    assert b"AUTH" not in server.plaintext
    assert isinstance(outcome, Sent | NotSent)
    assert isinstance(outcome, Sent) == bool(server.messages)
    # had the injected lines been believed, AUTH LOGIN would have been chosen, and its answer come too early
    assert not any(command.startswith(b"AUTH LOGIN") for command in server.commands)


@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        (b"535 5.7.8 ada@ours.test p@ss:w/rd% unknown\r\n", Refused, "smtp-535-auth"),
        (b"535 " + _PLAIN + b"\r\n", Refused, "smtp-535-auth"),
        (b"534 5.7.9 use an app password\r\n", Refused, "smtp-534-auth"),
        (b"530 5.7.0 no\r\n", Refused, "smtp-530-auth"),
        (b"454 4.7.0 later\r\n", NotSent, "smtp-454-auth"),
        (b"421 4.7.0 closing\r\n", NotSent, "smtp-421-auth"),
        (b"334 more\r\n", NotSent, "smtp-334-auth"),
        (b"hello sailor " + _PLAIN + b"\r\n", NotSent, "smtp-garbage-auth"),
        (Wrong.DROP, NotSent, "smtp-eof-auth"),
        (Wrong.RESET, NotSent, "smtp-eof-auth"),
        (Wrong.HANG, NotSent, "smtp-timeout-auth"),
        (Wrong.SLOW, NotSent, "smtp-timeout-auth"),
    ],
)
async def test_a_failed_login_is_the_configurations_fault_or_passing_and_tells_no_secret(
    fault: Fault, kind: type[Refused | NotSent], code: str, certificates: Certificates
) -> None:
    gate = Asked()
    async with _server("smtps", certificates.ours, {"auth": fault}) as server:
        outcome = await _send("smtps", server, gate, SHORT)
    assert isinstance(outcome, kind)
    assert outcome.code == code
    assert not isinstance(outcome, Refused) or outcome.fault is Whose.CONFIGURATION
    assert _PLAIN.decode() not in outcome.reply
    assert USER not in outcome.reply
    assert gate.times == 0
    assert sum(command.startswith(b"AUTH") for command in server.commands) == 1


async def test_a_server_without_login_is_the_configurations_fault(certificates: Certificates) -> None:
    async with _server("smtps", certificates.ours, offered=("8BITMIME",)) as server:
        outcome = await _send("smtps", server, Asked())
    assert outcome == Refused(fault=Whose.CONFIGURATION, code="smtp-no-auth")


@pytest.mark.parametrize(
    "url",
    [
        "smtp://mail.test:25",
        "smtp://ada:geheim@127.0.0.1:25",
        "smtps://ada@mail.test",
        "smtps://ada:ge/heim@mail.test",
        "smtps://ada:ge#heim@mail.test",
        "smtps://ada:ge?heim@mail.test",
        "smtps://ada:geheim@[mail.test",
        "smtps://ada:ge℀heim@mail.test",
        "http://ada:geheim@mail.test",
        "smtps://ada:geheim@mail.test:70000",
        "",
    ],
)
def test_a_bad_url_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(ValueError, match=r"smtp|password@") as caught:
        SmtpProvider.from_url(url, send_timeout=LONG)
    assert "heim" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.8.8.8"])
def test_plain_smtp_is_for_this_machine(host: str) -> None:
    SmtpProvider.from_url(f"smtp://{host}:25", send_timeout=LONG)


def test_plain_smtp_elsewhere_is_had_by_saying_so() -> None:
    SmtpProvider.from_url("smtp://mailbox:1025", send_timeout=LONG, allow_plain_remote=True)
