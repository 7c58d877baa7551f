"""The words of a lead arrive late, twice, before their lead, and from clocks that are ahead: the end is the same."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from temporalio.client import Client

from domain.outcome import NotSent
from domain.sequence import Sequence
from intake.event_reading import read_event
from providers.scripted import ScriptedProvider
from tests.app import App, enrolled
from tests.replaying import assert_replays
from tests.scene import Scene, a_lead, a_sequence, open_scene
from tests.whole.looking import until
from transactions.event import Facts, store_facts

_HOUR = timedelta(hours=1)
_NEVER_DUE = Sequence.model_validate(
    {
        "name": "no-reply",
        "beside_others": True,
        "stop_on": ["replied", "unsubscribed"],
        "steps": [
            {"wait": "1d", "subject": "Hello {{ name | default('you') }}", "body": "{{ plan | default('none') }}"}
        ],
    }
)


@pytest.fixture
async def scene(client: Client, database_url: str) -> AsyncIterator[Scene]:
    async with open_scene(client, database_url) as opened:
        yield opened
        await assert_replays(opened)


@pytest.fixture
def app(scene: Scene, tmp_path: Path) -> App:
    app = App(scene, tmp_path)
    app.write(_NEVER_DUE.model_dump_json(exclude_defaults=True))
    return app


# --- in any order ---

_numbers = itertools.count()
_ago = st.integers(1, 6).map(lambda hours: timedelta(hours=hours, minutes=next(_numbers) % 60))
_name = st.sampled_from(["Grace", "Ada"])
_words = st.one_of(
    st.tuples(st.just("lead.updated"), _ago, st.fixed_dictionaries({"name": _name})),
    st.tuples(
        st.just("lead.updated"), _ago, st.fixed_dictionaries({"timezone": st.sampled_from(["Asia/Tokyo", "UTC"])})
    ),
    st.tuples(st.just("lead.updated"), _ago, st.fixed_dictionaries({"variables": st.just({"plan": "new"})})),
    st.tuples(st.just("lead.updated"), _ago, st.fixed_dictionaries({"email": st.sampled_from(["new-LEAD@x.test"])})),
    st.tuples(st.just("lead.replied"), _ago, st.just({"auto": True})),
    st.tuples(st.just("lead.replied"), _ago, st.just({"auto": True, "until": "{back}"})),
    st.tuples(st.just("lead.resumed"), _ago, st.just({})),
    st.tuples(st.just("lead.replied"), _ago, st.just({})),
    st.tuples(st.just("lead.booked"), _ago, st.just({})),
    st.tuples(st.just("lead.unsubscribed"), _ago, st.just({})),
)
_enrolments = st.lists(st.tuples(_ago, st.booleans()), min_size=1, max_size=2)


def _events(lead_id: str, words: list[Any], enrolments: list[Any], now: datetime) -> list[dict[str, Any]]:
    back = (now + timedelta(days=5)).date().isoformat()
    written = json.dumps([word[2] for word in words]).replace("LEAD", lead_id).replace("{back}", back)
    events = [
        {"type": kind, "timestamp": (now - ago).isoformat(), "data": {"lead_id": lead_id, **data}}
        for (kind, ago, _), data in zip(words, json.loads(written), strict=True)
    ]
    for ago, named in enrolments:
        person = {"lead_id": lead_id, "email": f"old-{lead_id}@x.test"} | ({"name": "Enrolled"} if named else {})
        data = {"sequence": _NEVER_DUE.name, "lead": person, "variables": {"plan": "enrolled"}}
        events.append({"type": "lead.enrolled", "timestamp": (now - ago).isoformat(), "data": data})
    return [{"id": f"{lead_id}-{number}", **event} for number, event in enumerate(events)]


async def _deliver(scene: Scene, event: dict[str, Any], sequence: Sequence) -> None:
    async with scene.engine.begin() as connection:
        await store_facts(Facts(connection, scene.workspace, read_event(json.dumps(event))), sequence)


async def _end(scene: Scene, lead_id: str) -> list[Any]:
    """All that the order must not change, without the lead's own id. Of two stops the one that was heard first ends."""
    sql = """
        SELECT email, name, timezone, quiet_until, leads.variables AS texts, instances.variables AS own, status,
               instances.said_at, (SELECT array_agg(address ORDER BY address) FROM suppressions
                                   WHERE address LIKE '%-' || :lead_id || '@x.test') AS suppressed
        FROM leads LEFT JOIN instances USING (workspace, lead_id) WHERE lead_id = :lead_id ORDER BY instances.id
    """
    rows = [dict(row._mapping) for row in await scene.rows(sql, lead_id=lead_id)]
    return json.loads(json.dumps(rows, default=str).replace(lead_id, "LEAD"))  # type: ignore[no-any-return]


@settings(max_examples=20, suppress_health_check=list(HealthCheck))
@given(words=st.lists(_words, min_size=1, max_size=5), enrolments=_enrolments, data=st.data())
async def test_i11_whatever_the_order_of_delivery_the_end_is_the_same(
    app: App, words: list[Any], enrolments: list[Any], data: st.DataObject
) -> None:
    now, ends = datetime.now(UTC).replace(microsecond=0), []
    for _ in range(3):
        lead_id = f"lead{next(_numbers)}"
        events = data.draw(st.permutations(_events(lead_id, words, enrolments, now)))
        for event in events:
            await _deliver(app.scene, event, _NEVER_DUE)
        ends.append(await _end(app.scene, lead_id))
    assert ends[1:] == ends[:-1]


# --- named cases ---


async def _lead(app: App, lead_id: str = "lead-1") -> Any:
    return (await app.scene.rows("SELECT * FROM leads WHERE lead_id = :lead_id", lead_id=lead_id))[0]


