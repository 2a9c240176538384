"""Recordings that an encoder was trained on, met again in other data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tsrep
from tests.conftest import TINY
from tsrep.datasets.loading import load
from tsrep.errors import RunError
from tsrep.evaluation.scores import Scores
from tsrep.runs.evaluate_other import evaluate_other
from tsrep.runs.fit import fit

QUICK: dict[str, Any] = {"protocols": ("knn",), "labels": (1.0,), "progress": False}


def write(folder: Path, x: np.ndarray, first: int) -> dict[str, Any]:
    """Recordings of patients ``first`` and so on; every fifth is in the test part."""
    folder.mkdir()
    np.save(folder / "records.npy", np.round(1000 * x).astype(np.int16))
    rows = [f"{first + i},{'ab'[i % 2]},{i % 5 + 1}" for i in range(len(x))]
    (folder / "records.csv").write_text("\n".join(["patient,label,fold", *rows]) + "\n")
    channels = ["I", "II", "III", "aVR", "aVL", "aVF", *(f"V{i}" for i in range(1, 7))]
    return {
        "name": "arrays", "sfreq": 100, "scale": 0.001, "unit": "mV", "channels": channels, "fold": "fold",
    }  # fmt: skip


@pytest.fixture(scope="module")
def signals() -> np.ndarray:
    panel = load({"name": "ptb-xl-sim", "patients": 80, "records_per_patient": 1.0, "seed": 9})
    return np.asarray(panel.take(np.arange(80)))


SPLIT = {"name": "official", "train": [1, 2, 3], "validation": [4], "test": [5]}


@pytest.fixture(scope="module")
def run(signals: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("seen")
    settings = TINY | {
        "dataset": write(folder / "own", signals[:40], 0),
        "root": str(folder / "own"),
        "split": SPLIT,
        "training": {"epochs": 1, "batch_size": 64},
        "objective": "simclr",
    }
    return fit(settings, out=folder / "run", progress=False, illustrate=False).path


@pytest.fixture
def other(signals: np.ndarray, tmp_path: Path) -> dict[str, Any]:
    """Forty recordings; one of the test part is a training recording of the run under another name."""
    x = signals[40:].copy()
    x[4] = signals[1]
    return {"dataset": write(tmp_path / "other", x, 500), "root": tmp_path / "other", "split": SPLIT}


def test_scored_recordings_that_were_trained_on_are_refused(
    run: Path, other: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(RunError, match="was trained on 1 of the 8 records to be scored; score another part"):
        evaluate_other(run, **other, out=tmp_path / "out", **QUICK)
    assert not (tmp_path / "out").exists()


def test_they_are_left_out_when_told(run: Path, other: dict[str, Any], tmp_path: Path) -> None:
    folder, scores = evaluate_other(run, **other, out=tmp_path / "out", seen="leave-out", **QUICK)
    assert {(score.n, score.contamination["left_out"]) for score in scores if score.unit == "record"} == {
        (7, 1)
    }
    assert any("1 by their stored values" in note and "1 are left out" in note for note in scores.notes)
    assert Scores.load(folder).scores[0].contamination == scores.scores[0].contamination


@pytest.mark.usefixtures("plain_reports")
def test_kept_ones_are_marked_and_enter_no_verdict(run: Path, other: dict[str, Any], tmp_path: Path) -> None:
    out = tmp_path / "out"
    scores = tsrep.evaluate(run, **other, out=out, seen="keep", **QUICK)
    assert {score.n for score in scores if score.unit == "record"} == {8}
    page = (out / "report.html").read_text()
    assert "they are scored all the same (†seen)" in page
    assert 'class="verdict' not in page
    assert json.loads((out / "provenance.json").read_text())["contamination"]["kept"]


def test_the_dry_run_counts_them(run: Path, other: dict[str, Any]) -> None:
    from tsrep.runs.described import fit_to
    from tsrep.signals.convert import Policies

    lines = fit_to(
        tsrep.load_encoder(run), other["dataset"], root=other["root"], policies=Policies(), ledger=True
    )
    assert any("1 of 40 recordings were seen by the encoder" in line for line in lines)
