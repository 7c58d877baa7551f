"""What the doors lead to."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from intake.events import EventDoor
from web.signatures import Signatures


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """One workspace's facts, where its events are taken, and whose signatures each door trusts."""

    engine: AsyncEngine
    workspace: str
    events: EventDoor
    event_signatures: Signatures
    inbound_signatures: Signatures
