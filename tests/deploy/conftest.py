"""A backup of the scene's database."""

import pytest

from devstack.stack import Devstack
from tests.deploy.restoring import Backup
from tests.scene import Scene


@pytest.fixture
def backup(stack: Devstack, scene: Scene) -> Backup:
    return Backup(stack.postgres, scene)
