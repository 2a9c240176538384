"""Names of classes, leads and patients that mean something in a small language are shown as they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.cli.conftest import Command

pytestmark = pytest.mark.usefixtures("plain_reports")

CLASSES = ("$x_{y$", "[/b] <b>{{ 1 }}")
LEADS = ("$\\frac{1}$", "=1+1")


def test_a_run_on_data_with_odd_names_is_reported(tmp_path: Path, command: Command) -> None:
    rng = np.random.default_rng(0)
    rows = [f"[p{i // 2}],{CLASSES[i // 2 % 2]}" for i in range(48)]
    np.save(tmp_path / "records.npy", rng.normal(size=(48, 2, 60)).astype(np.float32))
    (tmp_path / "records.csv").write_text("\n".join(["patient,label", *rows]))
    settings = {
        "dataset": {"name": "arrays", "sfreq": 50.0, "channels": list(LEADS), "unit": "$"},
        "window": {"seconds": None},
        "encoder": {"name": "dilated-conv", "hidden": 4, "dim": 4, "depth": 2},
        "objective": "simclr",
        "training": {"epochs": 1, "batch_size": 16},
        "evaluation": {"protocols": ["knn"], "labels": [1.0], "n_bootstrap": 100},
    }
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(settings))
    out = tmp_path / "run"
    done = command("fit", "--config", tmp_path / "small.yaml", "--root", tmp_path, "--out", out)
    assert done.returncode == 0, done.stderr
    page = (out / "report.html").read_text()
    assert "$x_{y$" in page
    assert "[/b] &lt;b&gt;{{ 1 }}" in page
    assert "<b>{{" not in page
