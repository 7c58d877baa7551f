"""What the doors lead to."""

from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncEngine

from intake.events import EventDoor
from intake.signatures import Signatures


class Inside(NamedTuple):
    """One workspace's facts, where its events are taken, and whose signatures are trusted."""

    engine: AsyncEngine
    workspace: str
    events: EventDoor
    signatures: Signatures
