"""The app: it delivers its events over HTTP, some twice and out of order, each until it is taken."""

import asyncio
import json
import time
from collections import Counter
from datetime import UTC, datetime

import httpx
from standardwebhooks.webhooks import Webhook

from bench.chaos.story import Said
from bench.chaos.world import SECRET

_AGAIN_AFTER = 1.0
_PATIENCE = 8.0


class App:
    """One app. `stopped_at` tells when a stop of a lead was first answered 2xx, Unix time."""

    def __init__(self, url: str) -> None:
        self._http = httpx.AsyncClient(base_url=url, timeout=_PATIENCE, trust_env=False)
        self.stopped_at: dict[str, float] = {}
        self.enrolled: set[str] = set()
        self.deliveries = self.redeliveries = self.taken = 0
        self.refused: Counter[str] = Counter()  # answers that ask for no other delivery

    async def run(self, events: list[Said]) -> None:
        """Deliver everything, each event as often as it says and each time until it is taken."""
        beginning = datetime.now(UTC)
        async with self._http, asyncio.TaskGroup() as delivering:
            for event in events:
                content = json.dumps(event.content(beginning))
                for copy, at in enumerate(event.at):
                    delivering.create_task(self._deliver(event, content, at, copy > 0))

    async def _deliver(self, event: Said, content: str, at: float, again: bool) -> None:
        await asyncio.sleep(at)
        self.redeliveries += again
        while not await self._post(event, content):
            await asyncio.sleep(_AGAIN_AFTER)
            self.redeliveries += 1
        if event.type == "lead.enrolled":
            self.enrolled.add(event.lead_id)
        elif event.type != "lead.resumed":
            self.stopped_at.setdefault(event.lead_id, time.time())

    async def _post(self, event: Said, content: str) -> bool:
        now = datetime.now(UTC)
        headers = {
            "webhook-id": event.event_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(SECRET).sign(event.event_id, now, content),
        }
        self.deliveries += 1
        try:
            answer = await self._http.post("/events", content=content, headers=headers)
        except httpx.TransportError:
            return False
        if answer.is_client_error:
            self.refused[f"{answer.status_code} {answer.text[:200]}"] += 1
            return True
        self.taken += answer.is_success
        return answer.is_success
