"""Encoders and forecasters of one series on another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import tsrep
from tsrep.errors import RunError
from tsrep.runs.config import merged
from tsrep.runs.described import fit_to
from tsrep.runs.evaluate import evaluate
from tsrep.runs.evaluate_other import evaluate_other
from tsrep.runs.fit import fit
from tsrep.signals.convert import Policies

OWN: dict[str, Any] = {"name": "seasonal-sim", "steps": 700, "channels": 2, "noise": 0.0}
OTHER = OWN | {"seed": 5, "scale": 7.0}
FORECASTER: dict[str, Any] = {
    "dataset": OWN,
    "objective": {"name": "forecast", "lookback": 24, "horizon": 8},
    "encoder": {"name": "dilated-conv-ar", "hidden": 4, "dim": 8, "depth": 3},
    "training": {"epochs": 1, "batch_size": 64},
    "evaluation": {"forecast": {"horizons": [8]}, "seeds": 1},
}
ENCODER = {
    "objective": {"name": "ts2vec"},
    "evaluation": {"forecast": {"context": 24}},
    "window": {"steps": 24},
}


@pytest.fixture(scope="module", params=["forecaster", "encoder"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = FORECASTER
    if request.param == "encoder":
        settings = merged(FORECASTER, ENCODER)
    folder = tmp_path_factory.mktemp(request.param) / "run"
    return fit(settings, out=folder, progress=False, illustrate=False).path


def test_another_series_is_scored_beside_controls(run: Path, tmp_path: Path) -> None:
    folder, scores = evaluate_other(run, OTHER, out=tmp_path / "out", progress=False)
    assert not (run / "scores.json").exists()
    assert {score.role for score in scores} == {"method", "control", "baseline"}
    assert {score.data for score in scores} == {"other data"}
    (done,) = json.loads((folder / "provenance.json").read_text())["conversion"]
    assert "standardised on its own training part" in done
    assert json.loads((folder / "provenance.json").read_text())["whose"] == "other data"
    scores_of_same, own = evaluate_other(run, OWN, out=tmp_path / "own", progress=False)
    assert {score.data for score in own} == {"own data"}
    ours = {score.identity: score.metrics for score in evaluate(run, progress=False)}
    assert {score.identity: score.metrics for score in own} == ours
    assert (scores_of_same / "scores.json").exists()


@pytest.mark.usefixtures("plain_reports")
def test_the_page_says_whose_series_it_is(run: Path, tmp_path: Path) -> None:
    tsrep.evaluate(run, OTHER, out=tmp_path / "out", progress=False)
    page = (tmp_path / "out" / "report.html").read_text()
    assert f"The encoder {run}, trained on " in page or f"The forecaster {run}, trained on " in page
    assert "other data: " in page


def test_a_series_that_is_not_alike_is_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"has channels 3, .* was trained on 2; choose a series that is alike"):
        evaluate_other(run, OTHER | {"channels": 3}, out=tmp_path / "out", progress=False)
    assert not (tmp_path / "out").exists()


def test_own_series_divided_otherwise_is_refused(run: Path, tmp_path: Path) -> None:
    split = {"name": "chronological", "train": 0.5, "validation": 0.2}
    with pytest.raises(RunError, match="leave the split out, or restore that of the run"):
        evaluate_other(run, OWN, split=split, out=tmp_path / "out", progress=False)


def test_the_file_alone_does_not_say_how_a_series_is_cut(run: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"was trained on labelled records|is no run folder"):
        evaluate_other(run / "encoder.safetensors", OTHER, out=tmp_path / "out", progress=False)


def test_another_series_is_pictured_and_tried_without_computing(run: Path, tmp_path: Path) -> None:
    figure = tsrep.plot_views(run, dataset=OTHER, out=tmp_path / "views.png")
    assert figure.exists()
    loaded = tsrep.load_encoder(run)
    lines = fit_to(loaded, OTHER, policies=Policies())
    assert any("700 steps" in line for line in lines)
    with pytest.raises(RunError, match="has channels 3"):
        fit_to(loaded, OTHER | {"channels": 3}, policies=Policies())
