"""Plug-ins as installed distributions, each one file: an objective that forecasts, and a protocol."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.cli.conftest import Told
from tests.cli.installing import install
from tests.conftest import TINY
from tsrep.evaluation.scores import Scores

pytestmark = pytest.mark.usefixtures("plain_reports")

OBJECTIVE = '''
"""Forecasts that repeat the last season."""
import torch

from tsrep.objectives.objective import Objective, TrainingWindows
from tsrep.registry import OBJECTIVES


@OBJECTIVES.register("seasonal", runtime=("covariates",))
class Seasonal(Objective):
    """Repeats the last season; the encoder learns to be small, as something must be trained."""

    forecasts = True

    def __init__(self, covariates: int, lookback: int = 24, horizon: int = 9, period: int = 6) -> None:
        super().__init__()
        self.lookback, self.horizon, self.period, self.leading = lookback, horizon, period, covariates

    @classmethod
    def training_windows(cls, settings):
        return TrainingWindows(settings.lookback + settings.horizon, hop=1, history=settings.lookback)

    def forward(self, encoder, batch, *, generator):
        return {"size": encoder(batch.x[..., : self.lookback]).square().mean()}

    def predict(self, encoder, past, ahead):
        at = past.shape[-1] - self.period + torch.arange(self.horizon) % self.period
        return past[:, self.leading :, at]
'''

PROTOCOL = '''
"""The class whose mean of features is nearest."""
import numpy as np

from tsrep.evaluation.heads.classifier import Classifier
from tsrep.evaluation.protocols.labels import FrozenFeatureProtocol
from tsrep.registry import PROTOCOLS


class Means(Classifier):
    def __init__(self, means):
        self.means = means

    def predict(self, features):
        distance = np.linalg.norm(features[:, None] - self.means[None], axis=2)
        weight = np.exp(distance.min(axis=1, keepdims=True) - distance)
        return weight / weight.sum(axis=1, keepdims=True)


@PROTOCOLS.register("nearest-mean")
class NearestMean(FrozenFeatureProtocol):
    """Nearest class mean."""

    name, title, multilabel = "nearest-mean", "nearest class mean", False

    def __init__(self, shrink: float = 1.0) -> None:
        self.shrink = shrink

    def fit(self, features, label, classes, *, group, validation):
        present = [features[label == k].mean(axis=0) for k in range(classes)]
        return Means(self.shrink * np.stack(present))
'''


@pytest.fixture
def series(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    hours = np.datetime64("2024-01-01") + np.arange(240) * np.timedelta64(1, "h")
    path = tmp_path / "load.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["date", "load", "wind"])
        rows.writerows([str(h).replace("T", " "), *map("{:.4f}".format, rng.normal(size=2))] for h in hours)
    return path


def help_of_evaluate(site: Path) -> str:
    """In a process of its own, as help is written where the program starts."""
    path = os.pathsep.join(filter(None, (str(site), os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        [sys.executable, "-m", "tsrep", "evaluate", "--help"],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
        check=True,
    )
    return done.stdout


def test_an_objective_that_forecasts_reaches_forecasts_and_report(
    tmp_path: Path, site: Path, told: Told, series: Path
) -> None:
    install(site, "seasonal", "tsrep.objectives", OBJECTIVE)
    config = {
        "dataset": {"name": "series-csv", "period": 6, "calendar": False},
        "root": str(series),
        "encoder": {"name": "dilated-conv-ar", "hidden": 4, "dim": 4, "depth": 2},
        "objective": {"name": "seasonal"},
        "training": {"epochs": 1, "validate_every": 1},
        "evaluation": {"seeds": 1, "forecast": {"n_bootstrap": 100}},
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    run = tmp_path / "run"
    said = told("fit", "--config", tmp_path / "config.yaml", "--out", run)
    assert "seasonal" in said
    scores = Scores.load(run)
    errors = {s.method: s.value for s in scores}
    assert errors["seasonal"] == pytest.approx(errors["seasonal-naive"], rel=1e-5)
    assert {s.role for s in scores if s.method == "seasonal"} == {"method"}
    assert "seasonal" in (run / "report.html").read_text()
    told("forecast", run, "--input", series, "--out", tmp_path / "ahead")
    with series.open() as known, (tmp_path / "ahead" / "forecast.csv").open() as forecast:
        past, ahead = list(csv.DictReader(known)), list(csv.DictReader(forecast))
    assert len(ahead) == 9
    for name in ("load", "wind"):
        by_hand = [float(past[-6 + k % 6][name]) for k in range(9)]
        assert [float(row[name]) for row in ahead] == pytest.approx(by_hand, abs=1e-4)


def test_a_protocol_is_in_evaluate_help_report_and_study(tmp_path: Path, site: Path, told: Told) -> None:
    install(site, "nearest-mean", "tsrep.evaluation.protocols", PROTOCOL)
    assert "nearest-mean" in told("list", "protocols")
    assert "nearest-mean" in help_of_evaluate(site)
    config = TINY | {
        "dataset": TINY["dataset"] | {"task": "medformer"},
        "split": {"name": "stratified"},
        "objective": {"name": "ts2vec"},
        "training": {"epochs": 1, "batch_size": 64},
        "evaluation": {
            "protocols": ["nearest-mean"], "labels": [1.0], "seeds": 1, "n_bootstrap": 100,
            "nearest-mean": {"shrink": 0.5},
        },
    }  # fmt: skip
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    run = tmp_path / "run"
    said = told("fit", "--config", tmp_path / "config.yaml", "--out", run)
    assert "nearest class mean" in said.lower()
    methods = {s.method for s in Scores.load(run).where(protocol="nearest-mean")}
    assert methods == {"ts2vec", "random initialisation", "majority"}
    assert "earest class mean" in (run / "report.html").read_text()
