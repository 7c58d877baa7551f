"""How a command meets its terminal."""

import sys


def can_ask() -> bool:
    """Say whether there is a terminal to ask a question on."""
    return sys.stdin is not None and sys.stdin.isatty()
