"""The epoch that is kept: the last without labels, or one for each draw of labels, chosen by these alone."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.conftest import TINY
from tsrep.errors import ConfigError, RunError
from tsrep.evaluation.candidate import Candidate
from tsrep.registry import PROTOCOLS
from tsrep.report.contents import read_run
from tsrep.report.page import _kept
from tsrep.runs.config import configure
from tsrep.runs.evaluate import evaluate
from tsrep.runs.fit import fit
from tsrep.runs.folder import Run
from tsrep.runs.task import PanelTask
from tsrep.runs.trained import kept_models
from tsrep.runs.validation_score import probe_score
from tsrep.signals import Panel

PROBED: dict[str, Any] = {
    **TINY,
    "training": {
        **TINY["training"],
        "epochs": 3,
        "batch_size": 32,
        "average": "none",
        "lr": 3e-3,
        "keep": "probe",
    },
    "evaluation": {**TINY["evaluation"], "labels": [0.1, 1.0], "protocols": ["probe"]},
}
DRAWS = {"1-all-0", *(f"0.1-{by}-{seed}" for by in ("sample", "patient") for seed in (0, 1))}


@pytest.fixture(scope="module")
def probed(data_cache: Path) -> Path:
    return fit(PROBED, out=data_cache / "probed", progress=False).path


def flipped(panel: Panel, index: np.ndarray) -> Panel:
    """The panel with other labels of some samples."""
    label = panel.label.copy()
    label[index] = ~label[index]
    return replace(panel, label=label)


def test_the_default_keeps_the_last_epoch_and_reads_no_label(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(tiny_run)
    assert run.config.training.keep == "last"
    assert run.provenance["training"]["epoch"] == TINY["training"]["epochs"]
    assert "score" not in (tiny_run / "metrics.jsonl").read_text()
    real = PanelTask.prepared

    def other_labels(task: PanelTask, data: Panel) -> object:
        prepared = real(task, data)
        return replace(prepared, panel=flipped(prepared.panel, np.arange(len(prepared.panel))))

    monkeypatch.setattr(PanelTask, "prepared", other_labels)
    other = fit(TINY, out=tmp_path / "run", progress=False)
    for mine, theirs in zip(run.encoder().parameters(), other.encoder().parameters(), strict=True):
        assert torch.equal(mine, theirs)


def test_a_probe_keeps_an_epoch_for_each_draw_of_labels(probed: Path) -> None:
    training = Run(probed).provenance["training"]
    assert training["kept"].keys() == DRAWS
    assert training["epoch"] == training["kept"]["1-all-0"]  # the most labels stand for the run
    assert len(set(training["kept"].values())) > 1
    assert "one for each draw" in _kept(read_run(probed))


def test_the_score_that_chooses_for_a_draw_reads_its_labels_alone(probed: Path) -> None:
    run = Run(probed)
    prepared = run.prepare()
    evaluation = run.task.evaluation(prepared, lambda _: None)
    draws, held = evaluation.drawn(), evaluation.drawn("validation")
    own = "0.1-patient-1"
    assert draws.keys() == held.keys() == DRAWS
    validation = prepared.split.validation
    np.testing.assert_array_equal(held["1-all-0"], validation)
    assert len(held[own]) < len(validation)
    others = np.setdiff1d(np.concatenate([prepared.split.train, validation]), [*draws[own], *held[own]])
    changed = replace(prepared, panel=flipped(prepared.panel, others))
    device = torch.device("cpu")
    before, after = (
        probe_score(run.config, data, draws, held, device)(run.encoder(), run.objective())
        for data in (prepared, changed)
    )
    assert before[own] == after[own]
    assert all(before[name] != after[name] for name in DRAWS - {own})


def test_every_row_is_scored_with_the_epochs_that_its_labels_chose(probed: Path) -> None:
    run = Run(probed)
    scores = evaluate(run, progress=False).where(role="method", unit="record")
    evaluation = run.task.evaluation(run.prepare(), lambda _: None)
    protocol = PROTOCOLS.build(run.config.evaluation.probe)
    for by in ("sample", "patient"):
        names = [f"0.1-{by}-{seed}" for seed in (0, 1)]
        features = [evaluation.embed(make()[0]) for make in map(kept_models(run).__getitem__, names)]
        own = replace(evaluation, fractions=(0.1,), subsample_by=(by,))
        one = Candidate("one", "method", features=features, of_draw=[{}, {}])  # each goes with its draw
        found, _ = protocol.evaluate([one], own)
        (expected,), (row,) = (
            found.where(method="one", unit="record"),
            scores.where(fraction=0.1, subsample_by=by),
        )
        assert row.by_seed["auroc"] == expected.by_seed["auroc"]


def test_labels_that_chose_no_epoch_are_refused(probed: Path) -> None:
    with pytest.raises(
        RunError, match=r"kept no epoch for 5 % of labels by sample that are drawn with seed 0; "
    ):
        evaluate(probed, labels=[0.05], progress=False)
    with pytest.raises(RunError, match="10 % of labels by sample that are drawn with seed 2"):
        evaluate(probed, seeds=3, progress=False)


def test_the_labels_that_choose_cannot_change_on_resume(probed: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(probed, tmp_path / "run"))
    text = (copy / "config.yaml").read_text()
    (copy / "config.yaml").write_text(text.replace("- sample\n", "- record\n"))
    with pytest.raises(RunError, match=r"evaluation.subsample_by in .* is \['record', 'patient'\], but"):
        fit(resume=copy, progress=False)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"training": {"keep": "score"}},
            "training.keep is score, the error of forecasts, and ptb-xl-sim is",
        ),
        (
            {"dataset": "seasonal-sim", "training": {"keep": "probe"}},
            "which needs labels, and seasonal-sim is",
        ),
        ({"training": {"patience": 2}}, "patience is 2, but keep is last"),
        (
            {
                "dataset": {"name": "ucr-uea", "problem": "GunPoint"},
                "training": {"keep": "probe"},
                "evaluation": {"protocols": ["svm"], "labels": [1.0, 0.1]},
            },
            "protocol svm draws its labels from training and validation part together",
        ),
        (
            {
                "dataset": "seasonal-sim",
                "objective": {"name": "forecast", "contrast": "moco"},
                "pretrain": {"keep": "score"},
            },
            "pretrain.keep is score, but pre-training by a contrast is not scored",
        ),
    ],
)
def test_choices_that_cannot_be_made_are_refused_before_data_are_read(
    settings: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence):
        configure(settings)


def test_a_series_keeps_the_epoch_of_the_smallest_error(data_cache: Path) -> None:
    config = configure({"dataset": "seasonal-sim", "objective": "forecast"})
    assert (config.training.keep, config.training.patience) == ("score", 3)


def test_a_score_that_is_asked_for_is_logged_and_chooses_nothing(tmp_path: Path) -> None:
    asked = {**TINY, "training": {**TINY["training"], "epochs": 1, "log_score": True}}
    run = fit(asked, out=tmp_path / "run", progress=False)
    lines = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
    assert ["score" in line for line in lines if line["kind"] == "validation"] == [True, True]
    assert run.provenance["training"]["kept"] == {}
