"""Runs keep what they were trained on, hand it on, and others are scored without it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.signals.test_fingerprint import TWELVE, panel_of, recordings
from tsrep.evaluation.scores import Scores
from tsrep.runs.evaluate_other import evaluate_other
from tsrep.runs.fit import fit
from tsrep.runs.folder import Run
from tsrep.runs.ledger import Ledger

SMALL: dict[str, Any] = {
    "window": {"seconds": 2.5},
    "encoder": {"name": "dilated-conv", "hidden": 2, "dim": 4, "depth": 2},
    "training": {"epochs": 1},
    "evaluation": {"protocols": ["knn"], "labels": [1.0], "seeds": 1, "n_bootstrap": 100},
}
A, B = recordings(40), recordings(40, seed=5)


def written(folder: Path, x: np.ndarray) -> Path:
    """An array of recordings with a table of patients and labels."""
    folder.mkdir()
    np.save(folder / "records.npy", x)
    people = {"patient": [f"p{n}" for n in range(len(x))], "label": ["rest", "task"] * (len(x) // 2)}
    pd.DataFrame(people).to_csv(folder / "records.csv", index=False)
    return folder


def config(root: Path, **more: Any) -> dict[str, Any]:
    dataset = {"name": "arrays", "sfreq": 100, "channels": list(TWELVE)}
    return {"dataset": dataset, "root": str(root), **SMALL, **more}


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on forty recordings, in a folder with theirs."""
    place = tmp_path_factory.mktemp("runs")
    return fit(config(written(place / "a", A)), out=place / "run", progress=False).path


def test_a_run_keeps_training_and_validation_parts(first: Path) -> None:
    ledger = Ledger.load(first)
    assert ledger is not None
    counts = json.loads((first / "split.json").read_text())["counts"]
    trained, chosen = (ledger.only(part).seen(panel_of(A)).rows for part in ("trained", "chosen"))
    assert len(trained) == counts["train"]["trials"]
    assert len(chosen) == counts["validation"]["trials"]
    assert ledger.complete
    assert not ledger.public
    assert Run(first).loaded().ledger.digest == ledger.digest  # type: ignore[union-attr]


def test_no_ledger_where_none_is_wanted(first: Path, tmp_path: Path) -> None:
    run = fit(config(first.parent / "a", ledger="none"), out=tmp_path / "run", progress=False)
    assert Ledger.load(run.path) is None
    assert Run(run.path).encoder().state_dict().keys() == Run(first).encoder().state_dict().keys()


def test_simulated_recordings_leave_an_empty_ledger(tiny_run: Path) -> None:
    ledger = Ledger.load(tiny_run)
    assert ledger is not None
    assert (len(ledger), ledger.complete) == (0, True)


def test_other_data_are_scored_without_what_was_trained_on(first: Path, tmp_path: Path) -> None:
    ledger = Ledger.load(first)
    assert ledger is not None
    rows = ledger.only("trained").seen(panel_of(A)).rows[:4]
    mixed = np.concatenate([B, A[rows]])
    root = written(tmp_path / "b", mixed)
    dataset = {"name": "arrays", "sfreq": 100, "channels": list(TWELVE)}
    folder, scores = evaluate_other(
        first, dataset, root=root, out=tmp_path / "scores", progress=False, seen="leave-out"
    )
    (score,) = (one for one in scores if one.role == "method" and one.unit == "record")
    assert score.contamination["status"] in ("seen", "none")
    kept = Ledger.load(folder)
    assert kept is not None
    found, before = (each.only("trained").seen(panel_of(A)).rows for each in (kept, ledger))
    assert found.tolist() == before.tolist()
    assert len(kept.only("labelled").seen(panel_of(B)).rows) > 20


def test_what_ancestors_saw_is_handed_on_and_left_out(first: Path, tmp_path: Path) -> None:
    root = written(tmp_path / "b", np.concatenate([B[:10], A[:30]]))
    init = {"from": str(first)}
    run = fit(config(root, init=init), out=tmp_path / "run", progress=False, evaluation=True)
    ledger, before = Ledger.load(run.path), Ledger.load(first)
    assert ledger is not None
    assert before is not None
    assert ledger.complete
    mine, theirs = (each.only("trained").seen(panel_of(A)).rows for each in (ledger, before))
    assert len(mine) >= len(theirs) > 0
    assert not (run.path / "init" / "fingerprints.safetensors").exists()
    scores = Scores.load(run.path)
    (score,) = (one for one in scores if one.role == "method" and one.unit == "record")
    assert score.contamination["status"] == "seen"
    assert score.contamination["left_out"] > 0
    assert score.n == score.contamination["of"] - score.contamination["left_out"]
    assert any("are left out" in note for note in scores.notes)
