"""An app that posts events as Standard Webhooks has it, to an application or to a server."""

import base64
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from standardwebhooks.webhooks import Webhook

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
OTHER = "whsec_" + base64.b64encode(b"o" * 32).decode()


def signed(body: bytes, *, event_id: str, secret: str = SECRET, ago: timedelta = timedelta(0)) -> dict[str, str]:
    """The headers that sign a body."""
    at = datetime.now(UTC) - ago
    return {
        "content-type": "application/json",
        "webhook-id": event_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(event_id, at, body.decode("utf-8", "surrogateescape")),
    }


def written(content: dict[str, Any]) -> tuple[str, bytes]:
    """An event's id, and the body that goes with it."""
    return content["id"], json.dumps({name: value for name, value in content.items() if name != "id"}).encode()


class Poster:
    """Posts events, signed."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def says(self, content: dict[str, Any], **how: Any) -> httpx.Response:
        """Post what the app says."""
        event_id, body = written(content)
        return await self.posts(body, signed(body, event_id=event_id, **how))

    async def posts(self, body: bytes, headers: dict[str, str] | None = None) -> httpx.Response:
        """Post a body, signed as a new event unless there are headers."""
        headers = signed(body, event_id=f"evt-{uuid.uuid4().hex}") if headers is None else headers
        return await self.http.post("/events", content=body, headers=headers)


def problems(response: httpx.Response) -> list[str]:
    """What a refusal says."""
    found: list[str] = response.json()["problems"]
    return found
