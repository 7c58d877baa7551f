"""Turns: few of one key at once, in the order in which they came, and none of another key's concern."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.turns import NoTurnError, Turns

_NOT_AT_ALL = timedelta(milliseconds=1)


@given(keys=st.lists(st.sampled_from("ab"), max_size=30), at_once=st.integers(1, 3))
async def test_there_are_never_more_of_one_key_at_once_and_all_have_their_turn(keys: list[str], at_once: int) -> None:
    turns, running, most, begun = Turns(at_once=at_once), dict.fromkeys("ab", 0), dict.fromkeys("ab", 0), list[int]()

    async def take(number: int, key: str) -> None:
        async with turns.turn(key):
            begun.append(number)
            running[key] += 1
            most[key] = max(most[key], running[key])
            await asyncio.sleep(0)
            running[key] -= 1

    await asyncio.gather(*(take(number, key) for number, key in enumerate(keys)))
    assert most == {key: min(at_once, keys.count(key)) for key in "ab"}
    for key in "ab":
        in_order = [number for number in begun if keys[number] == key]
        assert in_order == sorted(in_order)
    assert len(turns) == 0


async def test_who_waits_too_long_gets_no_turn_and_takes_none_from_others() -> None:
    turns = Turns(at_once=1, patience=_NOT_AT_ALL)
    async with turns.turn("a"):
        with pytest.raises(NoTurnError):
            async with turns.turn("a"):
                pass
        async with turns.turn("b"):
            pass
    async with turns.turn("a"):
        pass
    assert len(turns) == 0


async def test_who_comes_when_many_wait_gets_no_turn() -> None:
    turns = Turns(at_once=1, most_waiting=2)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(turns.turn("a"))
        waiting = [asyncio.create_task(stack.enter_async_context(turns.turn("a"))) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(NoTurnError):
            async with turns.turn("a"):
                pass
        for one in waiting:
            one.cancel()
        await asyncio.wait(waiting)
    assert len(turns) == 0
