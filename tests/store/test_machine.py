"""The draft's states, driven by everything that may happen to a step, in any order and at once.

Hypothesis plays claims, crossings of the point of no return, answers (right, stale, late, twice), settlements of the
claim's own run and of others, decisions, pauses and the passing of time against a model of I1, I2, I3 and I8, on a real
PostgreSQL. A run of the suite plays the same games every time; to explore:

    HYPOTHESIS_EXAMPLES=2000 .venv/bin/python -m pytest tests/store/test_machine.py
"""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.headerregistry import Address
from itertools import count
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.command import Decision
from domain.draft import DraftState
from domain.instance import InstanceStatus, Reason
from domain.lease import Lease
from domain.outcome import Fault, NotSent, Outcome, Refused, Sent, Unknown
from domain.permission import would_send_again
from domain.step import DecisionRefused, DeliverStep, Held, PauseFollowUp, RecordOutcome, SettleStep
from store.drafts import Claim, StoredDraft, holds_claim
from store.engine import open_engine
from tests.store.enrolled import enroll_one
from tests.store.keeping import Kept, look
from transactions.claim import claim_step
from transactions.record import record
from transactions.sending_policy import SendingPolicy
from transactions.settle import pause_for, settle

_T = TypeVar("_T")
SENDER = Address("Ada Lovelace", addr_spec="ada@example.test")
STEPS = st.sampled_from([1, 2])
RUNS = st.sampled_from(["run-a", "run-b"])
DECISIONS = st.sampled_from(list(Decision))
# a stop ends the game, so it has a rule of its own, which comes late
GOING_ON = st.sampled_from([decision for decision in Decision if decision is not Decision.STOP])
REFUSALS = st.sampled_from([Refused(code="5xx", fault=fault) for fault in Fault])
BEFORE_THE_GATE: st.SearchStrategy[Outcome] = st.just(NotSent(code="connect")) | st.just(NotSent(code="421")) | REFUSALS
BEHIND_IT: st.SearchStrategy[Outcome] = st.just(Sent(code="250")) | st.just(Unknown(code="eof")) | REFUSALS
_EXPLORED = os.environ.get("HYPOTHESIS_EXAMPLES")
PLAYED = settings(
    max_examples=int(_EXPLORED or 60),
    stateful_step_count=30,
    derandomize=_EXPLORED is None,
    deadline=None,  # a shared machine's speed is no claim of ours
    database=None,
    phases=(Phase.generate, Phase.shrink),  # to explain a failure takes longer than to read it
    suppress_health_check=list(HealthCheck),
)
_names = count(1)


@dataclass
class Played:
    """A claim that was granted, and the process that holds it. Its clock moves only when the game moves it."""

    step: int
    generation: int
    claim: Claim
    age: str = "fresh"  # then "stale": a settlement may touch it; then "overdue": it may not act any more
    crossed: bool = False
    answer: Outcome | None = None

    @property
    def token(self) -> str:
        return str(self.claim.token)


