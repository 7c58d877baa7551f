"""The model of the claim protocol can be searched, holds, and finds out every guard that is left out."""

import re
from collections.abc import Iterator

import pytest

from proof.model.scenes import (
    BROKEN,
    FEW,
    MADE_UP_FOR,
    SCENES,
    SHARED,
    SHARED_BROKEN,
    WINDOW,
    WINDOW_UNUSED,
    SharedVariant,
    Variant,
)
from proof.model.searching import CLAIM, RECIPIENT, How, Searcher, searchers
from tests.programs import program


@pytest.fixture(scope="module")
def searcher() -> Iterator[Searcher]:
    program("gcc", "gcc")
    program("spin", "spin")
    with searchers(How.SHORTEST) as [shortest]:
        yield shortest


@pytest.fixture(scope="module")
def sharing() -> Iterator[Searcher]:
    program("gcc", "gcc")
    program("spin", "spin")
    with searchers(How.SHORTEST, of=RECIPIENT) as [shortest]:
        yield shortest


@pytest.mark.parametrize("name", FEW)
def test_the_protocol_as_it_is_has_no_error(searcher: Searcher, name: str) -> None:
    found = searcher.search(FEW[name])
    assert (found.trace, found.states > 10_000) == ((), True)


@pytest.mark.parametrize("name", BROKEN)
def test_a_guard_that_is_left_out_is_found_out(searcher: Searcher, name: str) -> None:
    *steps, broken = searcher.search(BROKEN[name]).trace
    assert re.match(r"I[1-5]: ", broken)
    assert 4 <= len(steps) <= 20


def test_the_known_exception_is_a_not_sent_while_a_process_is_suspended_behind_its_gate(searcher: Searcher) -> None:
    [play] = WINDOW.values()
    trace = " | ".join(searcher.search(play).trace)
    assert re.search(r"1: its gate says yes .* says not_sent .* released: generation 2 .* attempt 1 writes", trace)


def test_there_is_no_other_exception(searcher: Searcher) -> None:
    [play] = WINDOW_UNUSED.values()
    assert searcher.search(play).trace == ()


def test_every_guard_of_the_model_is_left_out_by_some_search() -> None:
    left_out = {play.variant for plays in (BROKEN, WINDOW, WINDOW_UNUSED, MADE_UP_FOR) for play in plays.values()}
    numbers = re.findall(r"^#define ([A-Z_]+) \(variant == (\d+)", CLAIM.read_text(), re.MULTILINE)
    assert left_out == set(Variant) - {Variant.RIGHT}
    assert {(play.variant) for play in SCENES.values()} == {Variant.RIGHT}
    assert {Variant[name]: int(number) for name, number in numbers} == {one: one.value for one in left_out}


@pytest.mark.parametrize("name", ["a cap of one, a stop, a lead that moves"])
def test_two_leads_with_one_address_are_one_person(sharing: Searcher, name: str) -> None:
    found = sharing.search(SHARED[name])
    assert (found.trace, found.states > 10_000) == ((), True)


@pytest.mark.parametrize("name", SHARED_BROKEN)
def test_a_guard_of_a_shared_address_that_is_left_out_is_found_out(sharing: Searcher, name: str) -> None:
    *steps, broken = sharing.search(SHARED_BROKEN[name]).trace
    assert re.match(r"I(4|10): ", broken)
    assert 3 <= len(steps) <= 15


def test_every_guard_of_a_shared_address_is_left_out_by_some_search() -> None:
    numbers = re.findall(r"^#define ([A-Z_]+) \(variant == (\d+)", RECIPIENT.read_text(), re.MULTILINE)
    left_out = {play.variant for play in SHARED_BROKEN.values()}
    assert left_out == set(SharedVariant) - {SharedVariant.RIGHT}
    assert {SharedVariant[name]: int(number) for name, number in numbers} == {one: one.value for one in left_out}
