"""The whole evaluation of features, with leaks planted to be caught."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tsrep.errors import ConfigError, DataError, SplitError
from tsrep.evaluation.candidate import Candidate
from tsrep.evaluation.labels.evaluation import LabelEvaluation
from tsrep.evaluation.labels.metrics import METRICS, positives
from tsrep.evaluation.protocols.knn import NearestNeighbours
from tsrep.evaluation.protocols.labels import evaluate_features
from tsrep.evaluation.protocols.probe import LinearProbe
from tsrep.evaluation.protocols.protocol import outcome
from tsrep.evaluation.scores import Score
from tsrep.signals.panel import Panel
from tsrep.splits.split import Split

QUICK = {"n_bootstrap": 60}


def cohort(seed: int = 0, patients: int = 90, multi: bool = False) -> tuple[Panel, Split]:
    """Two records of two windows for each patient; the label is of the patient."""
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(patients), 4)
    label = rng.random((patients, 3)) < 0.4 if multi else rng.integers(3, size=patients)
    panel = Panel.from_arrays(
        np.zeros((len(patient), 1, 2), np.float32),
        label=label[patient],
        patient=patient,
        trial=np.arange(len(patient)) // 2,
        sfreq=100,
        classes=tuple("abc"),
    )
    return panel, Split.make(panel, patient % 3 == 0, patient % 3 == 1, patient % 3 == 2, how="thirds")


def informed(panel: Panel, skill: float, seed: int = 0) -> np.ndarray:
    flags = panel.label if panel.multilabel else np.eye(3)[panel.label]
    noise = np.random.default_rng(seed).normal(size=(len(panel), 8))
    noise[:, :3] += skill * flags
    return noise.astype(np.float32)


@pytest.mark.parametrize("multi", [False, True])
def test_every_method_stands_beside_its_controls(multi):
    panel, split = cohort(multi=multi)
    features = {
        "good": informed(panel, 2.0),
        "random initialisation": [informed(panel, 0.3, s) for s in range(5)],
    }
    scores = evaluate_features(
        features,
        panel,
        split,
        fractions=(1.0, 0.3),
        subsample_by=("sample", "patient"),
        seeds=3,
        **QUICK,
    )
    # (majority + 2 methods) x 2 protocols x 2 units x (all + 2 ways of drawing)
    assert len(scores) == 3 * 2 * 2 * 3
    assert {(s.method, s.role) for s in scores} == {
        ("majority", "baseline"), ("random initialisation", "control"), ("good", "method"),
    }  # fmt: skip
    for s in scores:
        assert set(METRICS) <= set(s.metrics)
        assert (s.part, s.patients, s.n_bootstrap) == ("test", 30, 60)
        assert s.n == (120 if s.unit == "window" else 60)
    for s in scores.where(method="majority"):
        assert s.metrics["auroc"].value == 0.5
        assert s.against == ""
    for s in scores.where(method="good"):
        assert s.against == "random initialisation"
        assert s.seeds == (1 if s.fraction == 1.0 else 3)
        assert s.covers == ("patients" if s.fraction == 1.0 else "patients and label draws")
        if s.fraction == 1.0:
            assert s.metrics["auroc"].low > 0.8
            assert s.difference["auroc"].low > 0
        assert s.difference["auroc"].covers == "patients and random initialisations"
    assert {s.seeds for s in scores.where(method="random initialisation")} == {5}
    for s in scores.where(method="random initialisation"):
        kinds = "patients and random initialisations"
        several = "patients, random initialisations and label draws"
        assert s.covers == (kinds if s.fraction == 1.0 else several)
        assert not s.difference
    drawn = {s.subsample_by: s for s in scores.where(method="good", protocol="probe", unit="record")}
    assert drawn["patient"].details["labelled_patients"] == 9
    assert drawn["sample"].details["labelled"] == 36
    assert drawn["all"].details["labelled"] == 120
    kept = scores.predictions["good", "probe", 1.0, "all", "test"]
    assert np.array_equal(kept.trial, np.unique(panel.trial[split.test]))
    assert ("majority", "probe", 1.0, "all", "test") in scores.predictions


def gains(features, panel, split, **settings):
    scores = evaluate_features(
        features, panel, split, protocols=("probe",), fractions=(1.0, 0.3), subsample_by=("patient",),
        **settings, **QUICK,
    )  # fmt: skip
    return {s.fraction: s for s in scores.where(method="m", unit="record")}, scores


def test_one_encoder_is_compared_with_the_distribution_of_random_initialisations():
    """The interval is that of one more random initialisation, and every start sees every label draw."""
    panel, split = cohort()
    starts = [informed(panel, 0.8, s) for s in range(5)]
    found, scores = gains(
        {"m": informed(panel, 0.8, 20), "random initialisation": starts}, panel, split, seeds=2
    )
    for fraction, score in found.items():
        gap = score.difference["auroc"]
        (control,) = scores.where(method="random initialisation", unit="record", fraction=fraction)
        assert (gap.seeds, gap.against_seeds) == (1, 5)
        assert gap.value == pytest.approx(score.value - control.value)
        assert gap.between >= 0
        assert gap.low < 0 < gap.high
        assert score.seeds == (1 if fraction == 1.0 else 2)
    each = [
        gains({"m": informed(panel, 0.8, 20), "random initialisation": [x]}, panel, split, seeds=2)[1]
        for x in starts
    ]
    for fraction in found:
        alone = [s.where(method="random initialisation", unit="record", fraction=fraction) for s in each]
        (control,) = scores.where(method="random initialisation", unit="record", fraction=fraction)
        assert control.by_seed["auroc"] == pytest.approx([s.scores[0].value for s in alone])


def test_one_random_initialisation_gives_no_interval():
    panel, split = cohort()
    found, _ = gains({"m": informed(panel, 2.0), "random initialisation": informed(panel, 0.3)}, panel, split)
    gap = found[1.0].difference["auroc"]
    assert gap.value > 0
    assert np.isnan([gap.low, gap.high, gap.p]).all()


def test_every_encoder_of_a_method_is_scored_on_every_draw_of_labels():
    panel, split = cohort()
    starts = [informed(panel, 0.5, s) for s in range(5)]
    trained = [informed(panel, 1.5, s) for s in range(3)]
    found, scores = gains({"m": trained, "random initialisation": starts}, panel, split)
    for fraction, score in found.items():
        gap = score.difference["auroc"]
        (control,) = scores.where(method="random initialisation", unit="record", fraction=fraction)
        assert (score.seeds, control.seeds) == (gap.seeds, gap.against_seeds) == (3, 5)
        kinds = "patients and training seeds" if fraction == 1 else "patients, training seeds and label draws"
        assert gap.covers == score.covers == kinds
        assert gap.value == pytest.approx(score.value - control.value)
    for k, one in enumerate(trained):
        alone = gains({"m": one}, panel, split, seeds=QUICK.get("seeds", 5))[0]
        for fraction, score in alone.items():
            assert found[fraction].by_seed["auroc"][k] == pytest.approx(score.value)


def test_test_labels_do_not_reach_the_models():
    panel, split = cohort()
    label = panel.label.copy()
    label[split.test] = (label[split.test] + 1) % 3
    altered = replace(panel, label=label)
    features = {"m": informed(panel, 1.0)}
    one, two = (
        evaluate_features(features, p, split, fractions=(1.0, 0.3), seeds=2, **QUICK)
        for p in (panel, altered)
    )
    for key, kept in one.predictions.items():
        assert np.array_equal(kept.prob, two.predictions[key].prob)
    assert one.scores[2].metrics["auroc"] != two.scores[2].metrics["auroc"]


def test_scoring_the_validation_part_does_not_choose_on_it():
    panel, split = cohort()
    label = panel.label.copy()
    label[split.validation] = (label[split.validation] + 1) % 3
    features = {"m": informed(panel, 1.0)}
    one, two = (
        evaluate_features(features, p, split, fractions=(1.0,), part="validation", n_bootstrap=20)
        for p in (panel, replace(panel, label=label))
    )
    for key, kept in one.predictions.items():
        assert np.array_equal(kept.prob, two.predictions[key].prob)
    assert {s.part for s in one} == {"validation"}


@pytest.mark.parametrize("protocol", ["probe", "knn"])
def test_knowing_the_patient_does_not_help_on_unseen_patients(protocol):
    panel, split = cohort(3, patients=150)
    identity = np.random.default_rng(0).normal(size=(150, 20)).astype(np.float32)[panel.patient]
    scores = evaluate_features(
        {"identity": identity}, panel, split, protocols=(protocol,), fractions=(1.0,), **QUICK
    )
    (record,) = scores.where(method="identity", unit="record")
    assert record.metrics["auroc"].low < 0.5 < record.metrics["auroc"].high
    leaky = Split(split.train, split.validation, split.train, how="leak planted by the test")
    caught = evaluate_features(
        {"identity": identity}, panel, leaky, protocols=(protocol,), fractions=(1.0,), **QUICK
    )
    assert caught.where(method="identity", unit="record").scores[0].metrics["auroc"].low > 0.7


def test_the_same_seed_gives_the_same_scores():
    panel, split = cohort()
    features = {"m": informed(panel, 1.0)}
    runs = [
        evaluate_features(features, panel, split, fractions=(0.3,), seeds=2, **QUICK, seed=s).to_json()
        for s in (0, 0, 1)
    ]
    assert runs[0] == runs[1] != runs[2]


@pytest.mark.parametrize("multi", [False, True])
def test_neighbours_are_searched_in_as_many_samples_as_allowed(multi):
    panel, split = cohort(multi=multi)
    labels = np.array(panel.label)
    rare = split.train[[3, 70]]  # the only ones of their class
    if multi:
        labels[split.train, 2] = False
        labels[rare, 2] = True
    else:
        labels[split.train] %= 2
        labels[rare] = 2
    panel = replace(panel, label=labels)
    features = {"good": informed(panel, 2.0), "random initialisation": informed(panel, 0.3)}
    asked = len(split.train) // 4

    def searched(most: int, fraction: float) -> tuple[float, Score]:
        protocol, of = NearestNeighbours(max_samples=most), {"fractions": (fraction,), "seeds": 2}
        evaluation = LabelEvaluation(panel, split, **of)
        drawn = protocol.labelled(evaluation, fraction, "sample")
        assert all(np.isin(index, split.train).all() for index in drawn)
        assert all(positives(panel.label[index], 3).any(axis=0).all() for index in drawn)
        scores = evaluate_features(
            features, panel, split, protocols=(protocol,), **of, subsample_by=("sample",), n_bootstrap=20
        )
        (score,) = scores.where(method="good", unit="record")
        return np.mean(list(map(len, drawn))), score

    count, score = searched(asked, 1.0)
    assert asked <= count <= asked + 2 * 3
    assert score.details["labelled"] == count  # which is what stands beside the percentage
    assert searched(len(split.train), 1.0)[0] == len(split.train)
    assert searched(asked, 0.1)[0] == searched(len(split.train), 0.1)[0] < asked


def test_published_settings_and_steps():
    panel, split = cohort()
    told: list[str] = []
    evaluate_features(
        {"m": informed(panel, 1.0)},
        panel,
        split,
        protocols=[LinearProbe(C=(1.0,), scheme="one-vs-rest")],
        fractions=(1.0,),
        n_bootstrap=20,
        on_step=told.append,
    )
    assert told == ["m, linear probe, 100 % of labels (120 samples)"]


def test_refuses_what_does_not_fit():
    panel, split = cohort()
    x = informed(panel, 1.0)
    with pytest.raises(ConfigError, match="unknown protocol 'forest'"):
        evaluate_features({"m": x}, panel, split, protocols=("forest",))
    counts = {"m": 2, "n": 3}
    tied = [Candidate(name, "method", features=[x] * n, of_draw=[{}] * n) for name, n in counts.items()]
    with pytest.raises(ConfigError, match="other numbers of encoders: m 2, n 3"):
        outcome(LinearProbe(), tied, LabelEvaluation(panel, split))
    with pytest.raises(ConfigError, match="at least one seed"):
        evaluate_features({"m": x}, panel, split, seeds=0)
    with pytest.raises(DataError, match="shape"):
        evaluate_features({"m": x[:-1]}, panel, split)
    empty = Split.make(panel, split.train, split.validation, [], how="no test")
    with pytest.raises(SplitError, match="test part"):
        evaluate_features({"m": x}, panel, empty)
