"""Two people, an editor, the app and the workers at one moment: PostgreSQL decides, once, and everybody is told."""

import asyncio
import hashlib
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from domain.command import Decision, Verdict
from domain.event import EventType, LeadReplied, ReplyData
from domain.step import Awaiting, DecisionRefused, Held, Ready, StepDone, Stopped
from providers.scripted import ScriptedProvider
from store.tasks import OpenTask
from tests.counted import assert_counted
from tests.scene import Scene, a_lead
from tests.store.enrolled import WORKSPACE, enroll_leads
from tests.transactions.asking import APPROVED, CALL, Asking, a_sequence_of, closed_window
from transactions.edit import Edit, EditError, edit
from transactions.event import Facts, store_facts

# Each takes some hundredths of a second; a hundred of either kind of window meet in every way that matters.
_GAMES = 200
_AT_ONCE = 15
_Move = Callable[[], Awaitable[object]]


async def _enroll(scene: Scene, leads: range, *steps: dict[str, Any], **more: Any) -> list[str]:
    async with scene.engine.begin() as connection:
        return await enroll_leads(connection, [a_lead(f"lead-{n}") for n in leads], a_sequence_of(*steps, **more))


class _Game:
    """One mail that waits, and everybody who has something to say of it."""

    def __init__(self, scene: Scene, asking: Asking, instance: str, task: OpenTask) -> None:
        self.asking, self.instance, self.task = asking, instance, task
        self._engine = scene.engine
        self.answers: dict[str, object] = {}

    async def reply(self) -> object:
        lead = self.instance.rpartition(":")[2]
        data = ReplyData(lead_id=lead)
        event = LeadReplied(id=f"evt-{lead}", type=EventType.REPLIED, timestamp=datetime.now(UTC), data=data)
        async with self._engine.begin() as connection:
            return await store_facts(Facts(connection, WORKSPACE, event), None)

    async def edited(self) -> object:
        try:
            return await edit(self._engine, self.task, Edit(None, "Other words"), by="grace")
        except EditError as error:
            return error

    async def judged(self, verdict: Verdict | Decision, by: str, **more: Any) -> object:
        while True:
            answer = await self.asking.say(self.instance, verdict, by, **more)
            if not isinstance(answer, Held):  # it is being sent
                return answer

    async def play(self, chance: random.Random) -> None:
        seen = self.task.fingerprint or ""
        moves: dict[str, _Move] = {
            "ada approves": lambda: self.judged(Verdict.APPROVE, "ada", fingerprint=seen),
            "bob approves": lambda: self.judged(Verdict.APPROVE, "bob", fingerprint=seen[:8]),
            "eve approves": lambda: self.judged(Verdict.APPROVE, "eve", fingerprint="0" * 8),
            "bob rejects": lambda: self.judged(Verdict.REJECT, "bob"),
            "grace edits": self.edited,
            "one worker": lambda: self.asking.deliver(self.instance),
            "another worker": lambda: self.asking.deliver(self.instance),
        }
        if chance.random() < 0.3:
            moves["the lead replies"] = self.reply
        if chance.random() < 0.3:
            moves["ada stops"] = lambda: self.judged(Decision.STOP, "ada")
        names = chance.sample(sorted(moves), len(moves))
        await asyncio.gather(*(self._move(name, moves[name], chance.randrange(5)) for name in names))
        await self._move("the last worker", lambda: self.asking.deliver(self.instance), 0)

    async def _move(self, name: str, move: _Move, after: int) -> None:
        for _ in range(after):
            await asyncio.sleep(0)
        self.answers[name] = await move()


async def test_whoever_meets_over_a_mail_there_is_one_outcome_one_task_and_at_most_one_mail(scene: Scene) -> None:
    half = _GAMES // 2
    instances = await _enroll(scene, range(half), APPROVED)
    instances += await _enroll(scene, range(half, _GAMES), APPROVED, window=closed_window())
    provider = ScriptedProvider()
    asking, turns, chance = Asking(scene.engine, provider), asyncio.Semaphore(_AT_ONCE), random.Random(20261123)

    async def play(instance: str) -> _Game:
        async with turns:
            assert isinstance(await asking.deliver(instance), Awaiting)
            game = _Game(scene, asking, instance, await asking.task(instance))
            await game.play(chance)
        return game

    games = await asyncio.gather(*(play(one) for one in instances))
    states = {row.instance_id: row for row in await scene.rows("SELECT * FROM drafts")}
    for game in games:
        _one_outcome(game, states[game.instance].state)
        _nothing_but_what_was_approved(
            game, [one for one in provider.begun if one.draft_id.startswith(game.instance + "/")]
        )
    outcomes = Counter(row.state for row in states.values())
    assert set(outcomes) == {"sent", "pending", "discarded", "stopped"}, "all of it happened, or nothing was tested"
    assert await scene.rows("SELECT state, count(*) FROM tasks GROUP BY state") == [("closed", _GAMES)]
    decided = "SELECT count(*) FROM ledger WHERE subject = 'draft' AND from_state = 'awaiting_approval'"
    assert (await scene.rows(decided))[0].count == _GAMES
    await assert_counted(scene)


def _one_outcome(game: _Game, state: str) -> None:
    approvals = [game.answers[f"{who} approves"] for who in ("ada", "bob")]
    obeyed = [*approvals, game.answers["bob rejects"]]
    won = [one for one in obeyed if isinstance(one, Ready | StepDone)]
    assert len(won) == (state in ("sent", "pending", "discarded")) or state == "stopped", game.answers
    assert any(isinstance(one, Ready) for one in approvals) or state not in ("sent", "pending"), game.answers
    for told in (*obeyed, game.answers["eve approves"]):
        assert told in won or isinstance(told, DecisionRefused | Stopped), told
        assert not isinstance(told, DecisionRefused) or "step 1" in told.sentence


def _nothing_but_what_was_approved(game: _Game, letters: list[Any]) -> None:
    assert len(letters) <= 1
    for letter in letters:
        assert hashlib.sha256(letter.message).hexdigest() == game.task.fingerprint, game.answers


async def test_of_fifty_who_say_that_it_was_done_one_is_obeyed_and_it_goes_on_once(scene: Scene) -> None:
    [instance] = await _enroll(scene, range(1), CALL, CALL)
    asking = Asking(scene.engine, ScriptedProvider())
    asked = await asyncio.gather(*(asking.deliver(instance) for _ in range(20)))
    assert all(isinstance(one, Awaiting) for one in asked)
    answers = await asyncio.gather(*(asking.say(instance, Verdict.DONE, f"person-{n}") for n in range(50)))
    assert Counter(type(one) for one in answers) == {StepDone: 1, DecisionRefused: 49}
    assert await scene.rows("SELECT kind, state, instructions FROM tasks") == [("manual_step", "closed", "Call Grace")]
    assert (await assert_counted(scene))["sent"] == 1
