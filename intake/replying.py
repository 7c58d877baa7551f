"""A person's own reply, through the same gate as every automatic message: written down, claimed, sent at most once.

A reply is a follow-up of one step, of the sequence `reply`, which no file and no event may name. So its workflow, its
pause, an unknown outcome and the ledger are those of every other. What it says lies in the instance's variables.

    answered = await reply(engine, client, to, Words("Tuesday suits me"), workspace="default",
                           task_queue="follow-up", by="ada")
"""

from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from domain.instance import Reason
from domain.recipient import recipient_of
from intake.starting import Starter
from store.instances import find_instances
from store.leads import lock_person
from store.replies import find_answered, find_uncertain
from transactions.reply import (
    InThreadOf,
    ReplyError,
    ToLead,
    Words,
    check_words,
    end_automation,
    find_place,
    store_reply,
    write,
)

__all__ = ["InThreadOf", "Reply", "ReplyError", "ToLead", "Words", "reply"]


class Reply(NamedTuple):
    """What became of it: the reply's own instance, and those it ended.

    `uncertain` is the instance whose send in the thread may have gone out: nothing is sent there before it is settled.
    """

    instance_id: str
    new: bool
    stopped: tuple[str, ...] = ()
    uncertain: str | None = None


async def reply(
    engine: AsyncEngine,
    client: Client,
    to: InThreadOf | ToLead,
    words: Words,
    *,
    workspace: str,
    task_queue: str,
    by: str,
    keep_automation: bool = False,
) -> Reply:
    """Write a reply down, end the lead's automatic follow-ups with it, and start its workflow, which sends it.

    Saying it again, however often and at once, changes nothing and starts what a failure left unstarted. Raises
    ReplyError, having changed nothing, and what the store and Temporal raise when they are down: then say it again.
    """
    check_words(words)
    async with engine.begin() as connection:
        place = await find_place(connection, workspace, to)
        lead = await lock_person(connection, workspace, place.lead_id)
        if lead is None or not lead.email:
            raise ReplyError(f"nobody has the lead id {place.lead_id}: check it")
        written = await write(connection, place, to, words)
        new = await store_reply(connection, place, written, by)
        stopped: list[str] = []
        if new and not keep_automation:
            stopped = await end_automation(connection, place, recipient_of(lead.email), by)
        elif not keep_automation:  # of the first time, whose signals may have failed
            stopped = await find_answered(connection, workspace, place.lead_id)
        uncertain = await find_uncertain(connection, written.thread_id)
        enrolled = await find_instances(connection, [written.instance_id])
    starter = Starter(engine, client, workspace=workspace, task_queue=task_queue)
    if not all(one.started for one in enrolled):
        await starter.stop(stopped, Reason.ANSWERED, by)
        await starter.start(enrolled, by)
    return Reply(written.instance_id, new, tuple(stopped) if new else (), uncertain)
