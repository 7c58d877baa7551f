"""What is known of a lead: the newest word of each fact, in whatever order words arrive."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from domain.lead_facts import (
    NO_VARIABLES,
    USUAL_ABSENCE,
    Absence,
    LeadFacts,
    Variables,
    Whereabouts,
    Word,
    address_at,
)

_NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
_HOUR = timedelta(hours=1)
_instants = st.integers(0, 6).map(lambda hours: _NOON + hours * _HOUR)  # few, so that some are equal
_texts = st.sampled_from(["a", "b", "c"])
_words = st.builds(
    Word,
    at=_instants,
    email=st.none() | _texts.map(lambda text: f"{text}@example.test"),
    name=st.none() | _texts,
    timezone=st.none() | st.sampled_from(["UTC", "Asia/Tokyo", "America/New_York"]),
    variables=st.dictionaries(st.sampled_from(["plan", "town"]), _texts),
)
_absences = st.builds(
    Absence,
    at=_instants,
    said=st.sampled_from(Whereabouts),
    day=st.none() | st.integers(1, 5).map(lambda day: date(2026, 12, day)),
)
_NOBODY = LeadFacts(lead_id="lead-1")


def _after(facts: LeadFacts, said: Word | Absence) -> LeadFacts:
    return facts.after(said) if isinstance(said, Word) else facts.after_absence(said)


def _known(*said: Word | Absence) -> LeadFacts:
    facts = _NOBODY
    for one in said:
        facts = _after(facts, one)
    return facts


@given(st.lists(_words | _absences, max_size=8), st.randoms())
def test_i11_words_in_any_order_lead_to_the_same_facts(said: list[Word | Absence], random: object) -> None:
    shuffled = list(said)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis' own Random
    assert _known(*shuffled) == _known(*said)
    assert _known(*shuffled).quiet_until == _known(*said).quiet_until


@given(st.lists(_words | _absences, max_size=6), _words | _absences)
def test_i11_a_word_that_is_heard_twice_counts_once(before: list[Word | Absence], word: Word | Absence) -> None:
    assert _known(*before, word, word) == _known(*before, word)


@given(st.lists(_words, min_size=1, max_size=6))
def test_i11_what_no_word_gives_stays_as_it_is(said: list[Word]) -> None:
    nameless = [replace(word, name=None) for word in said]
    named = _NOBODY.after(Word(at=_NOON - _HOUR, name="Grace"))
    for word in nameless:
        named = named.after(word)
    assert named.name == "Grace"


def test_an_older_word_replaces_nothing_and_a_newer_one_everything_it_gives() -> None:
    facts = _known(Word(at=_NOON, email="new@example.test", name="New"))
    assert facts.after(Word(at=_NOON - _HOUR, email="old@example.test", name="Old", timezone="Asia/Tokyo")) == replace(
        facts, timezone="Asia/Tokyo", timezone_at=_NOON - _HOUR
    )
    assert facts.after(Word(at=_NOON + _HOUR, email="newer@example.test")).email == "newer@example.test"


def test_facts_without_an_instant_are_older_than_any_word() -> None:
    stored = LeadFacts(lead_id="lead-1", email="zoe@example.test", name="Zoe", variables={"plan": "Z"})
    after = stored.after(Word(at=_NOON, email="ada@example.test", name="Ada", variables={"plan": "A"}))
    assert (after.email, after.name, after.variables) == ("ada@example.test", "Ada", {"plan": "A"})


def test_a_day_of_return_begins_on_the_leads_clock_whichever_is_heard_first() -> None:
    away = Absence(at=_NOON, said=Whereabouts.AWAY, day=date(2026, 12, 9))
    tokyo = Word(at=_NOON, timezone="Asia/Tokyo")
    begins = datetime(2026, 12, 8, 15, tzinfo=UTC)
    assert _known(away, tokyo).quiet_until == _known(tokyo, away).quiet_until == begins


def test_whoever_is_back_is_not_held_by_what_was_said_before() -> None:
    away = Absence(at=_NOON, said=Whereabouts.AWAY, day=date(2026, 12, 9))
    undated = Absence(at=_NOON, said=Whereabouts.AWAY)
    back = Absence(at=_NOON + _HOUR, said=Whereabouts.BACK)
    assert _known(away, undated, back).quiet_until is None
    assert _known(back, undated, away).quiet_until is None
    again = Absence(at=_NOON + 2 * _HOUR, said=Whereabouts.AWAY)
    assert _known(again, back, away).quiet_until == again.at + USUAL_ABSENCE


def test_of_variables_here_and_there_the_one_that_was_said_last_counts() -> None:
    here = Variables({"plan": "old", "town": "Rome"}, {"plan": _NOON, "town": _NOON})
    there = Variables({"plan": "new"}, {"plan": _NOON + _HOUR})
    assert here.beside(there) == there.beside(here)
    assert here.beside(there).texts == {"plan": "new", "town": "Rome"}
    assert NO_VARIABLES.beside(here) == here


def test_the_address_of_an_instant_is_the_one_that_was_said_last_before_it() -> None:
    said = [(_NOON, "a@example.test"), (_NOON + 2 * _HOUR, "b@example.test"), (None, "legacy@example.test")]
    assert address_at(_NOON - _HOUR, said) == "legacy@example.test"
    assert address_at(_NOON + _HOUR, said) == "a@example.test"
    assert address_at(_NOON + 3 * _HOUR, said) == "b@example.test"
    assert address_at(_NOON, []) is None
