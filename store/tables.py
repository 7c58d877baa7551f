"""The tables, typed. What a value means is said in `domain`; here stands what may never be otherwise.

Who (`who`), by what (`cause`) and why (`why`, text for people alone) are columns of every row that has a state: the
triggers of `store.guards` copy them into the ledger, so a change that does not say them can't be made by the code.
"""

import uuid
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKeyConstraint,
    Identity,
    Index,
    LargeBinary,
    MetaData,
    Text,
    UniqueConstraint,
    false,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from domain.cause import Cause
from domain.draft import Channel, DraftState
from domain.evidence import EvidenceKind
from domain.instance import InstanceStatus
from domain.sequence import StopKind
from domain.task import TaskKind, TaskState


class Base(DeclarativeBase):
    """Every constraint has a name, so that a violation can be told from another."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012  # SQLAlchemy's own form
        str: Text,
        datetime: DateTime(timezone=True),
        bytes: LargeBinary,
        uuid.UUID: UUID(as_uuid=True),
        dict[str, Any]: JSONB,
        list[str]: ARRAY(Text),
    }


# Addresses are ASCII by the time they are stored, and are compared in lower case, whatever the server's locale is.
_LEAD_RECIPIENT = 'lower(email COLLATE "C")'
_DRAFT_RECIPIENT = 'lower(recipient COLLATE "C")'


def _one_of(column: str, words: type[StrEnum]) -> CheckConstraint:
    listed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


class StoredLead(Base):
    """The person followed up, as the app knows them; each fact beside the instant of the word that set it.

    Words that came before the first enrolment are kept here too: `email` is empty then, as it is of a lead that was
    forgotten.
    """

    __tablename__ = "leads"

    workspace: Mapped[str] = mapped_column(primary_key=True)
    lead_id: Mapped[str] = mapped_column(primary_key=True)
    email: Mapped[str]
    name: Mapped[str]
    timezone: Mapped[str]
    variables: Mapped[dict[str, Any]]
    quiet_until: Mapped[datetime | None]  # out of office: nothing is sent before; what follows from the four below
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    email_at: Mapped[datetime | None]
    name_at: Mapped[datetime | None]
    timezone_at: Mapped[datetime | None]
    quiet_at: Mapped[datetime | None]
    back_day: Mapped[date | None]
    back_day_at: Mapped[datetime | None]
    away_at: Mapped[datetime | None]
    back_at: Mapped[datetime | None]
    variables_at: Mapped[dict[str, Any]] = mapped_column(server_default="{}")  # by variable

    __table_args__ = (Index("ix_leads_recipient", "workspace", text(_LEAD_RECIPIENT)),)


class LeadAddress(Base):
    """An address that was said of a lead who has, or had, another one too; in lower case, as recipients are."""

    __tablename__ = "lead_addresses"

    workspace: Mapped[str] = mapped_column(primary_key=True)
    lead_id: Mapped[str] = mapped_column(primary_key=True)
    said_at: Mapped[datetime] = mapped_column(primary_key=True)
    address: Mapped[str] = mapped_column(primary_key=True)

    __table_args__ = (Index("ix_lead_addresses_address", "workspace", "address"),)


class SequenceVersion(Base):
    """A sequence as it was when somebody was enrolled with it; never changed."""

    __tablename__ = "sequence_versions"

    workspace: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(primary_key=True)
    definition: Mapped[str]  # the JSON the version was computed from, to the byte
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Instance(Base):
    """One lead's run through one sequence version."""

    __tablename__ = "instances"

    id: Mapped[str] = mapped_column(primary_key=True)
    workspace: Mapped[str]
    lead_id: Mapped[str]
    sequence: Mapped[str]
    version: Mapped[str]
    thread_id: Mapped[str]
    # where the thread began, if not with us: {"message_id": …, "references": […], "subject": …}
    origin: Mapped[dict[str, Any] | None]
    variables: Mapped[dict[str, Any] | None]  # what its templates see over the lead's own
    status: Mapped[str] = mapped_column(server_default=InstanceStatus.ACTIVE)
    reason: Mapped[str] = mapped_column(server_default="none")
    step: Mapped[int] = mapped_column(server_default="1")  # the order of the current step
    steps: Mapped[int]
    until: Mapped[datetime | None]  # what it waits for: the step's due instant, or the end of a hold
    who: Mapped[str]
    why: Mapped[str]
    cause: Mapped[str] = mapped_column(server_default=Cause.BY_HAND)
    enrolled_at: Mapped[datetime] = mapped_column(server_default=func.now())
    started_at: Mapped[datetime | None]  # when Temporal confirmed the workflow; until then enrolling again starts it
    said_at: Mapped[datetime] = mapped_column(server_default=func.now())  # the instant of the word that enrolled it
    variables_at: Mapped[dict[str, Any] | None]  # by variable

    __table_args__ = (
        ForeignKeyConstraint(["workspace", "lead_id"], ["leads.workspace", "leads.lead_id"]),
        ForeignKeyConstraint(
            ["workspace", "sequence", "version"],
            ["sequence_versions.workspace", "sequence_versions.name", "sequence_versions.version"],
        ),
        _one_of("status", InstanceStatus),
        CheckConstraint("step BETWEEN 1 AND steps", name="step_in_range"),
        Index("ix_instances_prefix", "id", postgresql_ops={"id": "text_pattern_ops"}),
        Index("ix_instances_listed", "workspace", "status", "enrolled_at", "id"),
        Index("ix_instances_newest", "workspace", "enrolled_at", "id"),
        Index("ix_instances_lead", "workspace", "lead_id"),
        Index("ix_instances_version", "workspace", "sequence", "version"),
    )


