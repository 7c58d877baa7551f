"""Which follow-up an operator means: an id, the beginning of one, or the id of its workflow."""

from sqlalchemy.ext.asyncio import AsyncEngine

from domain.instance import instance_of_workflow
from store.listing import Listed, find_by_prefix

_CANDIDATES = 5


class NotFoundError(Exception):
    """No follow-up, or more than one, is meant. The message is for people."""


async def find_instance(engine: AsyncEngine, workspace: str, written: str) -> Listed:
    """Find the one instance of a workspace that is meant; `default:` and such may be left out. Raises NotFoundError."""
    wanted = _whole(workspace, instance_of_workflow(written.strip()))
    async with engine.connect() as connection:
        found = await find_by_prefix(connection, wanted, _CANDIDATES + 1)
    if len(found) == 1:
        return found[0]
    if not found:
        raise NotFoundError(f"no follow-up's id begins with {wanted}: see `followup list`")
    candidates = [one.instance_id for one in found[:_CANDIDATES]] + ["…"] * (len(found) > _CANDIDATES)
    raise NotFoundError("\n  ".join([f"several follow-ups' ids begin with {wanted}; write more of one:", *candidates]))


def _whole(workspace: str, prefix: str) -> str:
    """Let a prefix begin with the workspace, so that nothing of another one is ever found."""
    begin = f"{workspace}:"
    if begin.startswith(prefix):
        return begin
    return prefix if prefix.startswith(begin) else begin + prefix
