"""The app in a test: what it says of its leads, and the door it is said to."""

import json
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from domain.event import Event
from intake.event_reading import read_event
from intake.events import EventDoor
from tests.scene import Scene
from transactions.event import EventAnswer

# One step that falls due at once; whoever wants to see nothing sent runs no worker, or writes another.
SEQUENCE = """
name: no-reply
steps:
  - wait: 0s
    subject: "Following up, {{ name }}"
    body: Hello {{ name }}
"""
STOPS = ("lead.replied", "lead.booked", "lead.unsubscribed", "lead.bounced", "lead.closed")


def said(event_type: str, *, ago: timedelta = timedelta(0), event_id: str = "", **data: Any) -> dict[str, Any]:
    """An event as the app writes it, said a while ago."""
    at = datetime.now(UTC) - ago
    event_id = event_id or f"evt-{uuid.uuid4().hex}"
    return {"id": event_id, "type": event_type, "timestamp": at.isoformat(), "data": data}


def enrolled(
    lead_id: str = "lead-1", *, ago: timedelta = timedelta(0), lead: dict[str, Any] | None = None, **data: Any
) -> dict[str, Any]:
    """The enrolment of a lead."""
    person = {"lead_id": lead_id, "email": f"{lead_id}@example.test", "name": "Grace"} | (lead or {})
    return said("lead.enrolled", ago=ago, **({"sequence": "no-reply", "lead": person} | data))


def event(content: dict[str, Any]) -> Event:
    """What was said, read as it comes."""
    return read_event(json.dumps(content))


class App:
    """An app that delivers its events to a scene's door; its sequences lie in a folder of the test."""

    def __init__(self, scene: Scene, folder: Path) -> None:
        self.scene = scene
        self.folder = folder
        self.write(SEQUENCE)
        self.door = EventDoor(
            scene.engine, scene.client, workspace=scene.workspace, task_queue=scene.task_queue, sequences=folder
        )

    def write(self, sequence: str, name: str = "no-reply") -> None:
        """Put a sequence where the door finds it."""
        (self.folder / f"{name}.yaml").write_text(sequence)

    async def says(self, content: dict[str, Any]) -> EventAnswer:
        """Deliver an event."""
        return await self.door.deliver(event(content))

    async def says_of(self, lead_id: str, event_type: str, **more: Any) -> EventAnswer:
        """Deliver an event about a lead."""
        return await self.says(said(event_type, lead_id=lead_id, **more))
