"""Receiver operating characteristic and precision-recall curves of each class, as numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ClassCurves:
    """The two curves of one class against all others.

    Attributes
    ----------
    name : str
    positives, n : int
        Records of the class, and all records.
    false_positive_rate, true_positive_rate : float64 arrays, shape (threshold + 1,)
        From (0, 0) to (1, 1); tied scores make one step.
    recall, precision : float64 arrays, shape (threshold + 1,)
        From recall 0 (with the precision of the first threshold) to recall 1.
    auroc, average_precision : float
        Areas; NaN when the class has no positive or no negative.
    """

    name: str
    positives: int
    n: int
    false_positive_rate: Floats
    true_positive_rate: Floats
    recall: Floats
    precision: Floats
    auroc: float
    average_precision: float


def class_curves(prob: NDArray[Any], target: NDArray[Any], classes: tuple[str, ...]) -> list[ClassCurves]:
    """Curves of each class, in the order of ``classes``.

    Parameters
    ----------
    prob : array, shape (n, class)
        Predicted probabilities or scores; rows with NaN are left out.
    target : int array, shape (n,), or bool array, shape (n, class)
    classes : tuple of str
    """
    positive = indicator(target, len(classes))
    known = np.isfinite(prob).all(axis=1)
    return [_curves(name, prob[known, i], positive[known, i]) for i, name in enumerate(classes)]


def indicator(target: NDArray[Any], classes: int) -> NDArray[np.bool_]:
    """Targets as flags, shape (n, class), from class indices or from flags."""
    if target.ndim == 2:
        return target.astype(bool)
    return np.asarray(np.equal(np.asarray(target)[:, None], np.arange(classes)), np.bool_)


def _curves(name: str, score: NDArray[Any], positive: NDArray[np.bool_]) -> ClassCurves:
    order = np.argsort(-score, kind="stable")
    hits = positive[order].astype(np.float64)
    last_of_tie = np.flatnonzero(np.append(np.diff(score[order]) != 0, True)[: len(score)])
    true = np.cumsum(hits)[last_of_tie]
    called = last_of_tie + 1.0
    positives, n = int(positive.sum()), len(score)
    both = 0 < positives < n
    recall = np.concatenate([[0.0], true / max(positives, 1)])
    precision = true / np.maximum(called, 1)
    precision = np.concatenate([precision[:1] if n else [0.0], precision])
    false_rate = np.concatenate([[0.0], (called - true) / max(n - positives, 1)])
    return ClassCurves(
        name,
        positives,
        n,
        false_rate,
        recall,
        recall,
        precision,
        float(np.trapezoid(recall, false_rate)) if both else float("nan"),
        float(np.sum(np.diff(recall) * precision[1:])) if both else float("nan"),
    )
