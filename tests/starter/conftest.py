"""`python starter.py`, said in a scene."""

import pytest

from tests.command import Command
from tests.scene import Scene


@pytest.fixture
def starter(scene: Scene) -> Command:
    return Command("starter.py", scene)