async def test_an_old_update_that_comes_late_changes_nothing_and_is_told_so(app: App) -> None:
    await app.says(enrolled(ago=3 * _HOUR))
    await app.says_of("lead-1", "lead.updated", email="new@example.test", ago=_HOUR)
    late = await app.says_of("lead-1", "lead.updated", email="older@example.test", ago=2 * _HOUR)
    assert (late.done, late.noted, late.differs) == ("updated", ("older_word",), ("email",))
    assert (await _lead(app)).email == "new@example.test"


async def test_what_was_said_before_the_enrolment_holds_for_the_lead_that_comes(app: App) -> None:
    back = (datetime.now(UTC) + timedelta(days=5)).date().isoformat()
    first = await app.says_of("lead-1", "lead.updated", email="new@example.test", timezone="Asia/Tokyo", ago=2 * _HOUR)
    away = await app.says_of("lead-1", "lead.replied", auto=True, until=back, ago=_HOUR)
    assert (first.done, away.done) == ("kept", "kept")
    assert (await app.says(enrolled(ago=3 * _HOUR))).done == "enrolled"
    lead = await _lead(app)
    assert (lead.email, lead.timezone, lead.name) == ("new@example.test", "Asia/Tokyo", "Grace")
    assert lead.quiet_until.isoformat().startswith(f"{back[:8]}{int(back[8:]) - 1:02}T15:00") or back.endswith("-01")


async def test_an_old_stop_that_comes_late_ends_nothing_that_was_enrolled_after_it(app: App) -> None:
    await app.says(enrolled())
    late = await app.says_of("lead-1", "lead.replied", ago=30 * 24 * _HOUR)
    assert (late.done, late.noted) == ("stop_recorded", ("older_word",))
    assert await app.scene.status() == ("active", "none")


async def test_a_stop_of_a_clock_that_is_ahead_does_not_stop_what_is_enrolled_later(app: App) -> None:
    ahead = await app.says_of("lead-1", "lead.replied", ago=-timedelta(minutes=40))
    assert ahead.noted == ("clock_ahead",)
    [result] = await app.scene.enroll(a_sequence(_HOUR), a_lead())
    assert (result.answer, result.reason) == ("enrolled", "")


async def test_a_second_enrolment_takes_nothing_from_a_running_follow_up_that_it_does_not_give(app: App) -> None:
    await app.scene.enroll(
        a_sequence(_HOUR, beside_others=True),
        a_lead(timezone="America/Los_Angeles", name="Olga").model_copy(update={"variables": {"plan": "Gold"}}),
    )
    other = a_sequence(_HOUR, name="other", beside_others=True).model_copy(
        update={"steps": (a_sequence(_HOUR).steps[0].model_copy(update={"subject": "Hi", "body": "Hi"}),)}
    )
    bare = a_lead().model_construct(_fields_set={"lead_id", "email"}, **{**a_lead().model_dump(), "name": ""})
    [again] = await app.scene.enroll(other, bare)
    assert again.answer == "enrolled"
    lead = await _lead(app)
    assert (lead.name, lead.timezone) == ("Olga", "America/Los_Angeles")
    rows = await app.scene.rows("SELECT sequence, variables FROM instances ORDER BY sequence")
    assert [(row.sequence, row.variables) for row in rows] == [("no-reply", {"plan": "Gold"}), ("other", None)]


async def test_a_row_with_other_data_than_stored_is_told_so_and_changes_nothing(scene: Scene) -> None:
    sequence = a_sequence(_HOUR)
    await scene.enroll(sequence, a_lead(email="typo@example.test"))
    before = await scene.rows("SELECT * FROM leads")
    [again] = await scene.enroll(sequence, a_lead(email="right@example.test", timezone="Asia/Tokyo", name="Robert"))
    assert again.answer == "already_enrolled"
    assert "with another email, name, timezone: nothing was changed; send lead.updated" in again.reason
    assert await scene.rows("SELECT * FROM leads") == before


async def test_a_step_that_its_window_holds_is_looked_at_again_when_the_zone_changes(app: App) -> None:
    """A window that is closed on one side of the earth is open on the other."""
    scene, provider = app.scene, ScriptedProvider()
    now = datetime.now(UTC)
    window = {"days": "mon-sun", "from": f"{now:%H}:00", "to": f"{now.hour + 1:02}:00"}
    sequence = a_sequence(timedelta(0), window=window)
    async with scene.worker(provider):
        await scene.enroll(sequence, a_lead(timezone="Etc/GMT+6"))

        async def held() -> bool:
            return await scene.status() == ("held", "outside_window")

        await until(held)
        answer = await app.says_of("lead-1", "lead.updated", timezone="UTC")
        assert answer.held == (scene.instance(),)

        async def gone() -> bool:
            return await scene.states() == ["sent"] or datetime.now(UTC).hour != now.hour

        await until(gone)
    assert provider.sent or datetime.now(UTC).hour != now.hour


async def test_a_look_does_not_shorten_a_back_off(scene: Scene) -> None:
    provider = ScriptedProvider(lambda _: NotSent(code="later"))
    async with scene.worker(provider):
        await scene.enroll(a_sequence(timedelta(0)), a_lead())

        async def held() -> bool:
            return await scene.status() == ("held", "not_sent")

        await until(held)
        await scene.handle().signal("look")
        await scene.handle().execute_update("pause")  # what comes behind it has been heard, so it has, too
    assert len(provider.begun) == 1


async def test_words_of_one_lead_at_once_all_count(app: App) -> None:
    await app.says(enrolled(ago=_HOUR))
    names = ("plan", "town", "team", "size")
    await asyncio.gather(*(app.says_of("lead-1", "lead.updated", variables={name: name}) for name in names))
    assert (await _lead(app)).variables == dict(zip(names, names, strict=True))
