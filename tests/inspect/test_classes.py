"""Curves and confusion counts against scikit-learn and closed forms."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from sklearn.metrics import average_precision_score, confusion_matrix, roc_auc_score, roc_curve

from tsrep.inspect.figures.classes import Confusion, class_curves, confusion


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 60), st.integers(1, 6))
def test_areas_agree_with_scikit_learn_also_with_ties(seed: int, n: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    positive = rng.random(n) < 0.5
    positive[:2] = [True, False]
    score = rng.integers(0, levels, n) / levels
    (found,) = class_curves(score[:, None], positive[:, None], ("a",))
    assert found.auroc == pytest.approx(roc_auc_score(positive, score))
    assert found.average_precision == pytest.approx(average_precision_score(positive, score))
    fpr, tpr, _ = roc_curve(positive, score, drop_intermediate=False)
    np.testing.assert_allclose(found.false_positive_rate, fpr)
    np.testing.assert_allclose(found.true_positive_rate, tpr)


def test_single_label_targets_are_one_against_all_others() -> None:
    prob = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.6, 0.3, 0.1]])
    found = class_curves(prob, np.array([0, 1, 1]), ("a", "b", "c"))
    assert [c.positives for c in found] == [1, 2, 0]
    assert found[0].auroc == 1.0
    assert np.isnan(found[2].auroc)
    assert np.isnan(found[2].average_precision)


def test_rows_that_are_not_finite_are_left_out() -> None:
    prob = np.array([[0.1], [np.nan], [0.9]])
    (found,) = class_curves(prob, np.array([[False], [True], [True]]), ("a",))
    assert (found.n, found.auroc) == (2, 1.0)


def test_confusion_counts_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    prob, target = rng.random((200, 4)), rng.integers(0, 4, 200)
    found = confusion(prob, target, ("a", "b", "c", "d"))
    np.testing.assert_array_equal(found.counts, confusion_matrix(target, prob.argmax(axis=1)))
    np.testing.assert_allclose(found.shares().sum(axis=1), 1.0)


def test_a_class_without_records_has_no_shares() -> None:
    found = confusion(np.array([[0.9, 0.1]]), np.array([0]), ("a", "b"))
    np.testing.assert_array_equal(found.shares(), [[1.0, 0.0], [np.nan, np.nan]])


def test_merging_rare_classes_loses_no_record() -> None:
    counts = np.random.default_rng(1).integers(0, 9, (20, 20))
    table = Confusion(counts, tuple(f"c{i}" for i in range(20)))
    merged = table.largest(6)
    assert merged.counts.sum() == counts.sum()
    assert merged.classes[-1] == "14 others"
    kept = [int(name[1:]) for name in merged.classes[:-1]]
    assert kept == sorted(kept)
    np.testing.assert_array_equal(merged.counts[:6, :6], counts[np.ix_(kept, kept)])
    assert counts.sum(axis=1)[kept].min() >= np.delete(counts.sum(axis=1), kept).max()
    assert table.largest(19) is table
