"""The image holds what the application runs from: the files that .dockerignore lets in, the packages of one lock."""

import importlib.metadata
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.utils import canonicalize_name

from tests.deploy.compose import ROOT

# Imports every module below the current folder, with the checkout and some packages out of reach
IMPORT_ALL = """
import importlib, pathlib, sys
sys.meta_path = [finder for finder in sys.meta_path if "editable" not in repr(finder).lower()]
sys.modules.update(dict.fromkeys(sys.argv[1].split(","), None))
files = [f for f in pathlib.Path().rglob("*.py") if f.name != "env.py" and not f.name[0].isdigit()]
for file in sorted(files):
    importlib.import_module(".".join(file.with_suffix("").parts).removesuffix(".__init__"))
print(len(files))
"""


def let_in() -> list[Path]:
    """The files and folders that .dockerignore lets into the image."""
    patterns = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    return [path for pattern in patterns for path in ROOT.glob(pattern)]


def importable(lock: str) -> set[str]:
    """The modules that the packages of a lock bring."""
    names = {canonicalize_name(name) for name in re.findall(r"^([\w.-]+)==", (ROOT / lock).read_text(), re.MULTILINE)}
    bring = importlib.metadata.packages_distributions()
    return {module for module, origins in bring.items() if {canonicalize_name(origin) for origin in origins} <= names}


def copy_image(to: Path) -> None:
    for path in let_in():
        target = to / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if path.is_dir() else shutil.copy
        copy(path, target)


def test_everything_in_the_image_can_be_imported_with_its_files_and_packages_alone(tmp_path: Path) -> None:
    copy_image(tmp_path)
    absent = importable("requirements-run.lock") | importable("requirements-dev.lock")
    assert {"aiosmtpd", "pytest"} <= absent
    command = [sys.executable, "-c", IMPORT_ALL, ",".join(sorted(absent))]
    imported = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert imported.returncode == 0, imported.stderr
    assert int(imported.stdout) > 10


def test_the_image_holds_every_module_that_pyproject_lists_and_what_the_dockerfile_copies() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    files = {*(f"{name}.py" for name in listed["py-modules"]), *(name.split(".")[0] for name in listed["packages"])}
    inside = {path.relative_to(ROOT).parts[0] for path in let_in()}
    assert files | {"sequences", "pyproject.toml", "requirements.lock"} <= inside


def test_no_secret_and_no_local_data_are_let_into_the_image() -> None:
    inside = {path.relative_to(ROOT).parts[0] for path in let_in()}
    assert inside.isdisjoint({".env", ".git", ".venv", ".devstack", "tests", "docs"})


def test_the_image_runs_as_nobody_special_and_lets_signals_reach_python() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert [line for line in lines if line.startswith("USER")] == ["USER followup"]
    assert lines[-1] == 'CMD ["python", "worker.py"]'
    assert any("--require-hashes --requirement requirements.lock" in line for line in lines)
