"""What everything stands on, looked at: each thing with what was found, and where it is wrong, the remedy."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from store.durability import DatabaseSettings, read_database_settings
from store.schema import SchemaError, check_schema

_SET_BY_US = "as this version sets it"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentCheck:
    """One thing that was looked at. `problem` is a sentence with the remedy, empty where all is well."""

    what: str
    found: str
    problem: str = ""

    @property
    def line(self) -> str:
        """The same for people."""
        remedy = f"\n    {self.problem}" if self.problem else ""
        return f"{'!!' if self.problem else 'ok'}  {self.what}: {self.found}{remedy}"


async def check_postgresql(engine: AsyncEngine) -> list[EnvironmentCheck]:
    """Look at what a session of ours has, at what the server does with a commit, and at the schema."""
    async with engine.connect() as connection:
        settings = await read_database_settings(connection)
        checked = list(_settings(settings))
        try:
            revision = await check_schema(connection)
        except SchemaError as error:
            return [
                *checked,
                EnvironmentCheck(what="schema", found="not the one this version needs", problem=str(error)),
            ]
    return [*checked, EnvironmentCheck(what="schema", found=f"revision {revision}")]


def _settings(settings: DatabaseSettings) -> Iterator[EnvironmentCheck]:
    problems = {problem.partition(" ")[0]: problem for problem in settings.problems}
    yield EnvironmentCheck(what="PostgreSQL", found=settings.server_version)
    for name in ("fsync", "full_page_writes"):
        disposable = " (the server says that its data are disposable)" if settings.disposable else ""
        found = getattr(settings, name)
        yield EnvironmentCheck(what=name, found=found + disposable * (found == "off"), problem=problems.get(name, ""))
    session = asdict(settings)
    for name in ("server_version", "fsync", "full_page_writes", "disposable"):
        del session[name]
    for name, value in session.items():
        yield EnvironmentCheck(what=name, found=f"{value}, {_SET_BY_US}")
