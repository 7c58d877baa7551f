"""The lease: how long a claim may act, when its last possible answer is due, and when it is given up.

Rules of the process that sends:

- The gate opens only while the lease goes on, by PostgreSQL's clock and by the process's own: a process that was
  suspended must not write to a connection that a server kept open.
- By its own clock the lease begins before the claim's transaction: time that passes unseen shortens it.

Rules of whoever settles, all by PostgreSQL's clock:

- A claim is overdue `length + send_timeout` after it was made. It can't begin a send then, and what it began has had
  its answer or never will.
- `not_sent` is refused before: the message may be on its way.
- A run gives up a claim of its own once it is no longer fresh: its attempt is over when it asks, and most sends take a
  second. It gives up another run's once that is overdue: after a reset the other attempt may be alive.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

# Connecting, TLS, AUTH, MAIL, RCPT and DATA take seconds; a claim that needs a minute has lost its process meanwhile.
LENGTH = timedelta(minutes=1)
# No settlement touches a claim younger than this: most sends take a second, and record what became of them themselves.
FRESH = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Lease:
    """Within `length` a claim reaches the point of no return, or never; its answer is due `send_timeout` after."""

    length: timedelta
    send_timeout: timedelta

    @property
    def overdue_after(self) -> timedelta:
        """From how long after the claim on it can't act any more, and its last possible answer is due."""
        return self.length + self.send_timeout

    def goes_on(self, held_for: timedelta) -> bool:
        """Say whether the gate may open, by how long the claim has been held on the process's own clock."""
        return held_for < self.length


def lease_of(send_timeout: timedelta) -> Lease:
    """Return the lease of a claim whose provider's final answer is awaited for `send_timeout`."""
    return Lease(min(LENGTH, send_timeout), send_timeout)


def given_up_at(claimed_at: datetime, overdue_at: datetime, *, by_own_run: bool) -> datetime:
    """Return the instant from which a claim that nothing was heard of is given up."""
    return claimed_at + FRESH if by_own_run else overdue_at


def may_still_act(overdue_at: datetime | None, now: datetime) -> bool:
    """Say whether what a claim began may still be answered; a draft without a claim has no such instant."""
    return overdue_at is not None and now < overdue_at


def is_of_another_try(overdue_at: datetime | None, said_from: datetime | None) -> bool:
    """Say whether a word was said of an earlier claim than this one, by the instant from which `not_sent` was taken.

    Words are said again to a run that was reset, and an activity may be committed late: each try is another send.
    """
    return said_from is not None and overdue_at is not None and said_from < overdue_at
