"""Where letters are handed in, and how a session there is set up: connect, EHLO, STARTTLS, AUTH."""

import asyncio
import ipaddress
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import cast
from urllib.parse import SplitResult, unquote, urlsplit

import aiosmtplib
from pydantic import SecretStr

from providers.smtp.outcome import NotOfferedError, Phase
from providers.smtp.wire import Wire

_FORMS = "smtp://host:port, smtp+starttls://user:password@host:587 or smtps://user:password@host:465"
_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpServer:
    """An SMTP server, and how to log in there."""

    scheme: str
    host: str
    port: int
    user: str = field(repr=False)  # often an address
    password: SecretStr
    tls: ssl.SSLContext | None = field(repr=False)


def read_url(url: str, *, allow_plain_remote: bool) -> SmtpServer:
    """Read an SMTP URL; user and password are percent-encoded in it.

    Certificates are verified against the system's authorities, or those of `SSL_CERT_FILE`.
    Raises ValueError with a sentence that never quotes the URL, because a password may stand anywhere in a wrong one.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(f"not a URL of the form {_FORMS} (is the password percent-encoded?)") from None
    if parts.scheme not in _PORTS or not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(f"not a URL of the form {_FORMS} (is the password percent-encoded?)")
    if parts.scheme == "smtp":
        _check_plain(parts, allow_plain_remote)
    if parts.username and parts.password is None:
        raise ValueError("a user without a password: expected user:password@host")
    return SmtpServer(
        scheme=parts.scheme,
        host=parts.hostname,
        port=port or _PORTS[parts.scheme],
        user=unquote(parts.username or ""),
        password=SecretStr(unquote(parts.password or "")),
        tls=None if parts.scheme == "smtp" else ssl.create_default_context(),
    )


def _check_plain(parts: SplitResult, allow_remote: bool) -> None:
    if parts.username or parts.password:
        raise ValueError("credentials never travel without TLS: use smtp+starttls:// or smtps://")
    if not allow_remote and not _is_loopback(str(parts.hostname)):
        raise ValueError(
            "smtp:// has no TLS and is for this machine only: use smtp+starttls:// or smtps://, "
            "or say FOLLOWUP_SMTP_PLAIN=true"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def open_wire(server: SmtpServer, within: timedelta, enter: Callable[[Phase], None]) -> Wire:
    """Set up a session, all of it in the time given, and take its transport over; `enter` is told of each phase.

    Raises whatever the library, TLS and sockets raise, and NotOfferedError.
    """
    client = aiosmtplib.SMTP(
        hostname=server.host,
        port=server.port,
        use_tls=server.scheme == "smtps",
        start_tls=False,  # done by hand below: the library's own way can't be told apart from a failed EHLO
        tls_context=server.tls,
        # The time is kept here, in total: the library keeps it step by step, by `asyncio.wait_for`, which up to Python
        # 3.11 swallows a cancellation that comes with an answer.
        timeout=None,
        local_hostname="localhost",  # unused, but saves the library a slow look-up of this machine's name
    )
    try:
        async with asyncio.timeout(within.total_seconds()):
            await _set_up(client, server, enter)
        return Wire(cast("asyncio.BaseTransport", client.transport), dict(client.esmtp_extensions))
    except BaseException:
        _abort(client)
        raise


async def _set_up(client: aiosmtplib.SMTP, server: SmtpServer, enter: Callable[[Phase], None]) -> None:
    enter(Phase.CONNECT)
    await client.connect()
    enter(Phase.EHLO)
    await _ehlo(client)
    if server.scheme == "smtp+starttls":
        enter(Phase.TLS)
        if not client.supports_extension("starttls"):
            raise NotOfferedError("starttls")
        await client.starttls()
        enter(Phase.EHLO)
        await _ehlo(client)
    if server.user:
        enter(Phase.AUTH)
        await _log_in(client, server)


async def _ehlo(client: aiosmtplib.SMTP) -> None:
    # RFC 5321, 4.1.4: a client without a name of its own gives its address
    address = ipaddress.ip_address(str(client.get_transport_info("sockname")[0]).partition("%")[0])
    await client.ehlo(hostname=f"[{'IPv6:' if address.version == 6 else ''}{address}]")


async def _log_in(client: aiosmtplib.SMTP, server: SmtpServer) -> None:
    # one mechanism, tried once: the library's `login` tries them all, and a server that hangs up after the first
    # refusal would turn "wrong password" into "lost connection"
    password = server.password.get_secret_value()
    if "plain" in client.server_auth_methods:
        await client.auth_plain(server.user, password)
    elif "login" in client.server_auth_methods:
        await client.auth_login(server.user, password)
    else:
        raise NotOfferedError("auth")


def _abort(client: aiosmtplib.SMTP) -> None:
    transport = cast("asyncio.Transport | None", client.transport)
    client.close()
    if transport is not None:
        transport.abort()
