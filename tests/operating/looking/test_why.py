"""`followup why` and `followup stats`: an answer for every step, whatever its state, and counts that add up."""

import json
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from sqlalchemy import text

from domain.draft import DraftState
from domain.instance import InstanceStatus, Reason
from operating.looking.reasons import BECAUSE
from operating.looking.why import StepQuestion, why
from store.counting import DECIDED_BY_DRAFT, UNDECIDED, StepKind
from store.draft_view import ShownDraft
from store.ledger import Entry
from store.listing import Listed
from tests.command import Command
from tests.counted import assert_counted
from tests.roles import without_guards
from tests.scene import Scene, a_lead, a_sequence
from tests.store.enrolled import WORKSPACE, enroll_leads, put_draft

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
BEFORE, LATER = NOW - timedelta(hours=1), NOW + timedelta(hours=1)
SENT_WORDS = {DraftState.SENT: "was sent at", DraftState.DONE: "was done by a person"}
OPEN_WORDS = {DraftState.SENDING: "is being sent", DraftState.UNKNOWN: "may have been sent"}
SUM = "1 follow-ups, 1 steps = 0 sent + 1 pending + 0 held + 0 skipped + 0 refused + 0 stopped + 0 unknown"


def asked(
    state: DraftState | None, status: InstanceStatus, reason: Reason, step: int = 2, at_step: int = 2
) -> StepQuestion:
    """A step as it was asked about, told by whole sentences in the ledger."""
    at = Listed("w:s:lead-1", "lead-1", "s", status, reason, at_step, 3, LATER, BEFORE, BEFORE)
    draft = None
    ledger = [Entry(BEFORE, at_step, "instance", None, status, "worker-1", "told of it", "advanced")]
    if state is not None:
        draft = ShownDraft(
            step,
            state,
            1,
            "Hi",
            "x@y.test",
            "<m@y.test>",
            "smtp-1",
            "",
            BEFORE,
            LATER,
            BEFORE,
            "worker-2",
            "it took it",
        )
        ledger.append(Entry(BEFORE, step, "draft", "pending", state, "ada", "she said so", "said_sent"))
    return StepQuestion(at, step, draft, ledger, NOW)


def test_every_state_status_and_reason_has_an_answer_in_whole_sentences() -> None:
    for state, status, reason in product([None, *DraftState], InstanceStatus, Reason):
        answer = why(asked(state, status, reason))
        assert answer.startswith("Step 2 "), (state, status, reason)
        assert answer.endswith("."), answer
        assert "\n" not in answer
        assert "None" not in answer, answer


@pytest.mark.parametrize("state", DraftState)
def test_only_what_went_out_is_said_to_have_been_sent(state: DraftState) -> None:
    for status in InstanceStatus:
        answer = why(asked(state, status, Reason.OPERATOR))
        expected = SENT_WORDS.get(state) or OPEN_WORDS.get(state) or "was not sent"
        assert expected in answer, answer


def test_every_reason_has_words_of_its_own() -> None:
    assert set(BECAUSE) == set(Reason)
    assert len(set(BECAUSE.values())) == len(BECAUSE)


@pytest.mark.parametrize("reason", sorted(set(Reason) - {Reason.NONE}))
@pytest.mark.parametrize("status", sorted({*InstanceStatus} - {InstanceStatus.ACTIVE, InstanceStatus.COMPLETED}))
def test_what_waits_or_was_stopped_says_its_reason_and_since_when_by_whom(
    status: InstanceStatus, reason: Reason
) -> None:
    answer = why(asked(None, status, reason))
    assert f"because {BECAUSE[reason]}" in answer
    assert "at 2026-01-01 11:00:00 UTC by worker-1 (told of it)" in answer


def test_a_held_step_says_until_when() -> None:
    answer = why(asked(DraftState.PENDING, InstanceStatus.HELD, Reason.OUTSIDE_WINDOW))
    assert "it is held until 2026-01-01 13:00:00 UTC" in answer


def test_a_step_to_come_says_what_it_comes_after_and_why_that_waits() -> None:
    answer = why(asked(None, InstanceStatus.PAUSED, Reason.EXPIRED, step=3))
    assert answer.startswith("Step 3 was not sent yet: it comes after step 2. Step 2 was not sent yet: ")
    assert BECAUSE[Reason.EXPIRED] in answer


def test_a_step_that_was_skipped_without_a_draft_says_by_whom_and_one_nobody_knows_of_says_that() -> None:
    behind = asked(None, InstanceStatus.COMPLETED, Reason.NONE, step=1, at_step=3)
    assert "counts it as unaccounted" in why(behind)
    skipped = Entry(BEFORE, 1, "instance", "paused", "active", "ada", "she left it out", "skipped")
    assert "was skipped at 2026-01-01 11:00:00 UTC by ada" in why(behind._replace(ledger=[skipped]))


