"""Links and addresses of one draft alone: where its recipient unsubscribes, and where answers to it arrive."""

from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from domain.draft import message_hash
from mail.links import make_token, plus_address, unsubscribe_url
from store.links import read_link_key


class DraftLinks(NamedTuple):
    """What the message of a draft is named by, and the links in it; None where it has none."""

    message_hash: str
    unsubscribe_url: str | None = None
    reply_to: str | None = None


class Links:
    """Makes the links of drafts. Without `public_url` no mail has an unsubscribe link.

    `plus_addresses`: answers and bounces come to `local+hash@domain`, which tells what they are about.
    """

    def __init__(self, public_url: str | None = None, *, plus_addresses: bool = False) -> None:
        self._public_url = public_url
        self._plus_addresses = plus_addresses
        self._key: bytes | None = None  # it never changes, so it is read once

    async def of_draft(self, connection: AsyncConnection, draft_id: str, sender: str) -> DraftLinks:
        """Name a draft that is about to be frozen, and make its links."""
        if self._key is None:
            self._key = await read_link_key(connection)
        named = message_hash(self._key, draft_id)
        answer_to = self.envelope_sender(named, sender)
        reply_to = answer_to if answer_to != sender else None
        if self._public_url is None:
            return DraftLinks(named, reply_to=reply_to)
        return DraftLinks(named, unsubscribe_url(self._public_url, make_token(self._key, named)), reply_to)

    def envelope_sender(self, message_hash: str, sender: str) -> str:
        """Return the address that bounces of a message go to."""
        return plus_address(sender, message_hash) if self._plus_addresses else sender
