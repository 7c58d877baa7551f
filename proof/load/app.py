"""The app of the load test of events: it posts bursts over several connections, and again what was not taken."""

import asyncio
import base64
import json
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import httpx
from standardwebhooks.webhooks import Webhook

from proof.load.story import Said, Story

SECRET = "whsec_" + base64.b64encode(b"bench" * 6).decode()
_BURST = 100
_CONNECTIONS = 10
# An app tries again after seconds; the restarts take as long.
_AGAIN_AFTER = 1.0
Restart = Callable[[], Awaitable[None]]


class App:
    """The app: it delivers each event one to three times, each time until it is taken."""

    def __init__(self, url: str, dice: random.Random) -> None:
        self._http = httpx.AsyncClient(
            base_url=url, limits=httpx.Limits(max_connections=_CONNECTIONS), timeout=60, trust_env=False
        )
        self._dice = dice
        self.answers: Counter[str] = Counter()
        self.latencies: list[float] = []
        self.stopped_at: dict[str, float] = {}  # by lead: when a stop of theirs was answered 2xx

    async def deliver(self, stories: list[Story], between: dict[int, Restart]) -> None:
        """Deliver everything in bursts; `between` names what happens before which of them."""
        turns = [event for story in stories for event in story.events for _ in range(self._dice.randint(1, 3))]
        self._dice.shuffle(turns)
        bursts = [turns[start : start + _BURST] for start in range(0, len(turns), _BURST)]
        happening: list[Awaitable[None]] = []
        for number, burst in enumerate(bursts):
            share = number * 100 // len(bursts)
            for due in [at for at in between if at <= share]:
                happening.append(asyncio.ensure_future(between.pop(due)()))  # noqa: PERF401  # it must begin here
            await asyncio.gather(*(self._until_taken(event) for event in burst))
        await asyncio.gather(*happening)
        await self.close()

    async def tell(self, events: list[Said]) -> float:
        """Deliver each event once, as many at a time as there are connections; returns the seconds it took."""
        begun, waiting = time.monotonic(), iter(events)

        async def post() -> None:
            for event in waiting:
                await self._until_taken(event)

        await asyncio.gather(*(post() for _ in range(_CONNECTIONS)))
        return time.monotonic() - begun

    async def close(self) -> None:
        """Close its connections."""
        await self._http.aclose()

    async def _until_taken(self, event: Said) -> None:
        while not await self._post(event):  # noqa: ASYNC110  # it is posted again, not waited for
            await asyncio.sleep(_AGAIN_AFTER)

    async def _post(self, event: Said) -> bool:
        body, now, begun = json.dumps(event.content), datetime.now(UTC), time.monotonic()
        headers = {
            "webhook-id": event.event_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(SECRET).sign(event.event_id, now, body),
        }
        try:
            response = await self._http.post("/events", content=body, headers=headers)
        except httpx.TransportError as error:
            self.answers[type(error).__name__] += 1
            return False
        self.answers[str(response.status_code)] += 1
        if response.is_success:
            self.latencies.append(time.monotonic() - begun)
            if response.json()["done"] == "stopped":
                self.stopped_at.setdefault(response.json()["lead_id"], time.time())
        return response.is_success
