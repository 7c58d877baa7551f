"""How often one client may ask at doors that anybody may knock at."""

import time
from collections import OrderedDict
from collections.abc import Callable

from web.clients import client_of

# 400 clicks were answered in 1.1 s, so one client may take a seventh of a process's time for as long as it likes.
_A_SECOND = 50.0
# Many people's requests come from one address: the scanners of a mail provider open every link of a mailing, and a
# provider's servers post its recipients' clicks.
_AT_ONCE = 1000
# Those that have asked last; each takes 200 bytes.
_MOST_CLIENTS = 10_000


class RateLimit:
    """Lets each client ask so many times at once, and so many times a second after that."""

    def __init__(
        self, *, a_second: float = _A_SECOND, at_once: int = _AT_ONCE, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._interval, self._clock = 1 / a_second, clock
        self._ahead = self._interval * (at_once - 1)
        # by client, the one that asked last at the end: when it may ask `at_once` times again
        self._rested_at: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        """Count the clients that are remembered."""
        return len(self._rested_at)

    def seconds_to_wait(self, address: str) -> float:
        """Count a request of the client behind an address; where it is one too many, say how long it should wait."""
        client, now = client_of(address), self._clock()
        rested_at = max(now, self._rested_at.get(client, now))
        if rested_at - now > self._ahead:
            return rested_at - now - self._ahead
        self._rested_at[client] = rested_at + self._interval
        self._rested_at.move_to_end(client)
        self._forget(now)
        return 0.0

    def _forget(self, now: float) -> None:
        """Forget clients that have rested, and the one that has not asked for longest where there are too many."""
        while self._rested_at:
            client, rested_at = next(iter(self._rested_at.items()))
            if rested_at > now and len(self._rested_at) <= _MOST_CLIENTS:
                return
            del self._rested_at[client]
