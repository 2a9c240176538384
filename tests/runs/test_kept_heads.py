"""Heads in a run's folder: they are of its encoder and give the numbers of its scores."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from tsrep.encoders.pooling import POOLS
from tsrep.errors import ConfigError, RunError
from tsrep.evaluation.embedding import embed
from tsrep.evaluation.heads.kept import load_heads
from tsrep.evaluation.labels.linear_probe import fit_probe
from tsrep.evaluation.labels.metrics import metrics
from tsrep.runs.config import configure
from tsrep.runs.evaluate import evaluate
from tsrep.runs.fit import fit
from tsrep.runs.folder import Run
from tsrep.runs.task import task_of


@pytest.fixture
def run(tiny_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_run, tmp_path / "run"))


def set_evaluation(run: Path, **changes: Any) -> None:
    path = run / "config.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    content["evaluation"] |= changes
    path.write_text(yaml.safe_dump(content), encoding="utf-8")


def test_the_head_of_a_run_gives_its_scores(run: Path) -> None:
    shutil.rmtree(run / "head", ignore_errors=True)
    scores = evaluate(run, protocols=("probe",), labels=(1.0,), progress=False)
    loaded = Run(run).loaded()
    head = loaded.head()
    assert (head.name, head.fitted_on.weights) == ("probe-1-0", loaded.weights)
    assert head.fitted_on.contract == loaded.contract.digest
    prepared = task_of(Run(run).config).prepare(progress=False)
    panel, split = prepared.panel, prepared.split
    x = embed(loaded.encoder, panel, pool=POOLS[head.pool])
    (key,) = [each for each in scores.predictions if each[0] == Run(run).config.objective.name]
    kept = scores.predictions[key]
    found = head.scores(x[split.test], panel.trial[split.test])
    assert np.allclose(found, kept.prob, atol=1e-12)
    (score,) = scores.where(role="method", unit="record")
    for name, value in metrics(found, kept.target).items():
        assert value == pytest.approx(score.metrics[name].value, abs=1e-12, nan_ok=True)
    held = x[split.validation], panel.label[split.validation]
    again = fit_probe(x[split.train], panel.label[split.train], len(panel.classes), validation=held)
    assert np.allclose(again.predict(x), head.classifier.predict(x), atol=1e-12)


def test_which_heads_are_kept_is_a_setting(run: Path) -> None:
    shutil.rmtree(run / "head", ignore_errors=True)
    for keep, wanted in (("none", 0), ("best", 1), ("all", 2)):
        set_evaluation(run, keep_heads=keep)
        scores = evaluate(run, protocols=("probe", "knn"), labels=(1.0,), progress=False)
        heads = load_heads(run / "head")
        assert len(heads) == wanted
        assert all(bool(s.of_head) == (keep != "none") for s in scores.where(role="method", unit="record"))
    best = max(heads.values(), key=lambda each: each.validation.metrics["auroc"].value)
    assert next(iter(heads)) == best.name


def test_scores_of_another_part_leave_the_heads_alone(run: Path) -> None:
    evaluate(run, protocols=("knn",), labels=(1.0,), progress=False)
    before = {path.name: path.read_bytes() for path in (run / "head").iterdir()}
    scores = evaluate(run, protocols=("knn",), labels=(1.0,), part="validation", progress=False)
    assert len(scores.where(role="method", unit="record", protocol="knn", part="validation"))
    assert {path.name: path.read_bytes() for path in (run / "head").iterdir()} == before


def test_a_head_of_other_weights_is_refused(run: Path, tmp_path: Path) -> None:
    evaluate(run, protocols=("probe",), labels=(1.0,), progress=False)
    path = run / "head" / "probe-1-0.json"
    weights = Run(run).loaded().weights
    path.write_text(path.read_text(encoding="utf-8").replace(weights, "f" * 64), encoding="utf-8")
    with pytest.raises(RunError, match=r"head probe-1-0 was fitted on other weights \(digest ffffffffffff"):
        Run(run).loaded().head()


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        ("keep_heads", "some", "evaluation.keep_heads"),
        ("calibration", "platt", "evaluation.calibration"),
        ("thresholds", "f3", "evaluation.thresholds is 'f3': .*it is no rule for thresholds; write f1"),
        ("coverage", 1.0, "evaluation.coverage is 1.0"),
        ("coverag", 0.9, "did you mean 'coverage'"),
    ],
)
def test_settings_of_heads_are_checked(setting: str, value: Any, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        configure({"dataset": "ptb-xl-sim", "evaluation": {setting: value}})


def test_a_rule_that_does_not_go_with_the_classes_is_refused_before_anything_is_written(
    tmp_path: Path,
) -> None:
    x = np.random.default_rng(0).normal(size=(30, 2, 500)).astype(np.float32)
    np.save(tmp_path / "records.npy", x)
    names = pd.DataFrame({"patient": [f"p{n}" for n in range(30)], "label": ["rest", "task", "sleep"] * 10})
    names.to_csv(tmp_path / "records.csv", index=False)
    config = {
        "dataset": {"name": "arrays", "sfreq": 100, "unit": "mV", "channels": ["I", "II"]},
        "root": str(tmp_path), "window": {"seconds": 2.5}, "evaluation": {"thresholds": "youden"},
        "encoder": {"name": "dilated-conv", "hidden": 2, "dim": 4, "depth": 2},
    }  # fmt: skip
    with pytest.raises(ConfigError, match="of 3 exclusive classes the most probable one is decided on"):
        fit(config, out=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()
