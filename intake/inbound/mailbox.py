"""Where a folder of a mailbox is, and how it is opened: one URL, whose password nobody is told."""

import ipaddress
import re
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

_FORM = "write imaps://user:password@host:993/INBOX; letters that mean something in a URL as %XX"


class ImapError(Exception):
    """A mailbox can't be read. The sentence names its host and folder, never its user or password."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """Where a folder is, and how it is opened."""

    host: str
    port: int
    tls: bool
    user: str = field(repr=False)  # often an address
    password: SecretStr
    folder: str

    @property
    def place(self) -> str:
        """How it is called in what is kept and said."""
        return f"imap:{self.host}/{self.folder}"


def read_imap_url(url: str) -> Mailbox:
    """Read `imaps://user:password@host:993/folder`, or `imap://…` to this machine alone. Raises ImapError."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ImapError(f"--imap: can't be read; {_FORM}") from None
    said = [unquote(part or "") for part in (parts.username, parts.password, parts.path[1:])]
    if (
        parts.scheme not in ("imap", "imaps")
        or not parts.hostname
        or any(re.search(r"[\x00-\x1f\x7f]", s) for s in said)
    ):
        raise ImapError(f"--imap: can't be read; {_FORM}")
    user, password, folder = said
    if not user or not password:
        raise ImapError(f"--imap: names no user, or no password; {_FORM}")
    if parts.scheme == "imap" and not _is_loopback(parts.hostname):
        raise ImapError("--imap: imap:// would show the password to the network: use imaps://")
    tls = parts.scheme == "imaps"
    return Mailbox(
        host=parts.hostname,
        port=port or (993 if tls else 143),
        tls=tls,
        user=user,
        password=SecretStr(password),
        folder=folder or "INBOX",
    )


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
