"""The facts of a reply: what is said and where, its row, and the end of what was automatic. In one transaction."""

import hashlib
import re
from datetime import timedelta
from typing import NamedTuple

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.cause import Cause
from domain.given import is_blank
from domain.instance import InstanceKey, Reason, instance_id, instance_key
from domain.sequence import LONGEST_BODY, REPLY, EnrolRule, Sequence, Step
from domain.thread import Origin
from store.facts import find_thread, read_facts
from store.instances import Enrolment, enroll
from store.leads import lock_lead
from store.replies import find_conversation, find_said, find_subject
from store.sequences import save_sequence
from store.stops import find_running
from transactions.moves import stop_instance
from transactions.rendering import enrolment_problem

_SUBJECT, _BODY = "reply_subject", "reply_body"
_SEQUENCE = Sequence(
    name=REPLY,
    stop_on=(),
    enroll=EnrolRule.ANY_TIME,
    beside_others=True,
    steps=(
        # what a person wrote today is not what they would write tomorrow: then they are asked
        Step(
            wait=timedelta(0), subject="{{ reply_subject }}", body="{{ reply_body }}", expires_after=timedelta(days=1)
        ),
    ),
)
_KEY = re.compile(r"[A-Za-z0-9_.-]{1,40}")
# 80 bits: no two replies to one lead ever share it by chance.
_DEFAULT_KEY_DIGITS = 20


class ReplyError(Exception):
    """A reply can't be sent as it was said, and nothing was changed. The message is for people."""


class InThreadOf(NamedTuple):
    """A reply in the thread of an instance."""

    instance_id: str


class ToLead(NamedTuple):
    """A reply to a lead: in the thread of the message with this Message-ID, or in a thread of its own."""

    lead_id: str
    message_id: str | None = None


class Words(NamedTuple):
    """What is said. `subject` None: the thread's. The same `key` is the same reply; without one, the same words are."""

    body: str
    subject: str | None = None
    key: str | None = None


class ReplyPlace(NamedTuple):
    """Where a reply belongs. `thread_id` None: it begins a thread of its own."""

    workspace: str
    lead_id: str
    thread_id: str | None = None
    origin: Origin | None = None


class StoredReply(NamedTuple):
    """A reply as it is stored."""

    instance_id: str
    thread_id: str
    origin: Origin | None
    variables: dict[str, str]


def check_words(words: Words) -> None:
    """Raise ReplyError for words that are no message."""
    if is_blank(words.body):
        raise ReplyError("the body is blank: write what shall be sent")
    if len(words.body) > LONGEST_BODY:
        raise ReplyError(f"the body is longer than {LONGEST_BODY} characters: shorten it")
    if re.search("[\x00\ud800-\udfff]", words.body):
        raise ReplyError("the body contains a NUL or half a character: remove it")
    if words.key is not None and not _KEY.fullmatch(words.key):
        raise ReplyError("the key must be 1 to 40 letters, digits, and _ . -")


async def find_place(connection: AsyncConnection, workspace: str, to: InThreadOf | ToLead) -> ReplyPlace:
    """Find where a reply belongs."""
    if isinstance(to, ToLead):
        if to.message_id is None:
            return ReplyPlace(workspace, to.lead_id)
        try:
            origin = Origin(message_id=to.message_id)
        except ValidationError:
            raise ReplyError("the thread is no Message-ID: write it as <left@right>") from None
        ours = await find_thread(connection, workspace, origin.message_ids)
        return ReplyPlace(workspace, to.lead_id, ours or origin.thread_id(workspace), origin)
    found = await find_conversation(connection, to.instance_id)
    if found is None or found.workspace != workspace:
        raise ReplyError(f"there is no follow-up {to.instance_id}: see `followup list`")
    began = Origin.model_validate(found.origin) if found.origin else None
    return ReplyPlace(workspace, found.lead_id, found.thread_id, began)


async def write(connection: AsyncConnection, place: ReplyPlace, to: InThreadOf | ToLead, words: Words) -> StoredReply:
    """Write a reply as it is to be stored."""
    identity = instance_id(InstanceKey(place.workspace, REPLY, place.lead_id, words.key or _default_key(to, words)))
    thread_id, origin = place.thread_id or identity, place.origin
    subject = words.subject or (origin and origin.subject) or await find_subject(connection, thread_id)
    if not subject:
        raise ReplyError("nothing was sent in this thread yet, so it has no subject: give one")
    if origin is not None:  # or the message would have its subject
        origin = origin.model_copy(update={"subject": subject})
    return StoredReply(identity, thread_id, origin, {_SUBJECT: subject, _BODY: words.body})


def _default_key(to: InThreadOf | ToLead, words: Words) -> str:
    about = to.instance_id if isinstance(to, InThreadOf) else f"{to.lead_id}:{to.message_id or ''}"
    return hashlib.sha256(f"{about}\n{words.body}".encode()).hexdigest()[:_DEFAULT_KEY_DIGITS]


async def store_reply(connection: AsyncConnection, place: ReplyPlace, written: StoredReply, by: str) -> bool:
    """Store a reply whose lead is locked; False when it was said before."""
    said = await find_said(connection, written.instance_id)
    if said is not None:
        if said != (written.thread_id, written.variables):
            key = instance_key(written.instance_id).enrolment_key
            raise ReplyError(f"the key {key} was used for another reply to this lead: give another key")
        return False
    origin = written.origin.model_dump(mode="json") if written.origin else None
    row = Enrolment(written.instance_id, place.lead_id, 1, 0.0, written.thread_id, origin, written.variables)
    await save_sequence(connection, place.workspace, _SEQUENCE)
    await enroll(connection, place.workspace, _SEQUENCE, [row], by)
    await _ask_the_gate(connection, written.instance_id)
    return True


async def _ask_the_gate(connection: AsyncConnection, identity: str) -> None:
    """Refuse what the claim would refuse anyway, while somebody is there to be told."""
    locked = await lock_lead(connection, identity)
    if locked is None:
        raise RuntimeError(f"{identity} vanished")
    if problem := enrolment_problem(_SEQUENCE, locked.lead, identity):
        raise ReplyError(problem)
    if (await read_facts(connection, locked, 1)).suppressed:
        raise ReplyError(f"nothing is sent to the address of lead {locked.lead.lead_id} any more: it is suppressed")


async def end_automation(connection: AsyncConnection, place: ReplyPlace, recipient: str, by: str) -> list[str]:
    """I4: from the commit of this on, no claim of an automatic follow-up of the person begins, under whichever id."""
    running = await find_running(connection, place.workspace, place.lead_id, [recipient])
    automatic = [one.instance_id for one in running if instance_key(one.instance_id).sequence != REPLY]
    for one in automatic:
        why, cause = "a person of ours wrote to the lead", Cause.STOPPED
        await stop_instance(connection, one, Reason.ANSWERED, by=by, why=why, cause=cause)
    return automatic
