"""Where recordings went, as numbers, table, chart and words; scores of each cohort; what to cite."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tsrep.errors import ConfigError
from tsrep.evaluation.predictions import Predictions
from tsrep.evaluation.scores import Scores
from tsrep.report.cite import methods_paragraph
from tsrep.report.cohorts import cohort_table
from tsrep.report.contents import Contents
from tsrep.report.flow import flow_figures, flow_table
from tsrep.runs.cohort_scores import cohort_scores, keep_cohort_scores
from tsrep.runs.flow import patient_flow
from tsrep.signals import Panel
from tsrep.splits.split import Split

N = 24


@pytest.fixture(scope="module")
def panel() -> Panel:
    skipped = [(f"b{k:02d}", f"b{k:02d}.dat is truncated: {k} of 99 time steps") for k in range(3)]
    skipped += [("channel V9", "missing"), ("a01, segment 2", "missing values (NaN) within 2-4 s")]
    return Panel.from_arrays(
        np.zeros((N, 2, 100), np.float32),
        label=np.arange(N) % 2,
        patient=np.arange(N) // 2,
        sfreq=100.0,
        channels=("I", "II"),
        unit="mV",
        cohort=np.repeat([0, 1], N // 2),
        cohort_names=("xl", "ga"),
        record_names=tuple(f"r{k}" for k in range(N)),
        skipped=tuple(skipped),
        excluded=(("no label of the task", 4, "recording"), ("of class Q", 9, "beat")),
    )


@pytest.fixture(scope="module")
def flow(panel: Panel) -> dict:
    windows = panel.windows(50)
    part = windows.patient % 4
    split = Split.make(windows, part < 2, part == 2, (part == 3) & (windows.patient > 3), how="by hand")
    return patient_flow(panel, windows, split)


def test_numbers_add_up(flow: dict) -> None:
    assert flow["found"] == 24 + 3 + 4
    assert flow["read"] == {"recordings": 24, "patients": 12}
    assert flow["parts"]["train"] == {"recordings": 12, "patients": 6}
    assert flow["parts"]["in no part"] == {"recordings": 2, "patients": 1}
    assert sum(part["recordings"] for part in flow["parts"].values()) == 24
    assert flow["excluded"] == [
        ["… is truncated: … of … time steps", 3, "recording"],
        ["missing values (NaN) within … s", 1, "segment"],
        ["no label of the task", 4, "recording"],
        ["of class Q", 9, "beat"],
    ]
    of_cohorts = flow["cohorts"]
    assert list(of_cohorts) == ["xl", "ga"]
    for part, whole in flow["parts"].items():
        each = [parts[part] for parts in of_cohorts.values()]
        assert sum(one["patients"] for one in each) == whole["patients"]


def contents(flow: dict) -> Contents:
    config = {
        "dataset": {"name": "ptb-xl"},
        "objective": {"name": "comet"},
        "encoder": {"name": "dilated-conv"},
        "training": {"epochs": 3, "batch_size": 64, "lr": 1e-3},
        "window": {"seconds": 2.5, "standardise": "global"},
    }
    data = {"source": "PTB-XL 1.0.3", "channels": ["I", "II"], "sfreq": 100}
    versions = {"tsrep": "0.1.0", "torch": "2.9"}
    return Contents(
        Path("run"),
        config,
        {"data": data, "versions": versions, "parameters": 2232},
        {"how": "official folds"},
        flow,
    )


def test_the_table_and_the_chart(flow: dict) -> None:
    rows = [tuple(cell.text for cell in row) for row in flow_table(contents(flow)).rows]
    assert rows[0] == ("found", "31", "–")
    assert ("left out: no label of the task", "4", "") in rows
    assert ("left out: of class Q", "9 beats", "") in rows
    assert ("train", "12", "6") in rows
    assert ("xl: train", "8", "4") in rows
    (figure,) = flow_figures(contents(flow))
    assert figure.png.startswith(b"\x89PNG")
    assert not flow_table(replace(contents(flow), flow={}))
    assert not list(flow_figures(replace(contents(flow), flow={})))


def test_the_methods_paragraph(flow: dict) -> None:
    text = methods_paragraph(contents(flow))
    words, references = text.split("\n\n")
    assert "We used PTB-XL 1.0.3 [1]." in words
    assert "Of 31 recordings found, 7 were left out" in words
    assert "24 of 12 patients were read" in words
    assert "12 recordings of 6 patients for training" in words
    assert "An encoder dilated-conv [2] (2,232 parameters) was trained by comet [3] for 3 epochs" in words
    assert "windows of 2.5 s" in words
    listed = references.splitlines()
    assert [line.split()[0] for line in listed] == [f"[{i}]" for i in range(1, len(listed) + 1)]
    assert listed[0].startswith("[1] Wagner P")
    assert "version 0.1.0" in references
    assert "Version –" in references  # one that the run does not say
    with pytest.raises(ConfigError, match="does not say what was trained on what"):
        methods_paragraph(Contents(Path("run")))


def test_scores_of_each_cohort(panel: Panel, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    right = np.eye(2)[panel.label] * 0.8 + 0.1
    prob = np.where((panel.cohort == 0)[:, None], right, 1 - right)
    held = Predictions(prob, panel.label, panel.patient, panel.trial)
    scores = Scores(predictions={("mine", "probe", 1.0, "all", "test"): held})
    found = cohort_scores(panel, scores, 50, 0)
    assert [(one["cohort"], one["records"], one["patients"]) for one in found] == [
        ("xl", 12, 6),
        ("ga", 12, 6),
    ]
    assert [one["metrics"]["auroc"][0] for one in found] == [1.0, 0.0]
    keep_cohort_scores(tmp_path, panel, scores, 50, 0)
    other = Scores(predictions={("mine", "knn", 1.0, "all", "test"): held})
    keep_cohort_scores(tmp_path, panel, other, 50, 0)
    keep_cohort_scores(tmp_path, panel, scores, 50, 0)
    kept = json.loads((tmp_path / "cohorts.json").read_text())["scores"]
    assert sorted((one["protocol"], one["cohort"]) for one in kept) == [
        ("knn", "ga"),
        ("knn", "xl"),
        ("probe", "ga"),
        ("probe", "xl"),
    ]
    table = cohort_table(replace(Contents(Path("run")), cohorts=kept))
    assert [row[0].text for row in table.rows] == ["ga", "xl", "ga", "xl"]
    (tmp_path / "cohorts.json").write_text("{")
    keep_cohort_scores(tmp_path, panel, scores, 50, 0)
    assert "cohorts.json cannot be read as scores of cohorts" in capsys.readouterr().err
    assert len(json.loads((tmp_path / "cohorts.json").read_text())["scores"]) == 2
    single = replace(panel, cohort=None, cohort_names=())
    assert cohort_scores(single, scores, 50, 0) == []
