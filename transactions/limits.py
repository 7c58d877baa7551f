"""Caps and gaps: a step that nothing else forbids is held until its turn among its lead's and its sender's mails.

A sender's mails wait for instants of their own, first come, first served: each workflow sleeps until its own instant,
and thousands that fall due at once do not wake together to see one of them go.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from domain.draft import DraftKey, draft_id
from domain.instance import Reason
from domain.limits import DAY, WEEK, Limits, start_of_day
from domain.step import Held
from store.limits import Slot, first_free, full_days, keep_slot, last_sends, last_taken, lock_slots, own_slot
from transactions.locked_step import LockedStep

# A worker may be late by this much without pushing back whoever comes next.
_SLACK = timedelta(seconds=1)


class Turn(NamedTuple):
    """A step that could be claimed now; `permitted` gives the first instant of its window, not before one."""

    locked_step: LockedStep
    recipient: str
    sender: str
    now: datetime
    expires_at: datetime
    permitted: Callable[[datetime], datetime]

    @property
    def slot(self) -> Slot:
        """Its place among the sends of its sender."""
        locked = self.locked_step.locked
        identity = draft_id(DraftKey(locked.instance_id, self.locked_step.step))
        return Slot(locked.workspace, self.sender.lower(), identity, locked.instance_id)


async def await_turn(turn: Turn, limits: Limits) -> Held | None:
    """Say until when a step is held by a limit; None, and its place is taken, when its turn has come.

    The sender's lock is held until the transaction ends, so a claim that follows is the only one.
    """
    if limits.lead_weekly_cap is not None:
        cap = limits.lead_weekly_cap
        sends = await last_sends(
            turn.locked_step.connection, turn.locked_step.locked.workspace, turn.recipient, turn.now - WEEK, cap
        )
        if len(sends) >= cap:
            return _at_most_until_it_expires(turn, Held(until=sends[-1] + WEEK, reason=Reason.LEAD_WEEKLY_CAP))
    if not limits.of_sender:
        return None
    await lock_slots(turn.locked_step.connection, turn.slot)
    held = await _await_slot(turn, limits)
    if held is None:
        await keep_slot(turn.locked_step.connection, turn.slot, turn.now, taken=True)
        return None
    if held.until <= turn.expires_at:
        await keep_slot(turn.locked_step.connection, turn.slot, held.until, taken=False)
    return _at_most_until_it_expires(turn, held)


async def count_turn(turn: Turn, limits: Limits) -> None:
    """Count a send that no limit holds, for those that are held."""
    if limits.of_sender:
        await keep_slot(turn.locked_step.connection, turn.slot, turn.now, taken=True)


def _at_most_until_it_expires(turn: Turn, held: Held) -> Held:
    # whose turn would come too late is looked at again when a person has to decide about it
    return held if held.until <= turn.expires_at else Held(until=turn.expires_at + _SLACK, reason=held.reason)


async def _await_slot(turn: Turn, limits: Limits) -> Held | None:
    connection, slot, gap = turn.locked_step.connection, turn.slot, limits.sender_gap
    full = set()
    if limits.sender_daily_cap is not None:
        full = await full_days(connection, slot, start_of_day(turn.now), limits.sender_daily_cap)
    own = await own_slot(connection, slot)
    last = await last_taken(connection, slot, turn.now - gap)
    if own is not None and own <= turn.now and last is None and start_of_day(turn.now).date() not in full:
        return None
    at, reason = last + gap if last else turn.now, Reason.SENDER_GAP
    while True:
        at = turn.permitted(at)  # in UTC
        if at.date() in full:
            at, reason = start_of_day(at) + DAY, Reason.SENDER_DAILY_CAP
            continue
        free = await first_free(connection, slot, at, gap + _SLACK) if gap else at
        if free == at:
            return None if at <= turn.now else Held(until=at, reason=reason)
        at = free
