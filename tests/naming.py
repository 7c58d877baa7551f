"""How messages are named in the databases of tests, which share a known secret."""

from domain import draft

KEY = bytes(range(32))


def message_hash(draft_id: str) -> str:
    """The left part of a draft's Message-ID."""
    return draft.message_hash(KEY, draft_id)


def message_id(draft_id: str, domain: str) -> str:
    """A draft's Message-ID."""
    return draft.message_id(message_hash(draft_id), domain)
