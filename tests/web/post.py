"""An app that posts events as Standard Webhooks has it, and a mail server that posts messages, each with its secret."""

import base64
import hashlib
import hmac
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from standardwebhooks.webhooks import Webhook

from tests.app import App
from web.inside import Inside
from web.signatures import Signatures

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
OTHER = "whsec_" + base64.b64encode(b"o" * 32).decode()
MAIL_SECRET = "whsec_" + base64.b64encode(b"m" * 32).decode()
OTHER_MAIL_SECRET = "whsec_" + base64.b64encode(b"n" * 32).decode()


def inside_of(app: App, event_secrets: str, mail_secrets: str) -> Inside:
    """What the doors of an app's scene lead to."""
    return Inside(
        engine=app.scene.engine,
        workspace=app.scene.workspace,
        events=app.door,
        event_signatures=Signatures(event_secrets),
        inbound_signatures=Signatures(mail_secrets, dotted_ids=False),
    )


def signed(body: bytes, *, event_id: str, secret: str = SECRET, ago: timedelta = timedelta(0)) -> dict[str, str]:
    """The headers that sign a body."""
    at = datetime.now(UTC) - ago
    return {
        "content-type": "application/json",
        "webhook-id": event_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(event_id, at, body.decode("utf-8", "surrogateescape")),
    }


def signed_mail(raw: bytes, *, message_id: str = "id", secret: str = MAIL_SECRET) -> dict[str, str]:
    """The headers that sign a message, whatever its bytes are."""
    at = str(int(datetime.now(UTC).timestamp()))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signature = base64.b64encode(hmac.digest(key, f"{message_id}.{at}.".encode() + raw, hashlib.sha256)).decode()
    names = {"webhook-id": message_id, "webhook-timestamp": at, "webhook-signature": f"v1,{signature}"}
    return {"content-type": "message/rfc822", **names}


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
