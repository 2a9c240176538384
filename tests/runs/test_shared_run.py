"""A run that was pushed and pulled scores as it did, and starts others as it does itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import tsrep
from tests.conftest import TINY
from tsrep.evaluation.scores import Scores
from tsrep.runs.evaluate_other import evaluate_other
from tsrep.runs.fit import fit
from tsrep.runs.folder import Run
from tsrep.runs.push import push
from tsrep.runs.references.reference import resolve

OTHER = {"name": "ptb-xl-sim", "patients": 60, "records_per_patient": 1.0, "seed": 7}
DRAWN: dict[str, Any] = {"protocols": ["probe"], "labels": [1.0], "seeds": 1}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one epoch with a probe."""
    changes = {"training": {"epochs": 1, "batch_size": 64}, "evaluation": {**DRAWN, "n_bootstrap": 100}}
    return fit(
        TINY | changes, out=tmp_path_factory.mktemp("run") / "run", progress=False, evaluation=True
    ).path


@pytest.fixture
def hub(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the hub, and holds the run."""
    monkeypatch.setenv("TSREP_HUB", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    push(run, tmp_path / "hub" / "o" / "n", licence="cc-by-4.0", synthetic=True)
    return tmp_path / "hub" / "o" / "n"


def test_the_pulled_encoder_scores_as_the_run_does(run: Path, hub: Path, tmp_path: Path) -> None:
    found = [
        evaluate_other(text, OTHER, out=tmp_path / name, progress=False, **DRAWN)[1]
        for name, text in (("own", run), ("pulled", "hub:o/n"))
    ]
    for mine, theirs in zip(*found, strict=True):
        assert (mine.role, mine.metrics, mine.by_seed) == (theirs.role, theirs.metrics, theirs.by_seed)
    assert [score.contamination["status"] for score in found[1]] == ["none"] * len(found[1])


def test_head_scores_and_card_go_along(run: Path, hub: Path) -> None:
    pulled, own = resolve("hub:o/n").open(), Run(run).loaded()
    assert list(pulled.heads) == ["head"]
    x = np.random.default_rng(0).normal(size=(5, len(own.head().classifier.stored().arrays["mean"])))  # type: ignore[union-attr]
    np.testing.assert_array_equal(pulled.head().predict_proba(x), own.head().predict_proba(x))
    assert Scores.load(hub).to_json() == Scores.load(run).to_json()
    card = (hub / "README.md").read_text()
    assert "\nTrained on simulated signals, for trying things out alone." in card
    assert "| random initialisation | " in card
    assert "Simulated signals have no fingerprints." in card
    provenance = json.loads((hub / "provenance.json").read_text())
    assert provenance["data"]["synthetic"] is True
    assert not {"command", "device", "threads", "settings"} & provenance.keys()


def test_a_run_starts_from_the_pushed_copy_as_from_the_run(run: Path, hub: Path, tmp_path: Path) -> None:
    weights = []
    for name, text in (("own", str(run)), ("pushed", "hub:o/n")):
        changes = {"init": {"from": text}, "training": {"epochs": 1, "batch_size": 64}}
        weights.append(fit(TINY | changes, out=tmp_path / name, progress=False))
    one, other = (each.encoder().state_dict() for each in weights)
    assert all(torch.equal(one[name], other[name]) for name in one)
    init = weights[1].provenance["init"]
    assert init["reference"] == "hub:o/n"
    assert init["revision"] == resolve("hub:o/n").open().provenance["revision"]
    assert init["licence"] == "cc-by-4.0"


def test_the_pulled_encoder_predicts_as_the_run_does(run: Path, hub: Path) -> None:
    panel = tsrep.load(OTHER)
    tables = [tsrep.predict(text, panel) for text in (str(run), "hub:o/n", str(hub))]
    columns = [table.to_frame() for table in tables]
    pd.testing.assert_frame_equal(columns[0], columns[1])
    pd.testing.assert_frame_equal(columns[0], columns[2])
