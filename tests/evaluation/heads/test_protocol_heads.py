"""Heads that protocols give: they reproduce what was scored, and come back from their files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.panels import cohort
from tsrep.encoders.pooling import POOLS
from tsrep.encoders.resnet1d import ResNet1d
from tsrep.errors import DataError, RunError
from tsrep.evaluation.candidate import Candidate, Model
from tsrep.evaluation.embedding import embed
from tsrep.evaluation.heads.head import Head
from tsrep.evaluation.heads.settings import HeadSettings
from tsrep.evaluation.labels.evaluation import LabelEvaluation
from tsrep.evaluation.labels.linear_probe import fit_probe
from tsrep.evaluation.labels.metrics import metrics
from tsrep.evaluation.protocols.finetune import FineTuning
from tsrep.evaluation.protocols.protocol import Protocol, outcome, protocol_of
from tsrep.evaluation.scores import Scores
from tsrep.rng import initial_weights
from tsrep.signals.panel import Panel
from tsrep.splits.split import Split

CPU = torch.device("cpu")


def windows(patients: int = 240, multilabel: bool = False, classes: int = 3) -> tuple[Panel, Split]:
    """Two records of two windows for each patient, a third of the patients in each part."""
    rng = np.random.default_rng(7)
    patient = np.repeat(np.arange(patients), 4)
    flags = rng.random((patients, classes)) < 0.4
    label = flags if multilabel else rng.integers(classes, size=patients)
    panel = Panel.from_arrays(
        np.zeros((len(patient), 1, 2), np.float32),
        label=label[patient],
        patient=patient,
        trial=np.arange(len(patient)) // 2,
        sfreq=100,
        classes=tuple("abc")[:classes],
    )
    part = patient % 3
    return panel, Split.make(panel, part == 0, part == 1, part == 2, how="thirds")


def features(panel: Panel, skill: float = 1.5) -> np.ndarray:
    flags = panel.label if panel.multilabel else np.eye(len(panel.classes))[panel.label]
    x = np.random.default_rng(3).normal(size=(len(panel), 6))
    x[:, : flags.shape[1]] += skill * flags
    return x.astype(np.float32)


def scored(panel: Panel, split: Split, x: np.ndarray, name: str, **settings: Any) -> Scores:
    settings = {"fractions": (1.0,), "seeds": 1, "n_bootstrap": 40, "heads": HeadSettings()} | settings
    evaluation = LabelEvaluation(panel, split, **settings)
    return outcome(protocol_of({"name": name}), [Candidate.of_features("m", x)], evaluation)


@pytest.mark.parametrize("aggregate", ["mean", "max"])
@pytest.mark.parametrize(
    ("name", "multilabel", "classes"),
    [
        ("probe", False, 3), ("probe", False, 2), ("probe", True, 3), ("knn", False, 3), ("knn", True, 3),
        ("svm", False, 3), ("svm", False, 2), ("logistic", False, 3),
    ],
)  # fmt: skip
def test_a_head_that_was_read_again_gives_the_predictions_that_were_scored(
    name: str, multilabel: bool, classes: int, aggregate: str, tmp_path: Path
) -> None:
    panel, split = windows(multilabel=multilabel, classes=classes)
    x = features(panel)
    scores = scored(panel, split, x, name, aggregate=aggregate)
    (made,) = scores.heads.values()
    assert made.name == f"{name}-1-0"
    made.save(tmp_path)
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".safetensors"]
    head = Head.load(tmp_path, made.name)
    wanted = scores.predictions["m", name, 1.0, "all", "test"]
    for each in (made, head):
        found = each.scores(x[split.test], panel.trial[split.test])
        assert np.array_equal(found, wanted.prob)
    own = metrics(head.scores(x[split.test], panel.trial[split.test]), wanted.target)
    (score,) = scores.where(method="m", unit="record")
    given = {metric: interval.value for metric, interval in score.metrics.items()}
    assert own == pytest.approx(given, rel=1e-12, abs=1e-12)
    for field in (
        "calibration",
        "thresholds",
        "sets",
        "fitted_on",
        "validation",
        "scored",
        "classes",
        "notes",
    ):
        assert getattr(head, field) == getattr(made, field), field
    proba = made.predict_proba(x[split.test], panel.trial[split.test])
    assert np.array_equal(head.predict_proba(x[split.test], panel.trial[split.test]), proba)
    assert np.array_equal(head.labels(proba), made.labels(proba))


@pytest.mark.parametrize("multilabel", [False, True])
def test_calibration_thresholds_and_sets_are_those_of_the_validation_records(multilabel: bool) -> None:
    panel, split = windows(multilabel=multilabel)
    x = features(panel)
    (head,) = scored(panel, split, x, "probe").heads.values()
    held = split.validation
    assert head.calibration is not None
    assert head.sets is not None
    assert head.validation is not None
    assert (head.calibration.records, head.calibration.patients) == (160, 80)
    assert (head.sets.records, head.sets.patients) == (160, 80)
    _trials, first = np.unique(panel.trial[held], return_index=True)
    target = panel.label[held][first]
    found = metrics(head.predict_proba(x[held], panel.trial[held]), target)
    assert found["ece"] == pytest.approx(head.validation.metrics["ece_calibrated"].value)
    before = metrics(head.scores(x[held], panel.trial[held]), target)
    assert before["ece"] == pytest.approx(head.validation.metrics["ece"].value)
    assert before["auroc"] == pytest.approx(head.validation.metrics["auroc"].value)
    assert (head.thresholds is not None) == multilabel
    assert head.fitted_on.class_counts == tuple(
        (panel.label[split.train] if multilabel else np.eye(3)[panel.label[split.train]]).sum(axis=0)
    )


def test_nothing_of_the_scored_patients_is_in_a_head() -> None:
    """The same head, whatever the labels of the test part are."""
    panel, split = windows(multilabel=True)
    x, heads = features(panel), []
    for flipped in (False, True):
        label = panel.label.copy()
        label[split.test] ^= flipped
        heads += scored(replace(panel, label=label), split, x, "probe").heads.values()
    one, other = heads
    assert one.calibration == other.calibration
    assert one.thresholds == other.thresholds
    assert one.sets == other.sets
    assert one.scored != other.scored


def test_where_no_patients_are_left_nothing_is_calibrated_and_this_is_told() -> None:
    panel, split = windows()
    x = features(panel)
    for name, settings in (("svm", {}), ("probe", {"part": "validation"})):
        scores = scored(panel, split, x, name, **settings)
        (head,) = scores.heads.values()
        assert head.calibration is None
        assert head.sets is None
        assert head.validation is None
        (note,) = scores.notes
        assert note.startswith(f"Head {name}-1-0 has no calibration, thresholds or prediction sets")
    as_for_test = scored(panel, split, x, "probe", part="validation", as_for_test=True)
    assert as_for_test.heads["probe-1-0"].calibration is None


def test_few_validation_patients_calibrate_nothing_and_this_is_told() -> None:
    panel, split = windows(patients=24)
    scores = scored(panel, split, features(panel), "probe")
    (head,) = scores.heads.values()
    assert head.calibration is None
    assert head.sets is None
    assert scores.notes == head.notes
    assert head.notes == (
        "Heads are not calibrated, as the validation part has 8 patients; calibration takes 50.",
        "Heads have no prediction sets, as the validation part has 8 patients; a coverage of 0.9 takes 9.",
    )


def test_the_score_says_what_the_head_does() -> None:
    panel, split = windows(multilabel=True)
    scores = scored(panel, split, features(panel), "probe")
    (score,) = scores.where(method="m", unit="record")
    assert score.of_head["ece"].value == pytest.approx(score.metrics["ece"].value)
    assert {"ece_calibrated", "brier_calibrated", "f1_decided", "coverage", "set_size"} <= set(score.of_head)
    again = Scores.from_json(scores.to_json())
    assert [each.of_head for each in again] == [each.of_head for each in scores]
    for other in scores:
        assert bool(other.of_head) == (other is score)


def test_a_class_that_no_validation_record_has(tmp_path: Path) -> None:
    panel, split = windows(multilabel=True)
    label = panel.label.copy()
    label[split.validation, 1] = False
    scores = scored(replace(panel, label=label), split, features(panel), "probe")
    (head,) = scores.heads.values()
    assert head.thresholds is not None
    absent = head.thresholds.classes[1]
    assert absent is not None
    assert (absent.value, absent.rule, absent.positives) == (0.5, "0.5", 0)
    assert any("b" in note and "0.5" in note for note in scores.notes)
    head.save(tmp_path)
    assert Head.load(tmp_path, "probe-1-0").thresholds == head.thresholds


def test_the_head_is_of_the_largest_fraction_and_the_first_draw() -> None:
    panel, split = windows()
    x = features(panel)
    scores = scored(panel, split, x, "probe", fractions=(0.2, 0.5), subsample_by=("patient",), seeds=3)
    (head,) = scores.heads.values()
    assert head.name == "probe-0.5-0"
    evaluation = LabelEvaluation(panel, split, fractions=(0.5,), seeds=3)
    labelled = evaluation.labelled(0.5, "patient")[0]
    held = split.validation
    probe = fit_probe(x[labelled], panel.label[labelled], 3, validation=(x[held], panel.label[held]))
    assert np.array_equal(head.classifier.predict(x), probe.predict(x))
    assert head.fitted_on.samples == len(labelled)
    assert head.fitted_on.patients == 40


def test_classes_that_cannot_be_told_apart_as_columns_are_refused_before_anything_is_fitted() -> None:
    panel, split = windows()
    same = replace(panel, classes=("a", "a ", "b"))
    with pytest.raises(DataError, match="2 classes are called 'a', apart from blanks"):
        LabelEvaluation(same, split, heads=HeadSettings()).refuse_unlabelled()


def encoder_and_split() -> tuple[Panel, Split]:
    panel = cohort(patients=60)
    parts = [np.flatnonzero(np.isin(panel.patient % 5, k)) for k in ((2, 3, 4), (0,), (1,))]
    return panel, Split(*parts, "patients")


def model() -> Model:
    with initial_weights(0, "encoder"):
        return ResNet1d(channels=1, width=4, dim=6, stem=3, kernel=3), None


def finetuned(protocol: Protocol, panel: Panel, split: Split, folder: Path | None) -> Scores:
    evaluation = LabelEvaluation(
        panel, split, fractions=(1.0,), seeds=1, n_bootstrap=20, heads=HeadSettings(), folder=folder
    )
    return outcome(protocol, [Candidate("m", "method", [model])], evaluation)


def test_a_fine_tuned_head_brings_its_encoder(tmp_path: Path) -> None:
    panel, split = encoder_and_split()
    protocol = FineTuning(epochs=2, min_steps=0, batch_size=32)
    scores = finetuned(protocol, panel, split, tmp_path / "finetune")
    scores.heads["finetune-1-0"].save(tmp_path / "head")
    head = Head.load(tmp_path / "head", "finetune-1-0")
    untouched = model()[0].eval()
    before = {name: value.clone() for name, value in untouched.state_dict().items()}
    x = embed(head.encoder(untouched), panel.select(split.test), pool=POOLS[head.pool], device=CPU)
    wanted = scores.predictions["m", "finetune", 1.0, "all", "test"].prob
    assert np.allclose(head.scores(x, panel.trial[split.test]), wanted, atol=1e-6)
    assert all(torch.equal(before[name], value) for name, value in untouched.state_dict().items())
    plain = embed(untouched, panel.select(split.test), pool=POOLS[head.pool], device=CPU)
    assert not np.allclose(head.scores(plain, panel.trial[split.test]), wanted, atol=1e-3)
    again = finetuned(protocol, panel, split, tmp_path / "finetune").heads["finetune-1-0"]
    assert np.array_equal(again.scores(x), head.scores(x))
    assert again.sets == head.sets
    assert again.validation == head.validation
    with initial_weights(0, "encoder"):
        other = ResNet1d(channels=1, width=8, dim=6, stem=3, kernel=3)
    with pytest.raises(RunError, match="tuned with head finetune-1-0 do not fit"):
        head.encoder(other)


def test_a_fine_tuning_that_was_scored_without_its_head_is_done_again_for_it(tmp_path: Path) -> None:
    panel, split = encoder_and_split()
    protocol = FineTuning(epochs=1, min_steps=0, batch_size=32)
    evaluation = LabelEvaluation(panel, split, fractions=(1.0,), seeds=1, n_bootstrap=20, folder=tmp_path)
    first = outcome(protocol, [Candidate("m", "method", [model])], evaluation)
    assert not first.heads
    assert not list(tmp_path.glob("*.safetensors"))
    second = finetuned(protocol, panel, split, tmp_path)
    assert second.heads.keys() == {"finetune-1-0"}
    key = ("m", "finetune", 1.0, "all", "test")
    assert np.array_equal(first.predictions[key].prob, second.predictions[key].prob)


def test_a_head_says_which_weights_it_was_fitted_on() -> None:
    panel, split = windows()
    evaluation = LabelEvaluation(panel, split, seeds=1, n_bootstrap=20, heads=HeadSettings())
    candidate = replace(Candidate.of_features("m", features(panel)), weights="ab" * 32, contract="cd" * 32)
    head = outcome(protocol_of({"name": "probe"}), [candidate], evaluation).heads["probe-1-0"]
    assert (head.fitted_on.weights, head.fitted_on.contract) == ("ab" * 32, "cd" * 32)
    assert (head.fitted_on.data, head.fitted_on.split) == (panel.digest, split.digest)
    head.refuse_other_encoder("ab" * 32)
    with pytest.raises(RunError, match=r"head probe-1-0 was fitted on other weights \(digest abab"):
        head.refuse_other_encoder("ef" * 32)
    assert json.dumps(head.fitted_on.model_dump()).count("abab") > 0
