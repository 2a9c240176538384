"""Several seeds and power on the command line, and what is refused there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import Command
from tests.conftest import TINY
from tsrep.runs.config import merged

pytestmark = pytest.mark.usefixtures("plain_reports")

SMALL = merged(TINY, {"evaluation": {"seeds": None, "labels": [1.0], "protocols": ["knn"]}})
SMALL["training"] = TINY["training"] | {"epochs": 1}


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("config") / "small.yaml"
    path.write_text(yaml.safe_dump(SMALL))
    return path


def test_a_run_of_two_seeds_from_training_to_power(
    config: Path, tmp_path: Path, command: Command, refused: Callable[..., str]
) -> None:
    out = tmp_path / "run"
    assert "no scores yet; evaluate it" in refused("power", _trained(command, config, out))
    done = command("evaluate", out)
    assert done.returncode == 0, done.stderr
    assert "Training by comet" in done.stdout
    table = command("power", out, "--gain", "0.1").stdout.splitlines()
    assert table[0].startswith("A gain of the size given (0.100 AUROC)")
    assert [line.split()[0] for line in table[1:]] == ["seeds", "2", "3", "5", "10", "20"]
    assert "a gain of -1 is none" in refused("power", out, "--gain", "-1")
    assert "has 2 seeds, not 1" in refused("fit", "--resume", out, "--seeds", "1")
    for name in ("9", "x"):
        assert f"give {out}@0 to {out}@1" in refused("embed", f"{out}@{name}", "--out", tmp_path / "e.npz")
    assert command("embed", f"{out}@1", "--out", tmp_path / "e.npz").returncode == 0


def _trained(command: Command, config: Path, out: Path) -> Path:
    done = command("fit", "--config", config, "--seeds", "2", "--no-evaluate", "--out", out)
    assert done.returncode == 0, done.stderr
    return out


def test_numbers_of_seeds_that_are_none_are_refused(
    config: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    out = tmp_path / "run"
    assert "seeds is 0" in refused("fit", "--config", config, "--seeds", "0", "--out", out)
    assert not out.exists()
