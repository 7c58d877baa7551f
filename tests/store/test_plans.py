"""Every query finds its rows by an index, on tables of a million rows, whether or not its plan knows the values."""

import importlib
import inspect
import json
import pkgutil
import re
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

import store
from domain.cause import Cause
from domain.draft import DraftState
from domain.evidence import EvidenceKind
from domain.instance import InstanceStatus, Reason
from domain.lead_facts import NO_VARIABLES, LeadFacts
from domain.lease import Lease
from domain.sequence import StopKind
from domain.task import TaskKind
from store import (
    approvals,
    draft_view,
    drafts,
    durability,
    events,
    evidence,
    facts,
    instances,
    leads,
    ledger,
    limits,
    links,
    listing,
    locks,
    replies,
    schema,
    selection,
    sequences,
    stops,
    suppressions,
    tasks,
)
from store.engine import open_engine
from store.grants import APPLICATION
from tests.roles import as_application
from tests.scene import a_lead, a_sequence
from tests.store import reading_all
from tests.store.million import ONE, lay_down

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TOKEN = uuid.UUID(int=1)
DRAFT = f"{ONE}/1/email"
CLAIM = drafts.Claim(TOKEN, "run", "test", Lease(timedelta(1), timedelta(1)))
PLACE = selection.Place(NOW, ONE)
SEEN = evidence.Seen(EvidenceKind.REPLY, "test", NOW)
STOP = stops.RecordedStop(event_id="new", lead_id="00001", kind=StopKind.CLOSED, occurred_at=NOW)
SLOT = limits.Slot("w", "s", DRAFT, ONE)
MOVEMENT = sequences.Movement("w", "s", "000")
_LISTED = listing.Listed(ONE, "00001", "s", "paused", "none", 1, 3, None, NOW, None)
Call = Callable[[AsyncConnection], Awaitable[object]]


def _locked() -> leads.LockedLead:
    return leads.LockedLead("w", a_lead(), ONE, "{}", ONE, 3, NOW)


def _stored(state: DraftState, token: uuid.UUID | None) -> drafts.StoredDraft:
    return drafts.StoredDraft(DRAFT, "s", "r", b"", state, claim_token=token)


async def _enroll(connection: AsyncConnection) -> None:
    sequence = a_sequence()
    await sequences.save_sequence(connection, "w", sequence)
    await leads.save_leads(connection, "w", [LeadFacts(**a_lead(lead).model_dump()) for lead in ("00001", "new")])
    wanted = [instances.Enrolment(f"w:s:{lead}", lead, 3, 0.0, f"w:s:{lead}") for lead in ("00001", "new")]
    await instances.enroll(connection, "w", sequence, wanted, "test")


async def _new_draft(connection: AsyncConnection) -> None:
    new = drafts.NewDraft("<m@example.test>", "s", "s", b"", "f")
    await drafts.insert_draft(connection, _locked(), 2, new, "test")


async def _move(connection: AsyncConnection) -> None:
    sequence = a_sequence(name="s")
    await sequences.save_sequence(connection, "w", sequence)
    moved = await sequences.lock_upgradable(connection, MOVEMENT, [ONE])
    await sequences.move(connection, moved, sequence, by="test")


_BY: dict[str, Any] = {"by": "test", "why": "test", "cause": Cause.BY_HAND}


async def _record(connection: AsyncConnection) -> None:
    true = await facts.read_facts(connection, _locked(), 1)
    assert true.draft is not None
    await drafts.record_state(connection, true.draft, DraftState.SENT, **_BY)