class Draft(Base):
    """The one message of (instance, step, channel): rendered once, frozen, sent at most once."""

    __tablename__ = "drafts"

    id: Mapped[str] = mapped_column(primary_key=True)
    instance_id: Mapped[str]
    step: Mapped[int]
    channel: Mapped[str] = mapped_column(server_default=Channel.EMAIL)
    state: Mapped[str] = mapped_column(server_default=DraftState.PENDING)
    generation: Mapped[int] = mapped_column(server_default="1")  # how often it has been open to a claim
    thread_id: Mapped[str]
    message_id: Mapped[str]
    sender: Mapped[str]  # envelope
    recipient: Mapped[str]  # envelope
    subject: Mapped[str]
    content: Mapped[bytes]  # what is sent, to the byte
    fingerprint: Mapped[str]  # SHA-256 of the content
    claim_token: Mapped[uuid.UUID | None]
    claim_run: Mapped[str | None]  # the workflow run whose attempt holds the claim
    claimed_at: Mapped[datetime | None]
    overdue_at: Mapped[datetime | None]  # from here on the claim can't act and its last answer is overdue
    sent_at: Mapped[datetime | None]
    code: Mapped[str] = mapped_column(server_default="")  # of the last outcome
    reply: Mapped[str] = mapped_column(server_default="")  # the provider's words to it
    who: Mapped[str]
    why: Mapped[str]
    cause: Mapped[str] = mapped_column(server_default=Cause.BY_HAND)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        ForeignKeyConstraint(["instance_id"], ["instances.id"]),
        # I1: one draft per (instance, step, channel), for ever
        UniqueConstraint("instance_id", "step", "channel"),
        _one_of("state", DraftState),
        _one_of("channel", Channel),
        CheckConstraint(
            "(claim_token IS NOT NULL AND claim_run IS NOT NULL AND claimed_at IS NOT NULL AND overdue_at IS NOT NULL)"
            " OR state NOT IN ('sending', 'unknown')",
            name="claim_is_whole",
        ),
        CheckConstraint("claim_token IS NULL OR state <> 'pending'", name="pending_is_unclaimed"),
        CheckConstraint("(sent_at IS NOT NULL) = (state = 'sent')", name="sent_has_its_instant"),
        CheckConstraint(
            "CASE channel WHEN 'task' THEN state IN ('pending', 'done', 'skipped', 'stopped') ELSE state <> 'done' END",
            name="people_do_tasks",
        ),
        # I5: never two of one thread in flight or unknown
        Index("uq_drafts_in_flight", "thread_id", unique=True, postgresql_where="state IN ('sending', 'unknown')"),
        Index("ix_drafts_thread_sent", "thread_id", "sent_at", postgresql_where="state = 'sent'"),
        # of all states: the planner would not use what it knows of the values of an index of some
        Index("ix_drafts_recipient", text(_DRAFT_RECIPIENT), "sent_at"),
        Index("ix_drafts_message_hash", text("split_part(message_id, '@', 1)")),
    )


class Task(Base):
    """Something a person has to do; one per (instance, step, kind), opened again if its cause comes back."""

    __tablename__ = "tasks"

    instance_id: Mapped[str] = mapped_column(primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(server_default=TaskState.OPEN)
    who: Mapped[str]
    why: Mapped[str]
    cause: Mapped[str] = mapped_column(server_default=Cause.BY_HAND)
    instructions: Mapped[str] = mapped_column(server_default="")  # of a manual step, rendered for its lead
    opened_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        ForeignKeyConstraint(["instance_id"], ["instances.id"]),
        _one_of("state", TaskState),
        _one_of("kind", TaskKind),
        Index("ix_tasks_open", "opened_at", postgresql_where="state = 'open'"),
    )


