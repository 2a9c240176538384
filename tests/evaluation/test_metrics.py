"""Metrics against scikit-learn, closed forms, and the meaning of weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from tsrep.errors import DataError
from tsrep.evaluation.labels.metrics import BINS, Scorer, classes_scored, metric_names, metrics


def single_label(seed: int, n: int = 200, classes: int = 4, ties: bool = False):
    rng = np.random.default_rng(seed)
    prob = rng.dirichlet(np.ones(classes), n)
    if ties:
        prob = np.round(prob * 5) / 5
        prob[:, -1] = np.maximum(0, 1 - prob[:, :-1].sum(axis=1))
        prob /= prob.sum(axis=1, keepdims=True)
    return prob, rng.integers(classes, size=n)


def multi_label(seed: int, n: int = 200, classes: int = 4, ties: bool = False):
    rng = np.random.default_rng(seed)
    prob = rng.random((n, classes))
    return (np.round(prob, 1) if ties else prob), rng.random((n, classes)) < 0.3


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("classes", [2, 5])
def test_single_label_agrees_with_scikit_learn(classes, ties):
    prob, target = single_label(0, classes=classes, ties=ties)
    one_hot, decided = np.eye(classes)[target], prob.argmax(axis=1)
    precision, recall, f1, _ = sk.precision_recall_fscore_support(
        target, decided, average="macro", zero_division=0
    )
    expected = {
        "accuracy": sk.accuracy_score(target, decided),
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "auroc": sk.roc_auc_score(one_hot, prob, average="macro"),
        "auprc": sk.average_precision_score(one_hot, prob, average="macro"),
        "brier": sk.brier_score_loss(target, prob, scale_by_half=True, labels=range(classes)),
    }
    found = metrics(prob, target)
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-12, rel=0)


@pytest.mark.parametrize("ties", [False, True])
def test_multi_label_agrees_with_scikit_learn(ties):
    prob, target = multi_label(1, ties=ties)
    decided = prob >= 0.5
    precision, recall, f1, _ = sk.precision_recall_fscore_support(target, decided, average="macro")
    expected = {
        "accuracy": 1 - sk.hamming_loss(target, decided),
        "exact_match": sk.accuracy_score(target, decided),
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "auroc": sk.roc_auc_score(target, prob, average="macro"),
        "auprc": sk.average_precision_score(target, prob, average="macro"),
        "brier": np.mean([sk.brier_score_loss(target[:, c], prob[:, c]) for c in range(4)]),
    }
    found = metrics(prob, target)
    assert tuple(found) == metric_names(multilabel=True)
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-12, rel=0)


def test_weights_agree_with_scikit_learn():
    prob, target = multi_label(2, ties=True)
    weight = np.random.default_rng(3).integers(4, size=len(prob)).astype(float)
    found = Scorer(prob, target)(weight[:, None])
    assert found["auroc"][0] == pytest.approx(sk.roc_auc_score(target, prob, sample_weight=weight), abs=1e-12)
    ap = sk.average_precision_score(target, prob, sample_weight=weight)
    assert found["auprc"][0] == pytest.approx(ap, abs=1e-12)
    f1 = sk.f1_score(target, prob >= 0.5, average="macro", sample_weight=weight)
    assert found["f1"][0] == pytest.approx(f1, abs=1e-12)


def test_calibration_error_follows_its_definition():
    prob, target = single_label(4, classes=3)
    top, right = prob.max(axis=1), prob.argmax(axis=1) == target
    bins = np.minimum((top * BINS).astype(int), BINS - 1)
    expected = sum(
        (bins == b).mean() * abs(top[bins == b].mean() - right[bins == b].mean())
        for b in range(BINS)
        if (bins == b).any()
    )
    assert metrics(prob, target)["ece"] == pytest.approx(expected, abs=1e-12)


def test_certain_and_right_is_perfect():
    target = np.array([0, 1, 2, 1, 0])
    found = metrics(np.eye(3)[target], target)
    assert found.pop("brier") == 0
    assert found.pop("ece") == 0
    assert set(found.values()) == {1.0}


def test_classes_without_both_values_leave_the_macro_auroc():
    prob, target = multi_label(5)
    target[:, 1], target[:, 2] = False, True
    kept = [0, 3]
    assert classes_scored(target, 4) == 2
    expected = sk.roc_auc_score(target[:, kept], prob[:, kept])
    assert metrics(prob, target)["auroc"] == pytest.approx(expected, abs=1e-12)


def test_one_class_has_no_auroc_but_other_metrics():
    found = metrics(np.full((3, 2), 0.5), np.zeros(3, int))
    assert np.isnan(found["auroc"])
    assert np.isnan(found["auprc"])
    assert found["accuracy"] == 1.0


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(1, 30),
    multi=st.booleans(),
    ties=st.booleans(),
)
def test_a_weight_is_a_repetition(seed, n, multi, ties):
    prob, target = (multi_label if multi else single_label)(seed, n=n, ties=ties)
    rng = np.random.default_rng(seed + 1)
    group = rng.integers(max(1, n // 2), size=n)
    weight = rng.integers(0, 4, size=group.max() + 1).astype(float)
    weight[group[0]] = 2
    repeated = np.repeat(np.arange(n), weight[group].astype(int))
    weighted = {name: v[0] for name, v in Scorer(prob, target, group)(weight[:, None]).items()}
    assert weighted == pytest.approx(metrics(prob[repeated], target[repeated]), abs=1e-12, nan_ok=True)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), multi=st.booleans(), ties=st.booleans())
def test_order_does_not_matter(seed, multi, ties):
    prob, target = (multi_label if multi else single_label)(seed, n=40, ties=ties)
    order = np.random.default_rng(seed).permutation(40)
    assert metrics(prob[order], target[order]) == pytest.approx(metrics(prob, target), abs=1e-12, nan_ok=True)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_curves_see_only_the_order_of_scores(seed):
    prob, target = multi_label(seed, n=40, ties=True)
    before, after = metrics(prob, target), metrics(prob**3, target)
    assert (after["auroc"], after["auprc"]) == pytest.approx(
        (before["auroc"], before["auprc"]), abs=1e-12, nan_ok=True
    )


def test_refuses_what_cannot_be_scored():
    prob, target = single_label(6)
    with pytest.raises(DataError, match="do not fit"):
        metrics(prob, target[:-1])
    with pytest.raises(DataError, match="targets run from"):
        metrics(prob[:, :2], target)
    prob[7, 1] = np.nan
    with pytest.raises(DataError, match="unit 7"):
        metrics(prob, target)
