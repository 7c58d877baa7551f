"""What is heard of leads, stored: the newest word of each fact counts, and stops reach whom they concern."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from domain.instance import Reason
from domain.lead_facts import LeadFacts, Word
from domain.recipient import recipient_of
from domain.sequence import StopKind
from store.leads import keep_addresses, save_leads
from store.stops import RecordedStop, let_reach
from store.suppressions import suppress
from transactions.stop import end_reached, reach_of

SUPPRESSING = (StopKind.UNSUBSCRIBED, StopKind.BOUNCED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What was known of a lead before and after a word."""

    word: Word
    before: LeadFacts
    after: LeadFacts


async def keep(connection: AsyncConnection, workspace: str, heard: Sequence[Heard]) -> None:
    """Store words that were said of leads. Wants the leads' names, and the addresses before and after, locked.

    Of two addresses the one that does not count is kept too: it was theirs at some time, and is part of who they are.
    """
    changed = {one.after.lead_id: one.after for one in heard if one.after != one.before}
    await save_leads(connection, workspace, list(changed.values()))
    for one in heard:
        if one.word.email is None or not one.before.email:
            continue
        now, then = recipient_of(one.word.email), recipient_of(one.before.email)
        if now != then:
            said = (one.word.at, now), (one.before.email_at or one.word.at, then)
            await keep_addresses(connection, workspace, one.after.lead_id, said)


async def find_reach(
    connection: AsyncConnection, workspace: str, known: Mapping[str, LeadFacts], stops: Sequence[RecordedStop], by: str
) -> dict[str, Reason]:
    """Let stops reach what their leads' addresses are found to have been; returns the follow-ups that this ends.

    A stop may come before the word that tells its lead's address.
    """
    ended: dict[str, Reason] = {}
    for stop in stops:
        facts = known.get(stop.lead_id)
        reached = await reach_of(connection, workspace, stop, facts) if facts else ()
        if set(reached) <= set(stop.recipients):
            continue
        await let_reach(connection, workspace, stop.reaching(reached))
        if stop.kind in SUPPRESSING:
            await suppress(connection, workspace, reached, by, stop.kind, known_at=stop.recorded_at)
        ended |= dict.fromkeys(await end_reached(connection, workspace, stop.reaching(reached), by), Reason(stop.kind))
    return ended


async def suppress_unsubscribed(
    connection: AsyncConnection, workspace: str, stops: Sequence[RecordedStop], addresses: Iterable[str], by: str
) -> None:
    """Suppress addresses that are said of a lead with these stops: whoever unsubscribed stays so, at any address.

    What an operator lifted since stays lifted.
    """
    for stop in stops:
        if stop.kind is StopKind.UNSUBSCRIBED:
            await suppress(connection, workspace, addresses, by, stop.kind, known_at=stop.recorded_at)
