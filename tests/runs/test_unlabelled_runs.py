"""Encoders trained on recordings without labels: what they leave, and what is refused."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tsrep
from tests.conftest import TINY
from tsrep.datasets.tables.own_labels import read_records
from tsrep.errors import ConfigError, DataError, RunError
from tsrep.report import summarise, write_report
from tsrep.report.contents import read_run
from tsrep.runs.evaluate import evaluate
from tsrep.runs.fit import fit

STANDARD = ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"]


def cohort(folder: Path, patients: int = 12) -> dict[str, Any]:
    """Settings of recordings in an array beside a table of patients alone."""
    folder.mkdir()
    x = np.random.default_rng(0).normal(size=(2 * patients, 12, 500)).cumsum(axis=2).astype(np.float32)
    np.save(folder / "records.npy", x - x.mean(axis=2, keepdims=True))
    with (folder / "records.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([["patient"], *([f"p{k // 2}"] for k in range(2 * patients))])
    data = {"name": "arrays", "label": None, "sfreq": 100.0, "unit": "mV", "channel_names": STANDARD}
    return {**TINY, "dataset": data, "root": str(folder), "objective": {"name": "simclr"}}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return cohort(tmp_path_factory.mktemp("unlabelled") / "data")


@pytest.fixture(scope="module")
def run(settings: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("unlabelled-run") / "run"
    return fit(settings, out=place, progress=False, evaluation=True).path


def test_a_table_without_labels_gives_no_class(settings: dict[str, Any]) -> None:
    found = read_records(Path(settings["root"]) / "records.csv", patient="patient", label=None)
    assert (found.label.shape, found.classes) == ((24, 0), ())


def test_nothing_is_scored_and_all_else_is_there(run: Path) -> None:
    held = {path.name for path in run.iterdir()}
    assert {"encoder.safetensors", "contract.json", "embeddings.npz", "examples.npz"} <= held
    assert "scores.json" not in held
    with np.load(run / "examples.npz") as examples:
        assert len(np.unique(examples["patient"])) == len(examples["x"]) > 1
    with pytest.raises(DataError, match="the recordings have no labels, so nothing can be scored on them"):
        evaluate(run, progress=False)
    with pytest.raises(RunError, match=r"tsrep evaluate .* --dataset LABELLED -p probe"):
        tsrep.load_encoder(run).head(None)


def test_the_page_has_no_empty_panel(run: Path) -> None:
    contents = read_run(run)
    assert contents.unlabelled
    page = write_report(run).read_text()
    assert "The recordings have no labels; score the encoder on data that have" in page
    for absent in ('id="classes"', "has not been evaluated", "no predictions yet", "Samples of each class"):
        assert absent not in page
    said = summarise(run)
    assert "its recordings have no labels to be scored by." in said
    assert f"To score the encoder on labelled data: {contents.to_score}" in said
    assert contents.to_score == f"tsrep evaluate {run} --dataset NAME --root DIR"


def test_the_encoder_is_scored_on_labelled_data(run: Path, tmp_path: Path) -> None:
    other = {"name": "ptb-xl-sim", "patients": 40, "records_per_patient": 1.0}
    quick: dict[str, Any] = {"protocols": ("probe",), "labels": (1.0,), "progress": False}
    folder, scores = tsrep.api.scored(run, other, out=tmp_path / "out", **quick)
    assert {score.role for score in scores} == {"method", "control", "baseline"}
    assert list((folder / "head").glob("probe-*.safetensors"))


def test_what_needs_labels_is_refused_before_anything_is_built(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="objective supervised learns from labels"):
        fit(settings | {"objective": {"name": "supervised"}}, progress=False)
    probed = settings | {"training": {**settings["training"], "keep": "probe"}}
    with pytest.raises(ConfigError, match="so no probe can choose the epoch"):
        fit(probed, progress=False)


def test_a_long_table_without_labels_is_read(tmp_path: Path) -> None:
    rows = [(s, t, f"p{s}", np.sin(t + s)) for s in range(3) for t in range(8)]
    with (tmp_path / "records.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([("sample", "time", "patient", "x"), *rows])
    panel = tsrep.load({"name": "panel-csv", "label": None}, tmp_path)
    assert (panel.label.shape, panel.classes, panel.channels) == ((3, 0), (), ("x",))
    assert not panel.labelled.any()
