"""Differences of configuration and curves, where a comparison is of runs."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import yaml

from tsrep.inspect.curves import read_curves
from tsrep.report.compare_runs import _flat, _losses, figure_training, run_sections
from tsrep.runs.compare.comparison import Comparison
from tsrep.runs.config_files import read_config


def run(place: Path, lr: float, objective: str, score_name: str) -> Path:
    place.mkdir()
    values = {"seed": 3, "objective": {"name": objective, "temperature": 0.1}, "training": {"lr": lr}}
    if objective == "moco":
        values["objective"] = {"name": "moco", "queue": 64}
    (place / "config.yaml").write_text(yaml.safe_dump(values))
    lines = [
        {"kind": "validation", "epoch": k, "step": 5 * k, "loss": 2 - lr * k, "terms": {},
         "score": 0.5 + k / 10, "score_name": score_name}
        for k in range(3)
    ]  # fmt: skip
    (place / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return place


def comparison(**folders: Path) -> Comparison:
    about = {name: {"references": [str(place)]} for name, place in folders.items()}
    return cast(Any, SimpleNamespace(encoders=list(folders), about=about))


def test_settings_that_differ_are_a_row_each(tmp_path: Path) -> None:
    one, two = run(tmp_path / "a", 0.1, "simclr", "auroc"), run(tmp_path / "b", 0.2, "moco", "auroc")
    found = run_sections(comparison(one=one, two=two))
    assert found.settings is not None
    rows = {row[0].text: [cell.text for cell in row[1:]] for row in found.settings.rows}
    assert rows == {
        "objective.name": ["simclr", "moco"],
        "objective.temperature": ["0.1", "–"],
        "objective.queue": ["–", "64"],
        "training.lr": ["0.1", "0.2"],
    }
    assert [each.name for each in found.curves] == ["curves"]
    same = run_sections(comparison(one=one, again=run(tmp_path / "c", 0.1, "simclr", "auroc")))
    assert same.settings is not None
    assert (same.settings.caption, len(same.settings)) == ("The runs have the same settings", 0)


def test_losses_share_a_panel_only_under_one_objective(tmp_path: Path) -> None:
    made = {
        name: run(tmp_path / name, 0.1, objective, score)
        for name, objective, score in (
            ("a", "simclr", "auroc"),
            ("b", "simclr", "auroc"),
            ("c", "moco", "mse"),
        )
    }
    curves = {name: read_curves(place / "metrics.jsonl") for name, place in made.items()}
    figure = figure_training(curves, {"a": "simclr", "b": "simclr", "c": "moco"})
    panels = {axes.get_title(loc="left"): len(axes.lines) for axes in figure.axes}
    assert panels == {"auroc": 2, "mse": 1, "validation loss of simclr": 2}


def test_losses_of_other_settings_are_on_other_scales(tmp_path: Path) -> None:
    objectives: list[dict[str, Any]] = [
        {"name": "simclr", "loss": None},
        {"name": "simclr", "loss": None},
        {"name": "simclr", "loss": {"name": "vicreg", "covariance": 1.0}},
        {"name": "simclr", "loss": {"name": "vicreg", "covariance": 1.0}},
        {"name": "moco", "temperature": 0.1},
        {"name": "simclr", "loss": {"name": "vicreg", "covariance": 4.0}},
    ]
    folders = {}
    for name, objective in zip("abcdef", objectives, strict=True):
        folders[name] = run(tmp_path / name, 0.1, "simclr", "auroc")
        (folders[name] / "config.yaml").write_text(yaml.safe_dump({"objective": objective}))
    settings = {name: dict(_flat(read_config(place / "config.yaml"))) for name, place in folders.items()}
    found = _losses(settings)
    assert found["a"] == found["b"] == "simclr"
    assert found["c"] == found["d"] == "simclr, loss vicreg, loss.covariance 1.0"
    assert found["f"] == "simclr, loss vicreg, loss.covariance 4.0"
    assert found["e"] == "moco"


@pytest.mark.parametrize("missing", ["config.yaml", "metrics.jsonl"])
def test_an_encoder_that_is_no_run_leaves_both_out(tmp_path: Path, missing: str) -> None:
    one, two = run(tmp_path / "a", 0.1, "simclr", "auroc"), run(tmp_path / "b", 0.2, "moco", "auroc")
    (two / missing).unlink()
    assert run_sections(comparison(one=one, two=two)).settings is None
