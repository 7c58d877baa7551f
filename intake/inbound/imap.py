"""A folder of a mailbox, read by IMAP (RFC 3501). Every call blocks, so it belongs in a thread.

The user's own flags stay as they are: nothing is marked as seen. What was taken gets a keyword of ours, where the
server keeps one.
"""

import base64
import imaplib
import re
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from intake.inbound.mailbox import ImapError, Mailbox

TAKEN = "$FollowUpTaken"
_PATIENCE = timedelta(seconds=30)
# A search answers on one line, of which the standard library reads a million bytes.
_WINDOW = 10_000
_MESSAGE_ID_BYTES = 2000


class Message(NamedTuple):
    """A message as it lies there, its first bytes, and when it came."""

    raw: bytes
    came_at: datetime | None


class ImapFolder:
    """An open folder. Raises ImapError."""

    def __init__(self, mailbox: Mailbox, *, readonly: bool) -> None:
        self._mailbox = mailbox
        self._imap = self._connect()
        try:
            self._log_in()
            self.can_mark = self._select(readonly=readonly)
        except ImapError:
            self._imap.shutdown()
            raise

    def _connect(self) -> imaplib.IMAP4:
        host, port = self._mailbox.host, self._mailbox.port
        patience = _PATIENCE.total_seconds()
        with self._told("can't be reached"):
            if self._mailbox.tls:
                context = ssl.create_default_context()
                return imaplib.IMAP4_SSL(host, port, ssl_context=context, timeout=patience)
            return imaplib.IMAP4(host, port, timeout=patience)

    def _log_in(self) -> None:
        user, password = self._mailbox.user, self._mailbox.password.get_secret_value()
        with self._told("refused the login"):
            if "AUTH=PLAIN" in self._imap.capabilities:
                self._imap.authenticate("PLAIN", lambda _: f"\0{user}\0{password}".encode())
            else:
                self._imap.login(_quoted(user), password)

    def _select(self, *, readonly: bool) -> bool:
        folder = _quoted(_encoded(self._mailbox.folder))
        with self._told("has no such folder"):
            try:
                status, found = self._imap.select(folder, readonly)
            except imaplib.IMAP4.readonly:  # the library wants it said
                readonly = True
                status, found = self._imap.select(folder, readonly)
            if status != "OK":
                raise imaplib.IMAP4.error
        flags = b" ".join(self._response("PERMANENTFLAGS"))
        self.uid_validity = int((self._response("UIDVALIDITY") or [b"0"])[0])
        self.messages = int(found[0] or 0)
        return not readonly and (rb"\*" in flags or TAKEN.encode() in flags)

    def close(self) -> None:
        """Let go of the connection."""
        with self._told("broke off"):
            self._imap.logout()

    def find_untaken(self, after: int) -> list[int]:
        """Find the UIDs, above one, of messages that were not marked as taken, the oldest first."""
        unmarked = ("UNKEYWORD", TAKEN) if self.can_mark else ()
        windows = [(low, min(low + _WINDOW, self.messages + 1) - 1) for low in range(1, self.messages + 1, _WINDOW)]
        found = [uid for low, high in windows for uid in self._search(f"{low}:{high}", *unmarked)]
        return sorted(uid for uid in found if uid > after)

    def find_copies(self, message_hash: str) -> list[int]:
        """Find the UIDs of messages, drafts apart, whose Message-ID begins with a hash."""
        found = self._search("UNDRAFT", "HEADER", "Message-ID", _quoted(f"<{message_hash}@"))
        named = re.compile(rf"<{message_hash}@")
        wanted = f"(BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)]<0.{_MESSAGE_ID_BYTES}>)"
        return [uid for uid in found if named.search(self._fetch(uid, wanted)[1].decode("ascii", "replace"))]

    def fetch(self, uid: int, most_bytes: int) -> Message | None:
        """Fetch the first bytes of a message; None when it is gone."""
        told, raw = self._fetch(uid, f"(INTERNALDATE BODY.PEEK[]<0.{most_bytes}>)")
        if not raw:
            return None
        at = imaplib.Internaldate2tuple(told)
        return Message(raw, datetime.fromtimestamp(time.mktime(at), UTC) if at else None)

    def mark_taken(self, uid: int) -> None:
        """Mark a message, so that it is not fetched again; where that can't be, it is recognised when it is."""
        if self.can_mark:
            with self._told("broke off"):
                self._imap.uid("STORE", str(uid), "+FLAGS.SILENT", f"({TAKEN})")

    def _search(self, *criteria: str) -> list[int]:
        return [int(uid) for line in self._uid("SEARCH", *criteria) for uid in (line or b"").split()]

    def _fetch(self, uid: int, wanted: str) -> tuple[bytes, bytes]:
        """Return what the server tells of a message, and the bytes it gives; nothing of one that is gone."""
        parts = self._uid("FETCH", str(uid), wanted)
        literals = [part for part in parts if isinstance(part, tuple)]
        told = b" ".join(part if isinstance(part, bytes) else part[0] for part in parts if part)
        return told, literals[0][1] if literals else b""

    def _uid(self, command: str, *arguments: str) -> list[Any]:
        with self._told("broke off"):
            status, data = self._imap.uid(command, *arguments)
            if status != "OK":
                raise imaplib.IMAP4.error
            return data

    def _response(self, name: str) -> list[bytes]:
        return [one for one in self._imap.response(name)[1] if isinstance(one, bytes)]

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Say what goes wrong; not in the server's words, which may repeat ours."""
        try:
            yield
        except (imaplib.IMAP4.error, OSError, EOFError, UnicodeError) as error:
            reason = getattr(error, "strerror", None)
            why = f" ({reason})" if reason else ""
            raise ImapError(f"{self._mailbox.place} {what}{why}: check the URL, and that the server answers") from None


def _quoted(text: str) -> str:
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


def _encoded(folder: str) -> str:
    """Write a folder's name as it goes over the wire (RFC 3501, 5.1.3)."""

    def shifted(found: re.Match[str]) -> str:
        if found[0] == "&":
            return "&-"
        return "&" + base64.b64encode(found[0].encode("utf-16-be"), b"+,").decode().rstrip("=") + "-"

    return re.sub(r"&|[^ -~]+", shifted, folder)
