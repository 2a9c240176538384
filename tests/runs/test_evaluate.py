"""Scores of runs: named, beside their controls, merged, and blind to test labels until the end."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tsrep.errors import ConfigError, RunError
from tsrep.evaluation.protocols import finetune
from tsrep.evaluation.scores import Scores
from tsrep.runs.evaluate import evaluate
from tsrep.runs.folder import Run
from tsrep.runs.task import PanelTask
from tsrep.signals import Panel


@pytest.fixture
def run(tiny_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_run, tmp_path / "run"))


def test_every_score_stands_beside_its_controls(run: Path) -> None:
    scores = evaluate(run, progress=False)
    rows = list(scores)
    for protocol in ("probe", "knn"):
        for labels, by in ((1.0, "all"), (0.1, "sample"), (0.1, "patient")):
            there = scores.where(protocol=protocol, fraction=labels, subsample_by=by, unit="record")
            assert {s.role: s.method for s in there} == {
                "method": "comet", "control": "random initialisation", "baseline": "majority",
            }  # fmt: skip
    for score in rows:
        assert score.part == "test"
        assert score.patients > 0
        for name in ("auroc", "auprc", "f1", "accuracy", "precision", "recall"):
            interval = score.metrics[name]
            assert np.isnan(interval.low) or interval.low <= interval.high
    ours = next(s for s in rows if s.method == "comet" and s.unit == "record")
    assert ours.against == "random initialisation"
    assert "auroc" in ours.difference
    assert Scores.load(run).scores == scores.scores or len(Scores.load(run)) == len(scores)


def test_scoring_again_replaces_and_scoring_more_adds(run: Path) -> None:
    first = evaluate(run, protocols=("knn",), labels=(1.0,), progress=False)
    again = evaluate(run, protocols=("knn",), labels=(1.0,), progress=False)
    assert len(first) == len(again)
    more = evaluate(run, protocols=("probe",), labels=(1.0,), progress=False)
    assert {s.protocol for s in more} == {"knn", "probe"}


def test_finetuning_resumes_from_what_is_done(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = evaluate(run, protocols=("finetune",), labels=(1.0,), seeds=1, progress=False)
    methods = {s.method for s in scores.where(protocol="finetune")}
    assert methods == {"comet", "random initialisation", "majority"}
    monkeypatch.setattr(finetune, "Trainer", None)  # a second training would fail
    again = evaluate(run, protocols=("finetune",), labels=(1.0,), seeds=1, progress=False)
    assert [s.metrics for s in again] == [s.metrics for s in scores]


def test_every_seed_fraction_and_draw_is_trained_by_itself(run: Path) -> None:
    evaluate(run, protocols=("finetune",), labels=(0.5, 0.1), seeds=2, progress=False)
    kept = sorted(path.name for path in (run / "finetune").iterdir())
    assert sum(name.endswith(".npz") for name in kept) == 2 * 2 * 2 * 2
    assert sum(name.endswith(".safetensors") for name in kept) == len(kept) - 16 == 1  # of the head
    digests = {(run / "finetune" / name).read_bytes() for name in kept}
    assert len(digests) == len(kept)


def test_scored_patients_do_not_choose_the_epoch_of_finetuning(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules: list[str] = []

    class Watched(finetune.Trainer):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            rules.append(self.settings.keep)

    monkeypatch.setattr(finetune, "Trainer", Watched)
    for part in ("validation", "test"):
        evaluate(run, protocols=("finetune",), labels=(1.0,), seeds=1, part=part, progress=False)
    assert rules == ["last"] * 2 + ["score"] * 2


def test_predictions_of_another_part_do_not_replace_those_of_the_test_part(run: Path) -> None:
    first = evaluate(run, protocols=("knn",), labels=(1.0,), progress=False)
    both = evaluate(run, protocols=("knn",), labels=(1.0,), part="validation", progress=False)
    key = ("comet", "knn", 1.0, "all", "test")
    np.testing.assert_array_equal(both.predictions[key].prob, first.predictions[key].prob)
    assert (*key[:4], "validation") in both.predictions


def test_a_changed_split_is_refused(run: Path) -> None:
    path = run / "config.yaml"
    path.write_text(path.read_text().replace("split: null", "split: {name: stratified, seed: 5}"))
    with pytest.raises(
        RunError, match=r"split.name in .*config.yaml is 'stratified', but .* started with None"
    ):
        evaluate(run, progress=False)


def test_validation_scores_are_called_so(run: Path) -> None:
    scores = evaluate(run, protocols=("knn",), labels=(1.0,), part="validation", progress=False)
    assert {s.part for s in scores} == {"validation"}


def test_wrong_settings_are_refused_before_anything_is_read(run: Path) -> None:
    with pytest.raises(ConfigError, match=r"evaluation\.labels"):
        evaluate(run, labels=(2.0,), progress=False)
    assert not (run / "scores.json").exists()


def test_changed_data_are_refused(run: Path) -> None:
    Run(run).tell(data=Run(run).provenance["data"] | {"digest": "another"})
    with pytest.raises(RunError, match=r"the data of .* changed since it was started"):
        evaluate(run, progress=False)
    assert not (run / "scores.json").exists()


def test_labels_of_test_patients_change_no_prediction(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = evaluate(run, labels=(1.0,), progress=False).predictions
    real = PanelTask.prepared

    def flipped(task: PanelTask, data: Panel) -> object:
        prepared = real(task, data)
        label = prepared.panel.label.copy()
        label[prepared.split.test] = ~label[prepared.split.test]
        return replace(prepared, panel=replace(prepared.panel, label=label))

    monkeypatch.setattr(PanelTask, "prepared", flipped)
    (run / "scores.json").unlink()
    changed = evaluate(run, labels=(1.0,), progress=False).predictions
    assert plain.keys() == changed.keys()
    for key, predictions in plain.items():
        np.testing.assert_array_equal(predictions.prob, changed[key].prob)