_GONE = ["00001@gone.test", "new@gone.test"]
# How each query is called; one that is public and not here fails the test below.
CALLS: dict[str, Call] = {
    "facts.read_facts": lambda connection: facts.read_facts(connection, _locked(), 1),
    "durability.read_database_settings": durability.read_database_settings,
    "schema.check_schema": schema.check_schema,
    "schema.check_connection": schema.check_connection,
    "drafts.insert_draft": _new_draft,
    "drafts.claim_draft": lambda connection: drafts.claim_draft(connection, DRAFT, CLAIM),
    "drafts.holds_claim": lambda connection: drafts.holds_claim(connection, DRAFT, CLAIM),
    "drafts.record_state": _record,
    "drafts.stop_pending": lambda connection: drafts.stop_pending(connection, ONE, **_BY),
    "facts.first_sent": lambda connection: facts.first_sent(connection, f"{ONE[:-1]}1"),
    "facts.find_thread": lambda connection: facts.find_thread(connection, "w", [ONE, "<none@example.test>"]),
    "instances.find_others": lambda connection: instances.find_others(
        connection, "w", ["00001", "new"], ["7@example.test", "new@example.test"]
    ),
    "limits.last_sends": lambda connection: limits.last_sends(connection, "w", _locked().recipient, NOW, 5),
    "limits.lock_slots": lambda connection: limits.lock_slots(connection, SLOT),
    "limits.own_slot": lambda connection: limits.own_slot(connection, SLOT),
    "limits.last_taken": lambda connection: limits.last_taken(connection, SLOT, NOW),
    "limits.full_days": lambda connection: limits.full_days(connection, SLOT, NOW, 100),
    "limits.first_free": lambda connection: limits.first_free(connection, SLOT, NOW, timedelta(minutes=3)),
    "limits.keep_slot": lambda connection: limits.keep_slot(connection, SLOT, NOW, taken=False),
    "locks.lock_sender": lambda connection: locks.lock_sender(connection, "w", "s"),
    "instances.set_status": lambda connection: instances.set_status(
        connection, ONE, InstanceStatus.ACTIVE, Reason.NONE, **_BY
    ),
    "instances.set_current_step": lambda connection: instances.set_current_step(connection, ONE, 2, NOW, "test"),
    "facts.lock_step": lambda connection: facts.lock_step(connection, ONE, 1),
    "sequences.save_sequence": _enroll,
    "sequences.find_versions": lambda connection: sequences.find_versions(connection, "w", "s", "001"),
    "sequences.count_running": lambda connection: sequences.count_running(connection, "w", "s", "001"),
    "sequences.read_upgradable": lambda connection: sequences.read_upgradable(
        connection, MOVEMENT, selection.START, PLACE, 100
    ),
    "sequences.read_upgradable from a version": lambda connection: sequences.read_upgradable(
        connection, MOVEMENT._replace(from_="001"), PLACE, selection.END, 100
    ),
    "sequences.lock_upgradable": lambda connection: sequences.lock_upgradable(connection, MOVEMENT, [ONE, "w:s:none"]),
    "sequences.move": _move,
    "instances.enroll": _enroll,
    "instances.find_enrolled": lambda connection: instances.find_enrolled(connection, [ONE, "w:s:none"]),
    "instances.mark_started": lambda connection: instances.mark_started(connection, [ONE, "w:s:none"]),
    "listing.list_instances": lambda connection: listing.list_instances(connection, "w"),
    "listing.list_instances of a status": lambda connection: listing.list_instances(
        connection, "w", InstanceStatus.PAUSED
    ),
    "listing.list_instances of a later page": lambda connection: listing.list_instances(
        connection, "w", InstanceStatus.PAUSED, 500, "s", _LISTED
    ),
    "listing.find_end": lambda connection: listing.find_end(connection, ONE),
    "instances.find_instances": lambda connection: instances.find_instances(connection, [ONE, "w:s:none"]),
    "instances.find_stopped": lambda connection: instances.find_stopped(connection, [ONE, "w:s:none"]),
    "listing.find_by_prefix": lambda connection: listing.find_by_prefix(connection, ONE[:-2]),
    "selection.read_running": lambda connection: selection.read_running(
        connection, selection.Selection("w"), PLACE, PLACE, 500
    ),
    "selection.read_running of a sequence": lambda connection: selection.read_running(
        connection, selection.Selection("w", "s"), selection.START, PLACE, 500
    ),
    "selection.read_running of a lead": lambda connection: selection.read_running(
        connection, selection.Selection("w", None, "00001"), selection.START, selection.END, 500
    ),
    "replies.find_conversation": lambda connection: replies.find_conversation(connection, ONE),
    "replies.find_said": lambda connection: replies.find_said(connection, ONE),
    "replies.find_subject": lambda connection: replies.find_subject(connection, f"{ONE[:-1]}1"),
    "replies.find_uncertain": lambda connection: replies.find_uncertain(connection, ONE),
    "replies.find_answered": lambda connection: replies.find_answered(connection, "w", "00001"),
    "leads.lock_lead": lambda connection: leads.lock_lead(connection, ONE),
    "leads.save_leads": _enroll,
    "leads.lock_person": lambda connection: leads.lock_person(connection, "w", "00001", "7@example.test"),
    "leads.lock_lead_rows": lambda connection: leads.lock_lead_rows(connection, "w", ["00001", "new"]),
    "leads.read_lead_facts": lambda connection: leads.read_lead_facts(connection, "w", ["00001", "new"]),
    "leads.keep_addresses": lambda connection: leads.keep_addresses(connection, "w", "00001", [(NOW, "a@old.test")]),
    "leads.list_former": lambda connection: leads.list_former(connection, "w", ["00001", "new"]),
    "leads.read_addresses": lambda connection: leads.read_addresses(connection, "w", "00001"),
    "instances.was_enrolled": lambda connection: instances.was_enrolled(connection, "w", "00001"),
    "instances.say_earlier": lambda connection: instances.say_earlier(connection, ONE, NOW),
    "instances.set_variables": lambda connection: instances.set_variables(connection, ONE, NO_VARIABLES),
    "suppressions.suppress": lambda connection: suppressions.suppress(connection, "w", _GONE, "test", "test"),
    "suppressions.suppress what was known before": lambda connection: suppressions.suppress(
        connection, "w", _GONE, "test", "test", known_at=NOW
    ),
    "suppressions.lift": lambda connection: suppressions.lift(connection, "w", _GONE, "test", "test"),
    "suppressions.find_suppressions": lambda connection: suppressions.find_suppressions(connection, "w", _GONE),
    "suppressions.list_suppressions": lambda connection: suppressions.list_suppressions(
        connection, "w", prefix="0", after="00001", limit=100
    ),
    "evidence.mark_settling": lambda connection: evidence.mark_settling(connection, DRAFT, "s"),
    "evidence.has_settled": lambda connection: evidence.has_settled(connection, DRAFT, "s"),
    "evidence.add_evidence": lambda connection: evidence.add_evidence(connection, "w", DRAFT, SEEN, "test"),
    "evidence.find_evidence": lambda connection: evidence.find_evidence(connection, DRAFT),
    "evidence.find_named": lambda connection: evidence.find_named(connection, "w", ["0" * 40, "1" * 40]),
    "evidence.find_written_to": lambda connection: evidence.find_written_to(connection, "w", ["a@x.test"], NOW),
    "evidence.list_unknown": lambda connection: evidence.list_unknown(connection, "w", ONE, 500),
    "links.read_link_key": links.read_link_key,
    "links.find_by_hash": lambda connection: links.find_by_hash(connection, "w", "0" * 40),
    "events.find_event": lambda connection: events.find_event(connection, "w", "event-00001"),
    "events.save_event": lambda connection: events.save_event(connection, "w", "new", "lead.closed", {}),
    "events.mark_told": lambda connection: events.mark_told(connection, "w", "event-00001"),
    "locks.lock_leads": lambda connection: locks.lock_leads(connection, "w", ["00001", "new"]),
    "locks.lock_recipients": lambda connection: locks.lock_recipients(connection, "w", ["7@example.test"]),
    "locks.lock_domains": lambda connection: locks.lock_domains(connection, "w", ["example.test"]),
    "locks.lock_event": lambda connection: locks.lock_event(connection, "w", "new"),
    "stops.record_stop": lambda connection: stops.record_stop(connection, "w", STOP),
    "stops.let_reach": lambda connection: stops.let_reach(connection, "w", STOP),
    "stops.find_stops": lambda connection: stops.find_stops(connection, "w", ["00001", "new"], ["7@example.test"]),
    "stops.find_running": lambda connection: stops.find_running(connection, "w", "00001", ["7@example.test"]),
    "tasks.was_decided": lambda connection: tasks.was_decided(connection, ONE, 1, TaskKind.SHARED_RECIPIENT),
    "ledger.read_ledger": lambda connection: ledger.read_ledger(connection, ONE),
    "ledger.was_noted": lambda connection: ledger.was_noted(connection, ONE, 1, "x", NOW),
    "ledger.last_change": lambda connection: ledger.last_change(connection, ONE),
    "draft_view.read_drafts": lambda connection: draft_view.read_drafts(connection, ONE),
    "ledger.add_note": lambda connection: ledger.add_note(connection, ONE, 1, "x", by="test", why="test"),
    "tasks.open_task": lambda connection: tasks.open_task(connection, ONE, 1, TaskKind.SETTLE_OUTCOME, **_BY),
    "tasks.close_waiting": lambda connection: tasks.close_waiting(connection, ONE, **_BY),
    "tasks.close_alarms": lambda connection: tasks.close_alarms(connection, ONE, by="test", why="test"),
    "tasks.read_open": lambda connection: tasks.read_open(connection, "w"),
    "tasks.read_open of a kind": lambda connection: tasks.read_open(connection, "w", None, TaskKind.ALARM),
    "tasks.read_open_of": lambda connection: tasks.read_open_of(connection, ONE),
    "approvals.rewrite_draft": lambda connection: approvals.rewrite_draft(
        connection, DRAFT, "f", approvals.Rewritten("s", b"", "f")
    ),
    "tasks.close_tasks": lambda connection: tasks.close_tasks(connection, ONE, 1, **_BY),
}
CALLS |= reading_all.CALLS
# Generic plans that PostgreSQL makes without the values can't use an index whose use depends on a value.
_NEEDS_ITS_VALUE = {"listing.find_by_prefix"}


