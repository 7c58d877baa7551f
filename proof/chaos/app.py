"""The app: it delivers its events over HTTP, some twice and out of order, and its files, each until it is taken."""

import asyncio
import csv
import json
import sys
import time
from asyncio.subprocess import PIPE
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import httpx
from standardwebhooks.webhooks import Webhook

from devstack.child import plain_environment
from proof.chaos.people import Heard
from proof.chaos.story import Filed, Said, Story
from proof.chaos.world import SECRET, World

# What is not taken is delivered again after a second, then after twice as long each time, as apps do.
_AGAIN_AFTER, _AGAIN_AT_MOST = 1.0, 8.0
_PATIENCE = 8.0
_CHECKOUT = Path(__file__).parents[2]


class App:
    """One app with two workspaces. `stopped_at` tells when a stop of a lead was first answered 2xx, Unix time.

    `heard` is what was answered when; `enrolled` are the leads whose enrolment was taken, `not_enrolled` those that
    another one at their address stood against.
    """

    def __init__(self, world: World, story: Story) -> None:
        self._world, self.story = world, story
        self._http = {name: _client(url) for name, url in world.urls.items()}
        self.heard = Heard({}, {})
        self.stopped_at: dict[str, float] = {}
        self.enrolled: set[str] = set()
        self.not_enrolled: set[str] = set()
        self.deliveries = self.redeliveries = self.taken = 0
        self.refused: Counter[str] = Counter()  # answers that ask for no other delivery

    async def run(self) -> None:
        """Deliver everything, each event as often as it says and each time until it is taken."""
        self.beginning = datetime.now(UTC)
        try:
            async with asyncio.TaskGroup() as delivering:
                for event in self.story.events:
                    content = json.dumps(event.content(self.beginning))
                    for copy, at in enumerate(event.at):
                        delivering.create_task(self._deliver(event, content, at, copy > 0))
                for file in self.story.files:
                    delivering.create_task(self._enroll(file))
        finally:
            await asyncio.gather(*(client.aclose() for client in self._http.values()))

    async def _deliver(self, event: Said, content: str, at: float, again: bool) -> None:
        await asyncio.sleep(at)
        self.redeliveries += again
        wait = _AGAIN_AFTER
        while (done := await self._post(event, content)) is None:
            await asyncio.sleep(wait)
            wait = min(2 * wait, _AGAIN_AT_MOST)
            self.redeliveries += 1
        self.heard.events.setdefault((event.workspace, event.event_id), time.time())
        if done == "not_enrolled":
            self.not_enrolled.add(event.lead)
        elif event.type == "lead.enrolled":
            self.enrolled.add(event.lead)
        elif event.is_stop:
            self.stopped_at.setdefault(event.lead, time.time())

    async def _post(self, event: Said, content: str) -> str | None:
        """Deliver it once; returns what became of it, None: it is to be delivered again."""
        now = datetime.now(UTC)
        headers = {
            "webhook-id": event.event_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(SECRET).sign(event.event_id, now, content),
        }
        self.deliveries += 1
        try:
            answer = await self._http[event.workspace].post("/events", content=content, headers=headers)
        except httpx.TransportError:
            return None
        if answer.is_client_error:
            self.refused[f"{answer.status_code} {answer.text[:200]}"] += 1
            return "refused"
        if not answer.is_success:
            return None
        self.taken += 1
        return str(answer.json()["done"])

    async def _enroll(self, file: Filed) -> None:
        """Give a file to the starter again and again, until every row of it is answered."""
        path = self._world.folder / f"{file.name}.csv"
        with path.open("w", newline="") as written:
            csv.writer(written).writerows([("lead_id", "email"), *file.leads])
        await asyncio.sleep(file.at)
        while (refused := await self._start(file, path)) is None:  # noqa: ASYNC110  # there is no event to wait for
            await asyncio.sleep(_AGAIN_AFTER)
        for lead_id, _ in file.leads:
            lead = f"{file.workspace}/{lead_id}"
            (self.not_enrolled if lead_id in refused else self.enrolled).add(lead)
            self.heard.files[file.instance_id(lead_id)] = time.time()

    async def _start(self, file: Filed, path: Path) -> set[str] | None:
        sequence = self._world.sequences(file.workspace) / f"{file.sequence}.yaml"
        command = [sys.executable, str(_CHECKOUT / "starter.py"), "enroll", "--json", "--sequence", str(sequence)]
        settings = plain_environment() | self._world.settings(self._world.door(file.workspace))
        starter = await asyncio.create_subprocess_exec(*command, str(path), stdout=PIPE, stderr=PIPE, env=settings)
        try:
            said, _ = await starter.communicate()
        finally:
            if starter.returncode is None:
                starter.kill()
        return _refused(json.loads(said), len(file.leads)) if said else None


def _refused(tally: Mapping[str, object], rows: int) -> set[str] | None:
    """Return whom a starter refused; None where it did not come to an end."""
    refused = tally["refused"]
    if not isinstance(refused, list):
        raise TypeError("the starter's tally has no list of refused rows")
    answered = len(refused) + sum(number for number in tally.values() if isinstance(number, int))
    return {str(one["lead_id"]) for one in refused} if answered == rows else None


def _client(url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=url, timeout=_PATIENCE, trust_env=False)
