"""`predict --no-calibration` and then `score` give the scores of the run itself."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import pytest

import tsrep
from tests.conftest import TINY
from tsrep.cli import main
from tsrep.evaluation.scores import Scores


def test_scores_of_the_run_come_again(
    probed_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "p.csv"
    settings = [f"dataset.{key}={value}" for key, value in TINY["dataset"].items() if key != "name"]
    arguments = ["predict", probed_run, TINY["dataset"]["name"], "--part", "test", "--with-targets"]
    arguments += [each for setting in settings for each in ("--set", setting)]
    monkeypatch.setattr(sys, "argv", ["tsrep", *map(str, arguments), "--no-calibration", "--out", str(table)])
    with pytest.raises(SystemExit) as left:
        main()
    assert not left.value.code
    bootstrap = TINY["evaluation"]["n_bootstrap"]
    found = tsrep.score(table, table, n_bootstrap=bootstrap).score
    own = Scores.load(probed_run).where(protocol="probe", unit="record", role="method").scores[0]
    assert (found.n, found.patients, found.classes_scored) == (own.n, own.patients, own.classes_scored)
    for name, metric in own.metrics.items():
        assert asdict(found.metrics[name]) == pytest.approx(asdict(metric), abs=1e-12, nan_ok=True)
    sidecar = tsrep.score(table, table, n_bootstrap=bootstrap, thresholds="0.3").score
    assert sidecar.metrics["auroc"] == found.metrics["auroc"]
