"""Programs that no registry of Python carries. In CI they must be there; elsewhere a test says what it lacks."""

import os
import shutil

import pytest


def program(name: str, package: str) -> str:
    """The path of a program of the system. Without it the test fails in CI, and is counted as skipped elsewhere."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    if found is not None:
        return found
    lacks = f"{name} is missing: install your system's package of it (Debian: apt-get install {package})"
    if os.environ.get("CI"):
        pytest.fail(lacks)
    pytest.skip(lacks)