def test_a_settled_outcome_and_an_operators_words_are_told() -> None:
    one = asked(DraftState.SENT, InstanceStatus.ACTIVE, Reason.NONE)
    ledger = [
        Entry(BEFORE, 2, "note", None, "resume sent", "ada", "found it\x1b[2J", None),
        Entry(BEFORE, 2, "draft", "unknown", "sent", "ada", "ada says sent", "said_sent"),
    ]
    answer = why(one._replace(ledger=ledger))
    assert "counts as sent: its outcome was unknown, and was settled at" in answer
    assert r"ada said resume sent: found it\x1b[2J." in answer


def test_what_a_step_counts_as_is_decided_for_every_state_of_a_draft() -> None:
    assert {*DECIDED_BY_DRAFT, *UNDECIDED} == set(DraftState)
    assert set(DECIDED_BY_DRAFT.values()) | {StepKind.PENDING, StepKind.HELD, StepKind.UNACCOUNTED} == set(StepKind)


async def every_kind(scene: Scene) -> None:
    """Follow-ups of the workspace `w` in every status, with a draft in every state; done steps are tasks'."""
    async with scene.engine.begin() as connection:
        leads = [a_lead(f"{status}-{state}") for status in InstanceStatus for state in ("none", *DraftState)]
        ids = await enroll_leads(connection, leads)
        await enroll_leads(connection, [a_lead("other")], a_sequence(name="other"))
        for one, (status, state) in zip(ids, product(InstanceStatus, ("none", *DraftState)), strict=True):
            await without_guards(connection)
            sql = "UPDATE instances SET status = :status, step = 2, reason = 'operator' WHERE id = :id"
            await connection.execute(text(sql), {"status": str(status), "id": one})
            if state != "none":
                await put_draft(connection, one, 2, id=f"{one}/2", state=str(state))


async def test_the_counts_add_up_by_sequence_and_step_whatever_the_states(scene: Scene, followup: Command) -> None:
    await every_kind(scene)
    ran = await followup("stats", "--json", FOLLOWUP_WORKSPACE=WORKSPACE)
    counts = json.loads(ran.out)
    statuses, states = len(InstanceStatus), len(DraftState) + 1
    assert (counts["instances"], counts["steps"]) == (statuses * states + 1, 3 * (statuses * states + 1))
    assert sum(counts[kind] for kind in StepKind) == counts["steps"]
    second = next(one for one in counts["by_step"] if (one["sequence"], one["step"]) == ("no-reply", 2))
    # of each state as many as there are statuses; those without a draft, pending or to be approved go by their status
    assert {kind: second[kind] for kind in ("sent", "refused", "unknown")} == {
        "sent": 2 * statuses, "refused": statuses, "unknown": statuses
    }  # fmt: skip
    # 3 undecided states, by status: active, three that hold, completed, stopped
    assert (second["stopped"], second["skipped"]) == (statuses + 3, 2 * statuses)
    assert (second["held"], second["pending"], second["unaccounted"]) == (3 * 3 + 1, 2 + statuses, 3)
    # step 1 is behind them all and nothing says what became of it: that is said, and is no success
    assert (ran.code, counts["adds_up"]) == (1, False)


async def test_the_table_shows_the_counts_and_says_that_they_add_up(scene: Scene, followup: Command) -> None:
    await scene.enroll(a_sequence(LATER - NOW), a_lead())
    await scene.enroll(a_sequence(LATER - NOW, name="other"), a_lead())
    ran = await followup("stats", "--sequence", "no-reply")
    assert (ran.code, ran.said) == (0, "")
    assert [line.split() for line in ran.out.splitlines()] == [
        ["SEQUENCE", "STEP", "STEPS", "SENT", "PENDING", "HELD", "SKIPPED", "REFUSED", "STOPPED", "UNKNOWN"],
        ["no-reply", "1", "1", "0", "1", "0", "0", "0", "0", "0"],
        [],
        SUM.split(),
        ["the", "counts", "match"],
    ]
    counts = json.loads((await followup("stats", "--json")).out)
    assert {kind: counts[kind] for kind in StepKind if counts[kind]} == dict(await assert_counted(scene))
    why_ = await followup("why", scene.instance())
    assert (why_.code, why_.out.startswith("Step 1 was not sent yet: it falls due at ")) == (0, True)
    assert json.loads((await followup("why", scene.instance(), "--json")).out)["why"] == why_.out.rstrip()
    beyond = await followup("why", scene.instance(), "--step", "4")
    assert (beyond.code, "has steps 1 to 1, not 4" in beyond.said) == (1, True)
