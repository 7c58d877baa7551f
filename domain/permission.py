"""Whether a step may be sent now: everything that forbids it, in one place, as a pure rule."""

from datetime import datetime, timedelta
from typing import NamedTuple

from domain.draft import DraftState
from domain.instance import FINAL, InstanceStatus, Reason
from domain.outcome import Outcome, Sent, Unknown
from domain.step import Held, Paused, Stopped

# How soon to look again at a thread in which somebody else's draft is being sent: a send takes seconds. One whose
# outcome is unknown may stay so for days, so the longer it has been so, the later it is looked at again.
_BUSY_THREAD = timedelta(seconds=15)
_LONG_BUSY_THREAD = timedelta(hours=1)


class Circumstances(NamedTuple):
    """What is true at the moment of a claim."""

    now: datetime
    status: InstanceStatus
    reason: Reason
    stopped_by: Reason | None  # a stop of the recipient, whichever lead id it named
    suppressed: bool
    recipient_in_use: bool  # another follow-up that tolerates no other goes to the same address, and came first
    expires_at: datetime
    permitted_from: datetime  # the send window's earliest instant that is not before now
    busy_since: datetime | None  # another draft of the thread is in flight or unknown since then
    last_sent_at: datetime | None  # in the thread, or to the recipient in another one
    min_gap: timedelta
    quiet_until: datetime | None = None  # the recipient is out of office until then


def forbidden(true: Circumstances) -> Held | Paused | Stopped | None:
    """Say what forbids the step now; None when it may be claimed. What ends comes before what merely holds."""
    if true.status in FINAL:
        return Stopped(reason=true.reason)
    if true.stopped_by is not None:
        return Stopped(reason=true.stopped_by)
    if true.suppressed:
        return Stopped(reason=Reason.SUPPRESSED)
    if true.status is InstanceStatus.PAUSED:
        return Paused(reason=true.reason)
    if true.now > true.expires_at:
        return Paused(reason=Reason.EXPIRED)
    if true.recipient_in_use:
        return Paused(reason=Reason.RECIPIENT_IN_USE)
    return _held(true)


def _held(true: Circumstances) -> Held | None:
    holds = [Held(until=true.permitted_from, reason=Reason.OUTSIDE_WINDOW)]
    if true.last_sent_at is not None:
        holds.append(Held(until=true.last_sent_at + true.min_gap, reason=Reason.MINIMUM_GAP))
    if true.quiet_until is not None:
        holds.append(Held(until=true.quiet_until, reason=Reason.OUT_OF_OFFICE))
    if true.busy_since is not None:
        wait = min(max(true.now - true.busy_since, _BUSY_THREAD), _LONG_BUSY_THREAD)
        holds.append(Held(until=true.now + wait, reason=Reason.THREAD_BUSY))
    latest = max(holds, key=lambda hold: hold.until)
    return latest if latest.until > true.now else None


def would_send_again(
    status: InstanceStatus, draft: tuple[DraftState, int] | None, outcome: Outcome, claimed: int
) -> bool:
    """Say whether a draft (state, generation) waits to be sent though by `outcome` a lost claim may have sent it.

    A draft that was claimed (under the generation `claimed`) is never gone, and is pending again only under the next
    one: where it is otherwise the store was restored to an earlier point. One that was sent is not sent again whoever
    released it.
    """
    state, generation = draft or (DraftState.PENDING, 1)
    if status in FINAL:
        return False
    if state not in (DraftState.PENDING, DraftState.AWAITING_APPROVAL):
        return False
    return isinstance(outcome, Sent) or (isinstance(outcome, Unknown) and generation <= claimed)
