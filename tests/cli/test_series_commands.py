"""Runs on a series from the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.cli.conftest import Command
from tests.runs.test_series_runs import SMALL, write_series
from tsrep.evaluation.scores import Scores


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(SMALL))
    return path


@pytest.mark.usefixtures("plain_reports")
def test_fit_evaluate_plot_and_embed(config: Path, tmp_path: Path, command: Command) -> None:
    root, run = write_series(tmp_path / "data") / "series.csv", tmp_path / "run"
    options = ["--config", config, "--root", root, "--set", "dataset={target: v0, variables: target}"]
    done = command("fit", *options, "--objective", "autotcl", "--no-evaluate", "--out", run)
    assert done.returncode == 0, done.stderr
    assert "tsrep evaluate" in done.stdout
    done = command("evaluate", run, "--protocol", "forecast")
    assert done.returncode == 0, done.stderr
    assert "ridge-nlinear" in done.stdout
    scores = Scores.load(run)
    assert scores.forecasts["test"].channels == ("v0",)
    done = command("plot", "views", run)
    assert done.returncode == 0, done.stderr
    assert (run / "figures" / "views.png").exists()
    done = command("embed", run, "--out", tmp_path / "steps.npz")
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "steps.npz") as stored:
        assert stored["x"].shape[:2] == (1, len(stored["time"]))
    assert "MSE" in command("show", run).stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fit", "--set", "dataset.variables=target"], "unknown setting dataset.variables; known: "),
        (["fit", "-d", "series-csv", "--objective", "comet", "--root", "x"], "objective comet needs"),
        (["fit", "-d", "etth1", "--set", "objective.trunk.name=lstmm"], "did you mean 'lstm'"),
        (["fit", "-d", "etth1", "--set", "objective.form=papr"], "did you mean 'paper'"),
        (["fit", "-d", "series-csv", "--root", "nothing.csv"], "nothing.csv"),
        (["plot", "views", "nowhere"], "is no run folder"),
        (["evaluate", "nowhere", "--protocol", "forecast"], "is no run folder"),
    ],
)
def test_a_mistake_is_one_sentence(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    refused: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in refused(*arguments)
    assert not list(tmp_path.iterdir())