def _queries() -> Iterator[str]:
    for module in pkgutil.iter_modules(store.__path__):
        for name, function in inspect.getmembers(importlib.import_module(f"store.{module.name}")):
            if inspect.iscoroutinefunction(function) and not name.startswith("_"):
                first = next(iter(inspect.signature(function).parameters.values()), None)
                if function.__module__ == f"store.{module.name}" and first and first.annotation is AsyncConnection:
                    yield f"{module.name}.{name}"


def test_every_query_has_its_plan_tested() -> None:
    assert {name.split(" ")[0] for name in CALLS} == set(_queries())


@pytest.fixture(scope="module")
async def million(module_url: str) -> AsyncIterator[AsyncEngine]:
    """The application's engine on the file's database, after a million rows were laid down."""
    owner = open_engine(module_url)
    await lay_down(owner)
    await owner.dispose()
    engine = open_engine(as_application(module_url))
    yield engine
    await engine.dispose()


@pytest.fixture
async def on_million(million: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A transaction of which nothing stays."""
    async with million.connect() as opened:
        yield opened
        await opened.rollback()


async def _statements(connection: AsyncConnection, call: Call) -> list[tuple[str, Any]]:
    """The statements a call sends, with their parameters."""
    sent: list[tuple[str, Any]] = []

    def take(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        each = parameters if isinstance(parameters, list) else [parameters]
        sent.extend((statement, one) for one in each)

    event.listen(connection.sync_connection, "before_cursor_execute", take)
    await call(connection)
    event.remove(connection.sync_connection, "before_cursor_execute", take)
    return sent


# they read what an index scan below them found, or rows of their own
_READ_NO_TABLE = {"Bitmap Heap Scan", "CTE Scan", "Values Scan", "Function Scan", "Subquery Scan"}


# tables of one row, for ever: there is no quicker way to read them
_OF_ONE_ROW = {"link_keys", "alembic_version", "compatibility"}


def _scans(plan: dict[str, Any]) -> Iterator[str]:
    if plan.get("Relation Name") in _OF_ONE_ROW:
        return
    # an index without a condition that leads into it is read from end to end as well
    by_index = "Index" in plan["Node Type"] and "Index Cond" in plan
    if plan["Node Type"].endswith("Scan") and not by_index and plan["Node Type"] not in _READ_NO_TABLE:
        yield f"{plan['Node Type']} on {plan.get('Relation Name')}"
    for part in plan.get("Plans", []):
        yield from _scans(part)


async def _scanned(connection: AsyncConnection, explain: str, parameters: Any = None) -> list[str]:
    plan = (await connection.exec_driver_sql(explain, parameters)).scalar_one()
    return list(_scans((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]))


@pytest.mark.parametrize("name", [name for name in CALLS if name not in reading_all.BY_NATURE])
async def test_no_query_reads_a_table_from_end_to_end(on_million: AsyncConnection, name: str) -> None:
    statements = await _statements(on_million, CALLS[name])
    assert statements
    for statement, parameters in statements:
        assert await _scanned(on_million, f"EXPLAIN (FORMAT JSON) {statement}", parameters) == [], statement


@pytest.mark.parametrize("name", sorted(CALLS.keys() - _NEEDS_ITS_VALUE - reading_all.BY_NATURE))
async def test_no_prepared_plan_reads_a_table_from_end_to_end(on_million: AsyncConnection, name: str) -> None:
    """A connection that prepares a statement may keep one plan for all values; one that needs them would be slow."""
    for statement, _ in await _statements(on_million, CALLS[name]):
        numbered = _numbered(statement)
        assert await _scanned(on_million, f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {numbered}") == [], statement


def _numbered(statement: str) -> str:
    """The statement with `$1` for `%(name)s`, as the server sees it."""
    names: dict[str, int] = {}
    return re.sub(r"%\((\w+)\)s", lambda found: f"${names.setdefault(found[1], len(names) + 1)}", statement)


async def test_the_application_is_granted_what_its_statements_do_and_no_more(on_million: AsyncConnection) -> None:
    done: set[tuple[str, str]] = set()
    for call in CALLS.values():
        async with on_million.begin_nested() as undone:
            for statement, _ in await _statements(on_million, call):
                done |= set(_writes(statement))
            await undone.rollback()
    granted = {(table, one) for table, privileges in APPLICATION.items() for one in re.findall(r"[A-Z]+", privileges)}
    assert done == {(table, one) for table, one in granted if one != "SELECT"}


def _writes(statement: str) -> Iterator[tuple[str, str]]:
    for table in re.findall(r"\bINSERT INTO (\w+)", statement):
        yield table, "INSERT"
        if "DO UPDATE SET" in statement:
            yield table, "UPDATE"
    for table in re.findall(r"\bUPDATE (\w+) SET", statement):
        yield table, "UPDATE"
    for table in re.findall(r"\bDELETE FROM (\w+)", statement):
        yield table, "DELETE"


async def test_a_plan_that_reads_a_table_from_end_to_end_is_seen(on_million: AsyncConnection) -> None:
    explain = "EXPLAIN (FORMAT JSON) SELECT * FROM drafts WHERE code = 'x'"
    await on_million.exec_driver_sql("SET LOCAL max_parallel_workers_per_gather = 0")
    assert await _scanned(on_million, explain) == ["Seq Scan on drafts"]
