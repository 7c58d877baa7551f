"""Links and addresses of one draft alone: where its recipient unsubscribes, and where answers to it arrive."""

from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from domain.draft import message_hash
from mail.links import make_token, plus_address, unsubscribe_url
from store.links import read_link_key


class DraftLinks(NamedTuple):
    """What the message of a draft says of them; None where it says nothing."""

    unsubscribe_url: str | None = None
    reply_to: str | None = None


NO_DRAFT_LINKS = DraftLinks()


class Links:
    """Makes the links of drafts. Without `public_url` no mail has an unsubscribe link.

    `plus_addresses`: answers and bounces come to `local+hash@domain`, which tells what they are about.
    """

    def __init__(self, public_url: str | None = None, *, plus_addresses: bool = False) -> None:
        self._public_url = public_url
        self._plus_addresses = plus_addresses
        self._key: bytes | None = None  # it never changes, so it is read once

    async def of_draft(self, connection: AsyncConnection, draft_id: str, sender: str) -> DraftLinks:
        """Make the links of a draft that is about to be frozen."""
        answer_to = self.envelope_sender(draft_id, sender)
        reply_to = answer_to if answer_to != sender else None
        if self._public_url is None:
            return DraftLinks(reply_to=reply_to)
        if self._key is None:
            self._key = await read_link_key(connection)
        return DraftLinks(unsubscribe_url(self._public_url, make_token(self._key, message_hash(draft_id))), reply_to)

    def envelope_sender(self, draft_id: str, sender: str) -> str:
        """Return the address that bounces of a draft go to."""
        return plus_address(sender, message_hash(draft_id)) if self._plus_addresses else sender


NO_LINKS = Links()
