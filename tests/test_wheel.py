"""What goes into the wheel: every module, and every file that the package reads."""

from __future__ import annotations

import fnmatch
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "tsrep"


def test_every_file_of_the_package_is_package_data() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["tsrep"]
    files = [path.relative_to(PACKAGE) for path in PACKAGE.rglob("*") if path.is_file()]
    data = {path.as_posix() for path in files if path.suffix not in (".py", ".pyc")}
    assert {"datasets/ecg/sample/signals.xz", "report/report.css", "runs/licences.csv"} <= data
    left_out = {name for name in data if not any(_matches(name, pattern) for pattern in patterns)}
    assert not left_out
    unused = [pattern for pattern in patterns if not any(_matches(name, pattern) for name in data)]
    assert not unused


def test_every_folder_of_modules_is_a_package() -> None:
    folders = {path.parent for path in PACKAGE.rglob("*.py")}
    assert not [folder for folder in folders if not (folder / "__init__.py").exists()]


def _matches(name: str, pattern: str) -> bool:
    """As setuptools has it, whose star stays in one folder."""
    return name.count("/") == pattern.count("/") and fnmatch.fnmatchcase(name, pattern)