class Suppression(Base):
    """An address nothing is sent to any more, unless it was lifted since.

    `address` is in lower case; `@example.com` is all of that domain, and `sha256:…` an address that was forgotten.
    """

    __tablename__ = "suppressions"

    workspace: Mapped[str] = mapped_column(primary_key=True)
    address: Mapped[str] = mapped_column(primary_key=True)
    who: Mapped[str]
    why: Mapped[str]
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    lifted_at: Mapped[datetime | None]
    lifted_by: Mapped[str | None]
    lifted_why: Mapped[str | None]

    __table_args__ = (Index("ix_suppressions_who", "workspace", "who"),)


class SenderSlot(Base):
    """The instant that a draft has among the sends of its sender: kept for it, or taken by its claim."""

    __tablename__ = "sender_slots"

    draft_id: Mapped[str] = mapped_column(primary_key=True)
    instance_id: Mapped[str]
    workspace: Mapped[str]
    sender: Mapped[str]  # lower case
    at: Mapped[datetime]
    taken: Mapped[bool]

    __table_args__ = (
        ForeignKeyConstraint(["instance_id"], ["instances.id"]),
        Index("ix_sender_slots_sender", "workspace", "sender", "at"),
        Index("ix_sender_slots_instance", "instance_id"),
    )


class Evidence(Base):
    """What was seen of a draft's message outside: it went out. One row for each source that saw it."""

    __tablename__ = "evidence"

    draft_id: Mapped[str] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(primary_key=True)
    workspace: Mapped[str]
    kind: Mapped[str]
    who: Mapped[str]
    seen_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    settled: Mapped[bool] = mapped_column(server_default=false())  # its draft was unknown until this was seen

    __table_args__ = (ForeignKeyConstraint(["draft_id"], ["drafts.id"]), _one_of("kind", EvidenceKind))


class LinkKey(Base):
    """The one key that signs the links in mails; made with the schema, so that nobody has to think of one."""

    __tablename__ = "link_keys"

    id: Mapped[int] = mapped_column(primary_key=True, server_default="1", autoincrement=False)
    secret: Mapped[bytes]

    __table_args__ = (CheckConstraint("id = 1", name="one"),)


class Event(Base):
    """An app event whose facts are in these tables. `answer` names ids and codes alone, never a person."""

    __tablename__ = "events"

    workspace: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    type: Mapped[str]
    answer: Mapped[dict[str, Any]]
    received_at: Mapped[datetime] = mapped_column(server_default=func.now())
    told_at: Mapped[datetime | None]  # when its workflows had been started or signalled; until then it is told again

    __table_args__ = (Index("ix_events_lead", "workspace", text("(answer ->> 'lead_id')")),)


class StoredStop(Base):
    """A fact that ends follow-ups of a person. It may come before its lead, so it refers to none.

    `recipients` are the addresses it reaches: what the lead had when it happened, and what it names itself.
    """

    __tablename__ = "stops"

    workspace: Mapped[str] = mapped_column(primary_key=True)
    event_id: Mapped[str] = mapped_column(primary_key=True)
    lead_id: Mapped[str]
    kind: Mapped[str]
    occurred_at: Mapped[datetime]  # by the app's clock
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    named: Mapped[str | None]  # the address that the event itself names
    recipients: Mapped[list[str]] = mapped_column(server_default="{}")

    __table_args__ = (
        _one_of("kind", StopKind),
        Index("ix_stops_lead", "workspace", "lead_id", "occurred_at"),
        Index("ix_stops_recipients", "recipients", postgresql_using="gin"),
    )


class LedgerEntry(Base):
    """I8: one transition of a draft, task or instance, or an operator's words. Appended by triggers, never changed."""

    __tablename__ = "ledger"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    instance_id: Mapped[str]
    step: Mapped[int | None]
    subject: Mapped[str]  # draft, task, instance, or note
    from_state: Mapped[str | None]  # None: it came into being
    to_state: Mapped[str]
    who: Mapped[str]
    why: Mapped[str]
    cause: Mapped[str | None]  # None of words alone

    __table_args__ = (Index("ix_ledger_instance", "instance_id", "id"),)


class Compatibility(Base):
    """Which code may run on this schema: that of revision `oldest` and later. Migrations that contract raise it.

    So a worker of the last version may be started while the schema is the next one's already.
    """

    __tablename__ = "compatibility"

    id: Mapped[int] = mapped_column(primary_key=True, server_default="1", autoincrement=False)
    oldest: Mapped[str]

    __table_args__ = (CheckConstraint("id = 1", name="one"),)
