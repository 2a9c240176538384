"""What a run says of recordings that are stored twice and of patients that are not known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.signals.test_fingerprint import recordings
from tsrep.api import load_encoder
from tsrep.errors import ConfigError, SplitError
from tsrep.evaluation.scores import Scores
from tsrep.report import write_report
from tsrep.runs.card import card_of
from tsrep.runs.fit import fit

SMALL: dict[str, Any] = {
    "window": {"seconds": 2.5},
    "encoder": {"name": "dilated-conv", "hidden": 2, "dim": 4, "depth": 2},
    "training": {"epochs": 1},
    "evaluation": {"protocols": ["knn"], "labels": [1.0], "seeds": 1, "n_bootstrap": 100},
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Thirty people with a record each; the last record is the first one in another unit."""
    x = recordings(30)[:, :3].astype(np.float32)
    x[29] = x[0] / 8
    np.save(tmp_path / "records.npy", x)
    table = pd.DataFrame({"patient": [f"p{n}" for n in range(29)] + ["P0"], "label": ["rest", "task"] * 15})
    table.to_csv(tmp_path / "records.csv", index=False)
    return tmp_path


def config(root: Path, **more: Any) -> dict[str, Any]:
    return {"dataset": {"name": "arrays", "sfreq": 100}, "root": str(root), **SMALL, **more}


def test_the_count_is_told_everywhere(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = fit(config(root), out=root / "run", evaluation=True)
    sentence = "1 recording is stored again under another patient; such patients are in one part."
    told = capsys.readouterr().err
    assert sentence in told
    assert "'P0', 'p0' are taken for different patients" in told
    split = json.loads((run.path / "split.json").read_text())
    assert (split["copies"], split["notes"]) == (1, [sentence])
    assert sentence in Scores.load(run.path).notes
    page = Path(write_report(run.path)).read_text(encoding="utf-8")
    assert "(1 recording stored twice, in one part only)" in page
    assert sentence in page


def test_lists_with_a_copy_in_two_parts_are_refused_before_anything_is_written(root: Path) -> None:
    listed = {"name": "patients", "validation": ["p1", "p2"], "test": ["P0", "p3"]}
    with pytest.raises(SplitError, match=r"share 1 recording under another name \(0 = 29\)"):
        fit(config(root, split=listed), out=root / "run", progress=False)
    assert not (root / "run").exists()


def test_patients_that_are_not_known_are_told_and_no_positives(tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(-99, 99, (20, 60))
    rows = [{"sample": f"r{n}", "time": t / 10, "label": "ab"[n % 2], "a": v} for n, row in enumerate(x)
            for t, v in enumerate(row)]  # fmt: skip
    pd.DataFrame(rows).to_csv(tmp_path / "records.csv", index=False)
    own = {"dataset": {"name": "panel-csv", "patient": "sample"}, "window": {"seconds": 1.5}}
    levels: dict[str, Any] = {"name": "comet", "trial_weight": 0, "patient_weight": 0.5}
    with pytest.raises(ConfigError) as refusal:
        fit(config(tmp_path, **own, objective=levels), out=tmp_path / "run", progress=False)
    assert str(refusal.value) == (
        "objective comet contrasts patients, but those of panel-csv are not known, as one recording is taken "
        "for one person; set objective.patient_weight=0 or take another objective"
    )
    assert not (tmp_path / "run").exists()
    objective = levels | {"patient_weight": 0}
    run = fit(
        config(tmp_path, **own, objective=objective), out=tmp_path / "run", progress=False, evaluation=True
    )
    sentence = (
        "Patients are not known: one recording is taken for one person, so intervals may be too narrow."
    )
    assert sentence in Scores.load(run.path).notes
    assert sentence in Path(write_report(run.path)).read_text(encoding="utf-8")
    assert sentence in card_of(load_encoder(run.path), None, None, "mit", "", False)
