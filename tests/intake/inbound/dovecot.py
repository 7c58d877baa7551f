"""A stranger's mailbox: a Dovecot of its own on this machine, filled as a mail server fills one."""

import asyncio
import contextlib
import grp
import imaplib
import os
import pwd
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from devstack.ports import free_ports
from tests.programs import program

PASSWORD = 'it\'s "100%" secret'  # noqa: S105  # of a mailbox that lives for a test
_PATIENCE = 20.0
# All processes run as one user, without a chroot, so that it works as root and as anybody else.
_SETTINGS = """
base_dir = {folder}/run
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_failure_delay = 0
mail_location = maildir:{folder}/mail/%u
mail_plugins = acl
plugin {{
  acl = vfile:{folder}/acls:cache_secs=0
}}
first_valid_uid = 1
default_internal_user = {internal}
default_internal_group = {internal_group}
default_login_user = {login}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=everybody {folder}/users
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={folder}/home
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
"""


class Dovecot(NamedTuple):
    """A running server, and a user of it, whose mailbox is made when it is first opened."""

    folder: Path
    port: int
    user: str = "ada"

    def url(self, folder: str = "INBOX") -> str:
        """How a folder is reached."""
        return f"imap://{quote(self.user, safe='')}:{quote(PASSWORD, safe='')}@127.0.0.1:{self.port}/{quote(folder)}"

    @contextmanager
    def opened(self, folder: str = "INBOX") -> Iterator[imaplib.IMAP4]:
        """The mailbox as its owner's mail program has it; the folder is made where it is missing."""
        with imaplib.IMAP4("127.0.0.1", self.port, timeout=_PATIENCE) as imap:
            imap.authenticate("PLAIN", lambda _: f"\0{self.user}\0{PASSWORD}".encode())
            imap.create(f'"{folder}"')
            assert imap.select(f'"{folder}"')[0] == "OK"
            yield imap

    def put(self, raw: bytes, folder: str = "INBOX", flags: str = "", at: datetime | None = None) -> None:
        """Lay a message into a folder."""
        with self.opened(folder) as imap:
            came_at = imaplib.Time2Internaldate(at or datetime.now(UTC))
            assert imap.append(f'"{folder}"', flags, came_at, raw)[0] == "OK"

    def freeze(self, folder: str, *, thawed: bool = False) -> None:
        """Let a folder be read alone, by everybody."""
        rights = "lrwstipekxa" if thawed else "lr"
        (self.folder / "acls").write_text(f"{folder} owner {rights}\n")

    def flags(self, folder: str = "INBOX") -> list[str]:
        """The flags of a folder's messages, in order."""
        with self.opened(folder) as imap:
            _, found = imap.fetch("1:*", "(FLAGS)")
            return [one.decode().split("FLAGS (")[1].split(")")[0] for one in found if isinstance(one, bytes)]


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Dovecot]:
    """A server with an empty mailbox; `folder` is one that everybody may enter."""
    binary = program("dovecot", "dovecot-imapd")
    server = Dovecot(folder, free_ports([None])[0])
    _write(server)
    process = await asyncio.create_subprocess_exec(binary, "-F", "-c", str(folder / "dovecot.conf"))
    try:
        await _answers(server)
        yield server
    finally:
        process.terminate()
        await process.wait()


def _write(server: Dovecot) -> None:
    folder, root = server.folder, os.geteuid() == 0
    me = pwd.getpwuid(os.geteuid())
    # Dovecot runs no mailbox as root; as anybody else it can't become another
    owner = pwd.getpwnam("nobody") if root else me
    group = grp.getgrgid(owner.pw_gid).gr_name
    names = {"internal": "dovecot", "internal_group": "dovecot", "login": "dovenull"}
    if not root:
        names = {"internal": me.pw_name, "internal_group": group, "login": me.pw_name}
    values = {"folder": folder, "port": server.port, "user": owner.pw_name, "group": group}
    (folder / "dovecot.conf").write_text(_SETTINGS.format(**values, **names))
    (folder / "users").write_text(f"everybody:{{PLAIN}}{PASSWORD}\n")
    (folder / "acls").touch()
    for name in ("mail", "home"):
        (folder / name).mkdir()
        os.chown(folder / name, owner.pw_uid, owner.pw_gid)
    folder.chmod(0o755)


async def _answers(server: Dovecot) -> None:
    async with asyncio.timeout(_PATIENCE):
        while True:  # it says nowhere that it listens
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", server.port)
                writer.close()
                return
            await asyncio.sleep(0.02)
