"""How every process reaches PostgreSQL and Temporal, and the one sentence it says when it can't."""

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError

from settings import temporal_connection
from workflows.search_attributes import missing_or_wrong


class UnreachableError(Exception):
    """Something this process needs can't be reached, or is not as it must be. The message is for people."""


async def connect_temporal() -> Client:
    """Connect to Temporal as the settings say. Raises UnreachableError, SettingsError."""
    options = temporal_connection()
    try:
        return await Client.connect(**options, data_converter=pydantic_data_converter)
    except (RPCError, RuntimeError) as error:
        raise UnreachableError(
            f"Temporal can't be reached at {options['target_host']} ({_short(error)}): "
            "check TEMPORAL_ADDRESS, or start a devstack with `make run`"
        ) from None


async def check_search_attributes(client: Client) -> None:
    """Raise UnreachableError when the namespace lacks a search attribute: a workflow that sets it would hang."""
    if problems := await missing_or_wrong(client):
        raise UnreachableError("; ".join(problems))


def _short(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
