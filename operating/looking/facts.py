"""What the `followup` command prints for programs: plain values, instants in ISO 8601 and UTC."""

from datetime import datetime
from typing import Any

from domain.instance import workflow_id
from operating.looking.story import Story, Trouble
from store.listing import Listed

_LOOK_FOR = ("message_id", "recipient", "claimed_at", "overdue_at")


def listed_facts(one: Listed) -> dict[str, Any]:
    """An instance for programs."""
    return facts(one)


def story_facts(story: Story) -> dict[str, Any]:
    """A story for programs; `paused` is null where nothing waits for a person."""
    return {
        **listed_facts(story.instance),
        "workflow_id": workflow_id(story.instance.instance_id),
        "waits_for": story.waits_for,
        "drafts": [facts(draft) for draft in story.drafts],
        "paused": story.trouble and _trouble_facts(story.trouble),
        "timeline": [facts(entry) for entry in story.ledger],
    }


def _trouble_facts(trouble: Trouble) -> dict[str, Any]:
    draft = trouble.draft
    return {
        "step": trouble.step,
        "reason": trouble.reason,
        "why": trouble.why,
        "look_for": draft and {name: _plain(getattr(draft, name)) for name in _LOOK_FOR},
        "choices": [facts(choice) for choice in trouble.choices],
    }


def facts(values: Any) -> dict[str, Any]:
    """A named tuple for programs."""
    return {name: _plain(value) for name, value in values._asdict().items()}


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
