"""Whether mails that are planned could be made: by making them, as a worker does."""

from collections.abc import Iterable
from email.headerregistry import Address
from email.utils import parseaddr

from domain.draft import Channel, DraftKey, draft_id, message_hash
from domain.instance import InstanceKey, instance_id
from domain.lead import Lead
from mail.message import Thread, freeze
from operating.sequences.planning import Planned

# What is planned is shown to nobody outside, so nobody can name it.
_NO_KEY = b""


def require_mails(planned: Iterable[Planned], name: str, lead: Lead, sender: str) -> None:
    """Make each mail of a planned follow-up. Raises MessageError for one that can't be made."""
    display_name, address = parseaddr(sender)
    identity = instance_id(InstanceKey("preview", name, lead.lead_id))
    references: tuple[str, ...] = ()
    for one in planned:
        if one.channel is Channel.EMAIL:
            frozen = freeze(
                message_hash=message_hash(_NO_KEY, draft_id(DraftKey(identity, one.order))),
                sender=Address(display_name, addr_spec=address),
                recipient_name=lead.name,
                recipient_address=lead.email,
                subject=one.subject,
                body=one.body,
                date=one.at,
                thread=Thread(references),
            )
            references += (frozen.message_id,)
