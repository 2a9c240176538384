"""Scores, their files and tables."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import numpy as np
import pytest

from tsrep.errors import RunError
from tsrep.evaluation.labels.aggregate import by_record
from tsrep.evaluation.labels.evaluation import LabelEvaluation
from tsrep.evaluation.labels.metrics import metrics
from tsrep.evaluation.labels.scoring import Scoring
from tsrep.evaluation.predictions import Predictions
from tsrep.evaluation.scores import Scores
from tsrep.signals import Panel
from tsrep.splits.split import Split


def windows(seed: int, skill: float = 1.0, records: int = 40) -> Predictions:
    rng = np.random.default_rng(seed)
    trial = np.repeat(np.arange(records), 3)
    target = trial % 3
    logit = rng.normal(size=(len(trial), 3)) + skill * np.eye(3)[target]
    prob = np.exp(logit) / np.exp(logit).sum(axis=1, keepdims=True)
    return Predictions(prob, target, trial // 2, trial)


def scoring(fraction: float = 1.0, subsample_by: str = "all") -> Scoring:
    panel = Panel.from_arrays(
        np.zeros((240, 1, 2), np.float32), label=np.arange(240) % 3, patient=np.arange(240) // 6, sfreq=1
    )
    split = Split(np.arange(200, 220), np.arange(220, 240), np.arange(120), "by hand")
    evaluation = LabelEvaluation(panel, split, fractions=(fraction,), n_bootstrap=30)
    return Scoring(evaluation, "probe", "auroc", fraction, subsample_by, [split.train])


def some_scores() -> Scores:
    found, starts = scoring(0.1, "patient"), [windows(s, skill=0.0) for s in (7, 8, 9, 10, 11)]
    return found.of("random initialisation", "control", starts, encoders=5) + found.of(
        "comet", "method", [windows(s) for s in (0, 1)]
    )


def test_both_units_are_scored():
    record, window = some_scores().where(method="comet")
    assert (record.unit, window.unit) == ("record", "window")
    assert (record.n, window.n) == (40, 120)
    assert (record.patients, record.seeds, record.classes_scored, record.n_bootstrap) == (20, 2, 3, 30)
    expected = np.mean([metrics(windows(s).prob, windows(s).target)["auroc"] for s in (0, 1)])
    assert window.metrics["auroc"].value == pytest.approx(expected)
    pooled = np.mean([metrics(by_record(w).prob, by_record(w).target)["auroc"] for w in map(windows, (0, 1))])
    assert record.metrics["auroc"].value == pytest.approx(pooled)
    assert record.metrics["auroc"].low <= record.metrics["auroc"].value <= record.metrics["auroc"].high
    gap = record.difference["auroc"]
    chance = (
        some_scores().where(method="random initialisation", unit="record").scores[0].metrics["auroc"].value
    )
    assert gap.value == pytest.approx(record.metrics["auroc"].value - chance)
    assert gap.low > 0


def test_records_of_one_window_are_scored_once():
    records = by_record(windows(0))
    (only,) = scoring().of("a", "method", [records])
    assert only.unit == "record"


def test_files_without_the_degrees_of_freedom_over_patients_are_read():
    content = json.loads(some_scores().to_json())
    told = [gap for score in content["scores"] for gap in score["difference"].values()]
    assert all(gap.pop("freedom_resampled") for gap in told)
    (back, *_) = Scores.from_json(json.dumps(content)).where(method="comet")
    assert math.isnan(back.difference["auroc"].freedom_resampled)
    (kept, *_) = Scores.from_json(some_scores().to_json()).where(method="comet")
    assert kept.difference["auroc"].freedom_resampled >= 1


def test_json_and_files_give_back_the_same(tmp_path):
    scores = some_scores()
    text = scores.to_json()
    assert json.loads(text)["format"] == "tsrep.scores/3"
    assert "NaN" not in text
    back = Scores.from_json(text)
    assert back.to_json() == text
    assert back.scores[2] == scores.scores[2]
    assert back.scores[2].difference["auroc"].covers == "patients and random initialisations"
    one = scoring().of("a", "method", [windows(0)])
    assert math.isnan(Scores.from_json(one.to_json()).scores[0].spread["auroc"])
    scores.save(tmp_path)
    loaded = Scores.load(tmp_path)
    assert loaded.to_json() == text
    assert list(loaded.predictions) == list(scores.predictions)
    one, two = (s.predictions["comet", "probe", 0.1, "patient", "test"] for s in (scores, loaded))
    for name in ("prob", "target", "patient", "trial"):
        assert np.array_equal(getattr(one, name), getattr(two, name))


def test_unreadable_scores_are_one_sentence(tmp_path):
    with pytest.raises(RunError, match="format other"):
        Scores.from_json('{"format": "other"}')
    with pytest.raises(RunError, match="cannot be read as scores"):
        Scores.from_json("{")
    with pytest.raises(RunError, match=r"no scores\.json"):
        Scores.load(tmp_path)


def test_table_has_one_row_a_score():
    scores = some_scores()
    header, *rows = scores.to_table(("auroc", "ece"))
    assert header[-3:] == ["auroc", "ece", "auroc minus random initialisation"]
    assert len(rows) == len(scores) == 4
    assert {len(row) for row in rows} == {len(header)}
    assert rows[2][:5] == ["comet", "probe", "10 % by patient: 20 samples of 4 patients", "test", "record"]
    assert rows[2][-1].startswith("+0.")
    assert rows[0][-1] == "–"
    assert scores.to_markdown().count("\n") == 6


def test_adding_joins():
    scores = some_scores()
    assert len(scores + scores) == 8


def test_reading_scores_does_not_load_torch():
    code = "import sys, tsrep.evaluation.scores, tsrep.evaluation.labels.calibration\n"
    code += "print('torch' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


def test_scores_that_were_made_again_are_replaced_and_others_stay():
    scores = some_scores()
    again = scoring().of("comet", "method", [windows(3)])
    both = scores.updated(again)
    assert len(both) == len(scores) + len(again)  # another fraction of labels is another score
    twice = both.updated(scoring().of("comet", "method", [windows(4)]))
    assert len(twice) == len(both)
    assert twice.where(fraction=1.0, unit="record").scores[0].value != again.scores[0].value
