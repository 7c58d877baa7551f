"""Connections between two sends: a few, for a short while, each for a bounded number of letters."""

import asyncio
from datetime import timedelta

from providers.smtp_wire import Wire

# Servers begin to hang up on idle clients after minutes; a burst of due steps is over sooner
_LONGEST_REST = timedelta(seconds=20)
_MOST_RESTING = 8
# below the count after which common servers ask a client to connect anew (100 in Postfix)
_MOST_LETTERS = 50


class IdleWires:
    """The idle connections of one provider."""

    def __init__(self) -> None:
        self._resting: dict[Wire, asyncio.TimerHandle] = {}
        self._closed = False

    def take(self) -> Wire | None:
        """Take the connection that rested least, which may have gone stale; None when none rests."""
        if not self._resting:
            return None
        wire, timer = self._resting.popitem()
        timer.cancel()
        return wire

    def give(self, wire: Wire) -> None:
        """Let a connection rest whose last letter was taken by the server, or take leave on it.

        Whatever the server says meanwhile makes its next command fail (`Wire.ask`), before a letter is begun.
        """
        if self._closed or wire.letters >= _MOST_LETTERS or len(self._resting) >= _MOST_RESTING:
            wire.quit()
        else:
            later = asyncio.get_running_loop().call_later
            self._resting[wire] = later(_LONGEST_REST.total_seconds(), self._tired, wire)

    async def close(self) -> None:
        """Take leave on every connection and let none rest any more; lasts a second at most (`Wire.quit`)."""
        self._closed = True
        leaving = list(self._resting)
        while (wire := self.take()) is not None:
            wire.quit()
        for wire in leaving:
            await wire.gone.wait()

    def _tired(self, wire: Wire) -> None:
        del self._resting[wire]
        wire.quit()
