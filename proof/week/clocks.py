"""The two clocks of the simulated week, Temporal's and PostgreSQL's, and the hand that keeps them together.

Temporal's test server skips the time in which nothing happens, but its clock starts now: what it says is `ahead` of, or
behind, the simulated instant by the same span all week. PostgreSQL is given functions `now` and `clock_timestamp` that
say the simulated instant. The application knows of neither.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from pydantic import BaseModel
from temporalio import activity
from temporalio.client import Interceptor as ClientInterceptor
from temporalio.client import OutboundInterceptor, StartWorkflowInput, WorkflowHandle
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput
from temporalio.worker import Interceptor as WorkerInterceptor

# Found before PostgreSQL's own functions by everything that connects to this database, the migrations included.
_SIMULATED = """
CREATE SCHEMA simulated;
CREATE TABLE simulated.clock (at timestamptz NOT NULL);
INSERT INTO simulated.clock VALUES ('{start}');
CREATE FUNCTION simulated.clock_timestamp() RETURNS timestamptz VOLATILE LANGUAGE sql
    AS 'SELECT at FROM simulated.clock';
CREATE FUNCTION simulated.now() RETURNS timestamptz STABLE LANGUAGE sql AS 'SELECT at FROM simulated.clock';
ALTER DATABASE {database} SET search_path = simulated, pg_catalog, public;
"""


class SimulatedPostgres:
    """The clock of one database. It is set, and stands still in between."""

    def __init__(self, url: str) -> None:
        self._url = url.replace("+psycopg", "")

    async def install(self, start: datetime) -> None:
        """Give the database its own clock, which says `start`. Comes before the migrations."""
        database = self._url.rpartition("/")[2]
        async with await psycopg.AsyncConnection.connect(self._url) as connection:
            for statement in _SIMULATED.format(start=start.isoformat(), database=database).split(";\n"):
                await connection.execute(statement.encode())

    async def set(self, instant: datetime) -> None:
        """Set the clock; it never goes back."""
        async with await psycopg.AsyncConnection.connect(self._url) as connection:
            await connection.execute("UPDATE simulated.clock SET at = greatest(at, %s)", [instant])


class Clocks(ClientInterceptor, WorkerInterceptor):
    """Translates between what Temporal's clock says and the simulated instant, at the edge between the two.

    The starter's and the activities' instants are simulated, the workflow's are Temporal's. Each activity sees
    PostgreSQL's clock say when Temporal scheduled it.
    """

    def __init__(self, postgres: SimulatedPostgres, start: datetime) -> None:
        self._postgres = postgres
        self._start = start
        self._ahead = timedelta(0)

    def begin(self, temporal_says: datetime) -> None:
        """Say that this is the start of the week."""
        self._ahead = temporal_says - self._start

    def simulated(self, temporal_says: datetime) -> datetime:
        """Translate an instant of Temporal's."""
        return (temporal_says - self._ahead).astimezone(UTC)

    def to_temporal(self, said: Any) -> Any:
        """Translate what the workflow is told."""
        return _moved(said, self._ahead)

    async def enter(self, arguments: list[Any]) -> list[Any]:
        """Set PostgreSQL's clock for the activity that begins, and translate what it was given."""
        await self._postgres.set(self.simulated(activity.info().scheduled_time))
        return [_moved(argument, -self._ahead) for argument in arguments]

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # noqa: A002  # Temporal's own name
        """Wrap what starts workflows."""
        return _Starting(next, self)

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002  # the same
        """Wrap the activities of a worker."""
        return _Acting(next, self)


class _Starting(OutboundInterceptor):
    def __init__(self, inner: OutboundInterceptor, clocks: Clocks) -> None:
        super().__init__(inner)
        self._clocks = clocks

    async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:  # noqa: A002  # the same
        input.args = [self._clocks.to_temporal(argument) for argument in input.args]
        return await super().start_workflow(input)


class _Acting(ActivityInboundInterceptor):
    def __init__(self, inner: ActivityInboundInterceptor, clocks: Clocks) -> None:
        super().__init__(inner)
        self._clocks = clocks

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002  # the same
        input.args = await self._clocks.enter(list(input.args))
        return self._clocks.to_temporal(await super().execute_activity(input))


def _moved(said: Any, span: timedelta) -> Any:
    """Copy a message with every instant in it moved."""
    if not isinstance(said, BaseModel):
        return said
    instants = {name: value + span for name, value in said if isinstance(value, datetime)}
    return said.model_copy(update=instants)