@dataclass
class Game:
    """One instance and all that was ever done to it."""

    engine: AsyncEngine
    instance: str
    claims: list[Played] = field(default_factory=list)
    seen: Kept | None = None  # since when nothing was done

    @asynccontextmanager
    async def doing(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that may change something."""
        self.seen = None
        async with self.engine.begin() as connection:
            yield connection

    async def claim(self, step: int, run: str) -> object:
        """Try to claim a step's draft; the clock of a claim that is granted stands still."""
        claim = Claim(uuid.uuid4(), run, f"worker-{run}", Lease(timedelta(minutes=1), timedelta(minutes=10)))
        call = DeliverStep(instance_id=self.instance, step=step, due_at=datetime.now(UTC))
        async with self.doing() as connection:
            result = await claim_step(connection, call, claim, SendingPolicy(SENDER))
            if isinstance(result, StoredDraft):
                await connection.execute(
                    text("UPDATE drafts SET claimed_at = :far, overdue_at = :far WHERE claim_token = :token"),
                    {"far": datetime(2100, 1, 1, tzinfo=UTC), "token": claim.token},
                )
        if isinstance(result, StoredDraft):
            self.claims.append(Played(step, result.generation, claim))
        return result

    async def grow(self, played: Played, age: str) -> None:
        """Let time pass for a claim."""
        played.age = age
        overdue = "now() - interval '1 second'" if age == "overdue" else "overdue_at"
        sql = f"UPDATE drafts SET claimed_at = now() - interval '1 hour', overdue_at = {overdue}"  # noqa: S608  # ours
        async with self.doing() as connection:
            still = "WHERE claim_token = :token AND state IN ('sending', 'unknown')"
            await connection.execute(text(f"{sql} {still}"), {"token": played.claim.token})

    async def cross(self, played: Played) -> bool:
        """Ask what the gate asks, and cross the point of no return if it lets through."""
        async with self.engine.connect() as connection:
            if not await holds_claim(connection, f"{self.instance}/{played.step}/email", played.claim):
                return False
        played.crossed = True
        return True

    async def record(self, step: int, token: str, outcome: Outcome) -> object:
        """Record an answer."""
        call = RecordOutcome(instance_id=self.instance, step=step, token=token, outcome=outcome)
        async with self.doing() as connection:
            return await record(connection, call, "worker")

    async def settle(self, step: int, run: str, decision: Decision | None) -> object:
        """Look what became of a step, or decide it."""
        call = SettleStep(instance_id=self.instance, step=step, decision=decision, by="grace" if decision else "")
        async with self.doing() as connection:
            return await settle(connection, call, run, "worker")

    async def pause(self, step: int) -> object:
        """Pause as an operator does."""
        call = PauseFollowUp(instance_id=self.instance, step=step, reason=Reason.OPERATOR, by="grace")
        async with self.doing() as connection:
            return await pause_for(connection, call)

    async def look(self) -> Kept:
        """Read what is true now; once, until something is done."""
        if self.seen is None:
            async with self.engine.connect() as connection:
                self.seen = await look(connection, self.instance)
        return self.seen

    def check_calls(self) -> None:
        """I2: of each generation at most one claim was granted, and so at most one call crossed."""
        granted = [(played.step, played.generation) for played in self.claims]
        assert len(granted) == len(set(granted)), granted


async def new_game(engine: AsyncEngine) -> Game:
    """A lead of its own, freshly enrolled."""
    return Game(engine, await enroll_one(engine, f"lead-{next(_names)}"))


class Machine(RuleBasedStateMachine):
    """One thing at a time, each checked against what was true before it."""

    runner: asyncio.Runner
    engine: AsyncEngine

    def __init__(self) -> None:
        super().__init__()
        self.game = self.do(new_game(self.engine))
        self.before = self.do(self.game.look())

    def do(self, work: Coroutine[Any, Any, _T]) -> _T:
        return self.runner.run(work)

    @rule(step=STEPS, run=RUNS)
    def claim(self, step: int, run: str) -> None:
        self.claim_it(step, run)

    def claim_it(self, step: int, run: str) -> None:
        granted = isinstance(self.do(self.game.claim(step, run)), StoredDraft)
        busy = {"sending", "unknown"} & {draft.state for draft in self.before.drafts.values()}
        free = self.before.state(step) in (None, "pending") and not busy
        open_to_all = self.before.instance.status in ("active", "held")
        current = self.before.instance.step
        in_turn = step == current or (step < current and self.before.state(step) is not None)
        assert granted == (free and open_to_all and in_turn), "granted exactly when nothing forbids it"

    @rule(run=RUNS, outcome=BEHIND_IT)
    def deliver_what_is_next(self, run: str, outcome: Outcome) -> None:
        """A whole delivery: games of single movements seldom come this far."""
        self.claim_it(step := self.before.instance.step, run)
        self.everything_is_kept()
        if self.before.state(step) == "sending" and (mine := self._holder(step)).age == "fresh":
            mine.crossed, mine.answer = True, mine.answer or outcome
            self._record(step, mine.token, mine.answer)

    @rule(run=RUNS)
    def lose_the_worker_of_what_is_next(self, run: str) -> None:
        self.claim_it(step := self.before.instance.step, run)
        self.everything_is_kept()
        if self.before.state(step) == "sending":
            self.do(self.game.grow(self._holder(step), "stale"))
            self.look_at(step, "another run")
            self.look_at(step, self._holder(step).claim.run)

    @precondition(lambda self: self.unknown)
    @rule(run=RUNS, decision=GOING_ON)
    def decide_what_is_unknown(self, run: str, decision: Decision) -> None:
        self.decide_it(self.unknown[0], run, decision)

    @precondition(lambda self: self.unknown)
    @rule(run=RUNS, age=st.sampled_from(["as it is", "overdue"]))
    def say_of_what_is_unknown_that_it_was_not_sent(self, run: str, age: str) -> None:
        """The one decision after which it is sent again: too early, or when the claim can't act any more."""
        if age == "overdue":
            self.do(self.game.grow(self._holder(self.unknown[0]), age))
        self.decide_it(self.unknown[0], run, Decision.NOT_SENT)

    @property
    def unknown(self) -> list[int]:
        return [step for step, draft in self.before.drafts.items() if draft.state == "unknown"]

    @precondition(lambda self: self.game.claims)
    @rule(data=st.data())
    def cross(self, data: st.DataObject) -> None:
        played = data.draw(st.sampled_from(self.game.claims))
        if played.crossed or played.answer is not None:
            return
        holder = self.before.drafts[played.step]
        if self.do(self.game.cross(played)):
            assert (holder.state, holder.claim_token) == ("sending", played.claim.token), (
                "I2: crossed without its claim"
            )

    @precondition(lambda self: self.game.claims)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        """A claim is answered: in time or late, once or again because the commit was in doubt."""
        played = data.draw(st.sampled_from(self.game.claims))
        if played.answer is None:
            played.answer = data.draw(BEHIND_IT if played.crossed else BEFORE_THE_GATE)
        self._record(played.step, played.token, played.answer)

    @rule(step=STEPS, outcome=BEFORE_THE_GATE | BEHIND_IT)
    def answer_with_a_token_nobody_holds(self, step: int, outcome: Outcome) -> None:
        self._record(step, str(uuid.uuid4()), outcome)

    def _record(self, step: int, token: str, outcome: Outcome) -> None:
        draft = self.before.drafts.get(step)
        self.do(self.game.record(step, token, outcome))
        after = self.do(self.game.look())
        if draft is None or str(draft.claim_token) != token or draft.state not in ("sending", "unknown"):
            assert (after.drafts, after.tasks) == (self.before.drafts, self.before.tasks)
            open_draft = draft and (DraftState(draft.state), draft.generation)
            if would_send_again(InstanceStatus(self.before.instance.status), open_draft, outcome, claimed=1):
                assert (after.instance.status, after.instance.reason) == ("paused", "store_is_behind")
            else:
                assert after.instance == self.before.instance
            return
        free = isinstance(outcome, NotSent) or (isinstance(outcome, Refused) and outcome.fault is Fault.CONFIGURATION)
        released = "stopped" if after.instance.status == "stopped" else "pending"
        assert after.state(step) == (released if free else outcome.kind)

    @precondition(lambda self: self.game.claims)
    @rule(data=st.data(), age=st.sampled_from(["stale", "overdue"]))
    def time_passes(self, data: st.DataObject, age: str) -> None:
        played = data.draw(st.sampled_from(self.game.claims))
        if played.age != "overdue":
            self.do(self.game.grow(played, age))

    @rule(step=STEPS, run=RUNS)
    def look_what_became_of_it(self, step: int, run: str) -> None:
        if step <= self.before.instance.step:  # further than the store is a workflow only beside one that was restored
            self.look_at(step, run)

    def look_at(self, step: int, run: str) -> None:
        result = self.do(self.game.settle(step, run, None))
        after = self.do(self.game.look())
        if self.before.state(step) != "sending":
            assert after.drafts == self.before.drafts, "without a word nothing moves on"
            return
        assert after.state(step) == ("sending" if isinstance(result, Held) else "unknown")
        assert isinstance(result, Held) != self._given_up(step, run)

    @precondition(lambda self: self.before.instance.status == "paused")
    @rule(run=RUNS)
    def resume(self, run: str) -> None:
        """Most games would end in a pause, were it not for operators."""
        self.decide_it(self.before.instance.step, run, Decision.RESUME)

    @precondition(lambda self: len(self.game.claims) > 2)
    @rule(step=STEPS, run=RUNS)
    def stop(self, step: int, run: str) -> None:
        self.decide_it(step, run, Decision.STOP)

    @rule(step=STEPS, run=RUNS, decision=GOING_ON)
    def decide(self, step: int, run: str, decision: Decision) -> None:
        self.decide_it(step, run, decision)

    def decide_it(self, step: int, run: str, decision: Decision) -> None:
        result = self.do(self.game.settle(step, run, decision))
        after = self.do(self.game.look())
        if isinstance(result, DecisionRefused):
            assert (after.drafts, after.instance, after.ledger) == (
                self.before.drafts,
                self.before.instance,
                self.before.ledger,
            )
        if self.before.state(step) == "unknown" and decision is Decision.NOT_SENT:
            assert isinstance(result, DecisionRefused) != (self._holder(step).age == "overdue")
        elif self.before.state(step) == "unknown":
            assert after.state(step) == ("skipped" if decision in (Decision.SKIP, Decision.STOP) else "sent")

    @precondition(lambda self: self.game.claims)
    @rule(step=STEPS)
    def pause(self, step: int) -> None:
        self.do(self.game.pause(step))
        after = self.do(self.game.look())
        assert after.drafts == self.before.drafts
        assert after.instance.status in ("paused", "stopped", "completed")

    def _holder(self, step: int) -> Played:
        token = self.before.drafts[step].claim_token
        return next(played for played in self.game.claims if played.claim.token == token)

    def _given_up(self, step: int, run: str) -> bool:
        holder = self._holder(step)
        return holder.age == "overdue" or (holder.age == "stale" and holder.claim.run == run)

    @invariant()
    def everything_is_kept(self) -> None:
        self.game.check_calls()
        after = self.do(self.game.look())
        after.check()
        for step, draft in self.before.drafts.items():
            assert after.drafts[step].content == draft.content
            if draft.state in ("sent", "refused", "skipped", "stopped"):
                assert after.drafts[step] == draft, "what is final stays"
        self.before = after


@contextmanager
def _loop(application_url: str) -> Iterator[tuple[asyncio.Runner, AsyncEngine]]:
    """An event loop for rules, which are no coroutines, and an engine that lives in it."""
    with asyncio.Runner() as runner:
        engine = open_engine(application_url)
        try:
            yield runner, engine
        finally:
            runner.run(engine.dispose())


def test_i1_i2_i3_i8_whatever_happens_in_whatever_order(application_url: str) -> None:
    with _loop(application_url) as (Machine.runner, Machine.engine):
        run_state_machine_as_test(Machine, settings=PLAYED)


# One worker's whole delivery, a look, a decision, or a pause: what may go on at once.
DOINGS = st.one_of(
    st.tuples(st.just("deliver"), STEPS, RUNS, st.tuples(BEFORE_THE_GATE | BEHIND_IT)),
    st.tuples(st.just("settle"), STEPS, RUNS, st.tuples(st.none() | DECISIONS)),
    st.tuples(st.just("lose"), STEPS, RUNS, st.just((None,))),
    st.tuples(st.just("answer"), STEPS, RUNS, st.tuples(BEHIND_IT)),
    st.tuples(st.just("pause"), STEPS, RUNS, st.just((None,))),
)


async def _do(game: Game, doing: str, step: int, run: str, what: Any) -> None:
    match doing:
        case "deliver" | "lose":
            if isinstance(await game.claim(step, run), StoredDraft):
                mine = next(one for one in reversed(game.claims) if (one.step, one.claim.run) == (step, run))
                mine.crossed = not isinstance(what, NotSent) and await game.cross(mine)
                await (game.record(step, mine.token, what) if doing == "deliver" else game.grow(mine, "overdue"))
        case "settle":
            await game.settle(step, run, what)
        case "answer":
            for late in [one for one in game.claims if one.step == step]:
                await game.record(step, late.token, what)
        case "pause":
            await game.pause(step)


def test_i1_i2_i3_i8_whatever_happens_at_once(application_url: str) -> None:
    with _loop(application_url) as (runner, engine):

        @PLAYED
        @given(st.lists(st.lists(DOINGS, min_size=2, max_size=8), min_size=1, max_size=5))
        def play(batches: list[list[Any]]) -> None:
            runner.run(_play(engine, batches))

        play()


async def _play(engine: AsyncEngine, batches: list[list[Any]]) -> None:
    game = await new_game(engine)
    for batch in batches:
        await asyncio.gather(*(_do(game, doing, step, run, what) for doing, step, run, (what,) in batch))
        kept = await game.look()
        kept.check()
        game.check_calls()
        for step in kept.drafts:
            assert kept.claims(step) == sum(played.step == step for played in game.claims)
