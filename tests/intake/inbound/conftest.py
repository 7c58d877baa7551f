"""An app whose door takes mail too."""

from pathlib import Path

import pytest

from tests.app import App
from tests.scene import Scene


@pytest.fixture
def app(scene: Scene, tmp_path: Path) -> App:
    return App(scene, tmp_path)
