"""A number that a command can't use is refused with a sentence, before anything begins."""

import argparse

import pytest

from proof.rig.command import above_zero, at_least_one


@pytest.mark.parametrize("word", ["0", "-1", "1.5", "many", ""])
def test_a_count_is_a_whole_number_of_at_least_one(word: str) -> None:
    assert at_least_one("12") == 12
    with pytest.raises(argparse.ArgumentTypeError, match="at least 1"):
        at_least_one(word)


@pytest.mark.parametrize("word", ["0", "-0.5", "nan", "inf", "soon", ""])
def test_an_amount_is_a_number_above_zero(word: str) -> None:
    assert above_zero("0.5") == 0.5
    with pytest.raises(argparse.ArgumentTypeError, match="above 0"):
        above_zero(word)
