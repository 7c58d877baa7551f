"""The facts of enrolments: leads, instances, and stops that came before them, in the caller's one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain import sequence as sequences
from domain.cause import Cause
from domain.enrolling import EnrolmentRefused, Known, Refusal, refusal
from domain.instance import FINAL, InstanceStatus, Reason
from domain.lead import Lead
from domain.lead_facts import LeadFacts, Variables, Word
from domain.lead_words import differing, word_of
from domain.recipient import recipient_of
from domain.schedule import after
from domain.thread import Origin
from store.facts import find_thread
from store.instances import (
    Enrolment,
    Other,
    StoredInstance,
    enroll,
    find_instances,
    find_others,
    mark_started,
    say_earlier,
    set_variables,
)
from store.leads import list_former, read_lead_facts, read_variables
from store.locks import lock_leads, lock_recipients
from store.sequences import save_sequence
from store.stops import RecordedStop, find_stops
from store.suppressions import covering, find_suppressions
from transactions.lead_facts import Heard, find_reach, keep, suppress_unsubscribed
from transactions.moves import stop_instance
from transactions.rendering import enrolment_problem
from transactions.sharing import known_of
from transactions.stop import ends


class WantedEnrolment(NamedTuple):
    """A lead to be enrolled, the id of the instance, and the message it answers, if it answers one."""

    lead: Lead
    instance_id: str
    origin: Origin | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolling:
    """Who enrols whom in what; `at` is the instant at which that was said, so a stop not before it came later.

    `updates`: what is said of a lead that is enrolled already counts, if it is newer. A file's rows have no instants
    of their own, and may be older than the file's import. `link` stands for that of each message, if it has one.
    """

    workspace: str
    sequence: sequences.Sequence
    at: datetime
    by: str
    link: str | None = None
    updates: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """What became of one that is enrolled. `differs`: the fields that were given otherwise than they are stored."""

    enrolled: StoredInstance
    suppressed: bool = False
    differs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentResults:
    """What became of enrolments, by instance, in the order in which they were wanted.

    `refused` says of which that they may not be. `ended` are follow-ups of the same people that a stop ends of which it
    became known only now whom it reaches.
    """

    placed: dict[str, Placed] = field(default_factory=dict)
    refused: dict[str, EnrolmentRefused] = field(default_factory=dict)
    ended: dict[str, Reason] = field(default_factory=dict)

    @property
    def enrolled(self) -> list[StoredInstance]:
        """The instances that are enrolled, now or since earlier."""
        return [one.enrolled for one in self.placed.values()]


async def store_enrolments(
    connection: AsyncConnection, enrolling: Enrolling, wanted: Sequence[WantedEnrolment]
) -> EnrolmentResults:
    """Write the facts of enrolments. One that is enrolled already, or may not be, stays as it is.

    Of a lead who may not be enrolled, and of whom nothing is known, it is kept who they are: a stop of theirs reaches
    whoever else has their address.
    """
    batch = _Batch(connection, enrolling, wanted)
    await batch.lock()
    refused = batch.divide()
    await save_sequence(connection, enrolling.workspace, enrolling.sequence)
    differs = await batch.hear()
    enrolled = await batch.enroll()
    ended = await batch.heed(enrolled)
    suppressed = await batch.suppressed()
    placed = {
        one.instance_id: Placed(
            enrolled=enrolled[one.instance_id],
            suppressed=suppressed[one.instance_id],
            differs=differs.get(one.instance_id, ()),
        )
        for one in batch.taken
    }
    return EnrolmentResults(placed=placed, refused=refused, ended=ended)


class _Batch:
    """Enrolments in one transaction: locked, judged in their order, then written."""

    def __init__(self, connection: AsyncConnection, enrolling: Enrolling, wanted: Sequence[WantedEnrolment]) -> None:
        self._connection, self._enrolling, self._wanted = connection, enrolling, wanted
        self._workspace, self._by = enrolling.workspace, enrolling.by
        self._lead_ids = [one.lead.lead_id for one in wanted]
        self.taken: list[WantedEnrolment] = []
        self._strangers: list[WantedEnrolment] = []  # who may not be enrolled, and were not known before

    async def lock(self) -> None:
        """Lock everybody, whether or not they are known, then read what is known of them."""
        await lock_leads(self._connection, self._workspace, self._lead_ids)
        self._known = await read_lead_facts(self._connection, self._workspace, self._lead_ids)
        given = (one.lead.email for one in self._wanted)
        current = (facts.email for facts in self._known.values())
        self._recipients = sorted({recipient_of(address) for address in (*given, *current)} - {""})
        # a stop that came before may be found to reach an address that a lead had
        had = await list_former(self._connection, self._workspace, list(self._known)) if self._known else []
        await lock_recipients(self._connection, self._workspace, [*self._recipients, *had])
        found = await find_instances(self._connection, [one.instance_id for one in self._wanted])
        self._existing = {one.instance_id: one for one in found}
        others = await find_others(self._connection, self._workspace, self._lead_ids, self._recipients)
        self._others = _by_person(others)

    def _facts(self, one: WantedEnrolment) -> LeadFacts:
        return self._known.get(one.lead.lead_id) or LeadFacts(lead_id=one.lead.lead_id)

    def _word(self, one: WantedEnrolment) -> Word:
        return word_of(one.lead, self._enrolling.at)

    def _own(self, one: WantedEnrolment) -> Variables:
        return Variables(one.lead.variables, dict.fromkeys(one.lead.variables, self._enrolling.at))

    def divide(self) -> dict[str, EnrolmentRefused]:
        """Say which may not be enrolled, in their order: a row counts for those behind it."""
        refused: dict[str, EnrolmentRefused] = {}
        for one in self._wanted:
            why = None if one.instance_id in self._existing else self._refusal(one)
            if why is not None:
                refused[one.instance_id] = why
                if why.refusal is not Refusal.UNRENDERABLE and one.lead.lead_id not in self._known:
                    self._strangers.append(one)
                continue
            self.taken.append(one)
            if one.instance_id not in self._existing:
                self._count(one)
        return refused

    def _refusal(self, one: WantedEnrolment) -> EnrolmentRefused | None:
        facts = self._facts(one).after(self._word(one))
        known = {**self._others_of(one.lead.lead_id), **self._others_of(recipient_of(facts.email))}
        if why := refusal(self._enrolling.sequence, one.lead.lead_id, known.values()):
            return why
        enrolling, lead = self._enrolling, facts.lead_with(self._own(one))
        problem = enrolment_problem(enrolling.sequence, lead, one.instance_id, enrolling.link)
        return EnrolmentRefused(refusal=Refusal.UNRENDERABLE, sentence=problem) if problem else None

    def _others_of(self, person: str) -> dict[str, Known]:
        return {one.instance_id: one for one in self._others.get(person, [])}

    def _count(self, one: WantedEnrolment) -> None:
        sequence = self._enrolling.sequence
        begun = Known(
            instance_id=one.instance_id,
            lead_id=one.lead.lead_id,
            sequence=sequence.name,
            over=False,
            beside_others=sequence.beside_others,
        )
        facts = self._facts(one).after(self._word(one))
        for person in (one.lead.lead_id, recipient_of(facts.email)):
            self._others.setdefault(person, []).append(begun)

    async def hear(self) -> dict[str, tuple[str, ...]]:
        """Store what is said of them; returns which fields of whom that is enrolled are stored otherwise."""
        heard: list[Heard] = []
        for one in (*self.taken, *self._strangers):
            if one.instance_id in self._existing and not self._enrolling.updates:
                continue
            before, word = self._facts(one), self._word(one)
            heard.append(Heard(word=word, before=before, after=before.after(word)))
            self._known[one.lead.lead_id] = heard[-1].after
        await keep(self._connection, self._workspace, heard)
        return {one.instance_id: await self._hear_again(one) for one in self.taken if one.instance_id in self._existing}

    async def _hear_again(self, one: WantedEnrolment) -> tuple[str, ...]:
        found = self._existing[one.instance_id]
        own = read_variables(found.variables, found.variables_at)
        if self._enrolling.updates:
            newer = own.after(one.lead.variables, self._enrolling.at)
            if newer != own:
                await set_variables(self._connection, one.instance_id, newer)
            await say_earlier(self._connection, one.instance_id, self._enrolling.at)
            own = newer
        facts = self._facts(one)
        return differing(self._word(one), one.lead.variables, facts.lead_with(own))

    async def enroll(self) -> dict[str, StoredInstance]:
        """Store the instances that are new; returns all of them."""
        rows = [await self._row(one) for one in self.taken if one.instance_id not in self._existing]
        begun = await enroll(self._connection, self._workspace, self._enrolling.sequence, rows, self._by)
        return self._existing | {one.instance_id: one for one in begun}

    async def _row(self, one: WantedEnrolment) -> Enrolment:
        sequence, origin, thread_id = self._enrolling.sequence, one.origin, one.instance_id
        if origin is not None:
            ours = await find_thread(self._connection, self._workspace, origin.message_ids)
            thread_id = ours or origin.thread_id(self._workspace)
        enrolled_at, lead = datetime.now(UTC), self._facts(one).lead_with(self._own(one))
        return Enrolment(
            instance_id=one.instance_id,
            lead_id=one.lead.lead_id,
            steps=len(sequence.steps),
            wait_seconds=(after(enrolled_at, sequence.steps[0].wait, lead.zone) - enrolled_at).total_seconds(),
            thread_id=thread_id,
            origin=origin.model_dump(mode="json") if origin else None,
            variables=one.lead.variables or None,
            said_at=self._enrolling.at,
        )

    async def heed(self, enrolled: dict[str, StoredInstance]) -> dict[str, Reason]:
        """End what is older than a stop that outran it; returns what else a stop is found to end."""
        stops = await find_stops(self._connection, self._workspace, self._lead_ids, self._recipients)
        for one in (*self.taken, *self._strangers):
            given = (one.lead.email, self._facts(one).email)
            own = [stop for stop in stops if stop.lead_id == one.lead.lead_id]
            await suppress_unsubscribed(self._connection, self._workspace, own, given, self._by)
        for one in self.taken:
            found = enrolled[one.instance_id]
            if found.status in FINAL or (not found.new and not self._enrolling.updates):
                continue
            if stop := self._stop_of(one, stops):
                why = f"{stop.kind} came before its enrolment"
                reason, words = Reason(stop.kind), {"by": self._by, "why": why}
                await stop_instance(self._connection, one.instance_id, reason, **words, cause=Cause.STOPPED)
                enrolled[one.instance_id] = found._replace(status=InstanceStatus.STOPPED)
        ended = await find_reach(self._connection, self._workspace, self._known, stops, self._by)
        for instance_id in ended.keys() & enrolled.keys():
            enrolled[instance_id] = enrolled[instance_id]._replace(status=InstanceStatus.STOPPED)
        return ended

    def _stop_of(self, one: WantedEnrolment, stops: Sequence[RecordedStop]) -> RecordedStop | None:
        recipient, definition = recipient_of(self._facts(one).email), self._enrolling.sequence
        concerned = (stop for stop in stops if stop.lead_id == one.lead.lead_id or recipient in stop.recipients)
        return next((stop for stop in concerned if ends(stop, definition, self._enrolling.at)), None)

    async def suppressed(self) -> dict[str, bool]:
        """Say to which of those that are taken nothing will be sent."""
        covered = {one.instance_id: covering(self._workspace, self._facts(one).email) for one in self.taken}
        entries = sorted({entry for entries in covered.values() for entry in entries})
        listed = {one.address for one in await find_suppressions(self._connection, self._workspace, entries)}
        return {instance_id: bool(listed & set(entries)) for instance_id, entries in covered.items()}


def _by_person(others: Sequence[Other]) -> dict[str, list[Known]]:
    """Sort follow-ups by the lead that has them, and by that lead's address."""
    found: dict[str, list[Known]] = {}
    for one in others:
        for person in (one.lead_id, one.recipient):
            found.setdefault(person, []).append(known_of(one))
    return found


async def confirm_started(engine: AsyncEngine, instance_ids: Sequence[str]) -> None:
    """Keep that Temporal has the workflows of these instances."""
    async with engine.begin() as connection:
        await mark_started(connection, instance_ids)
