"""What the commands have in common: the numbers they take, and their end."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Coroutine
from contextlib import suppress
from math import isfinite
from typing import Any


def run_command(name: str, main: Coroutine[Any, Any, int]) -> int:
    """Run a command; SIGTERM and Ctrl-C end all that it began. Returns its exit code, 1 when it was interrupted."""
    with suppress(KeyboardInterrupt, asyncio.CancelledError):
        return asyncio.run(_cancelled_by_sigterm(main))
    sys.stderr.write(f"{name}: interrupted, everything is stopped\n")
    return 1


async def _cancelled_by_sigterm(main: Coroutine[Any, Any, int]) -> int:
    task = asyncio.ensure_future(main)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task


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
