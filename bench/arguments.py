"""What the commands take as numbers."""

import argparse
from math import isfinite


def at_least_one(word: str) -> int:
    """Read a count; raises ArgumentTypeError for less than one."""
    if not word.isdecimal() or int(word) < 1:
        raise argparse.ArgumentTypeError(f"{word} is not a whole number of at least 1")
    return int(word)


def above_zero(word: str) -> float:
    """Read an amount; raises ArgumentTypeError for what is not above zero."""
    try:
        number = float(word)
    except ValueError:
        number = 0.0
    if not isfinite(number) or number <= 0:
        raise argparse.ArgumentTypeError(f"{word} is not a number above 0")
    return number
