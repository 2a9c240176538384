"""From windows to the records that they were cut from."""

from __future__ import annotations

from typing import Literal

import numpy as np

from tsrep.errors import DataError
from tsrep.evaluation.arrays import Array
from tsrep.evaluation.predictions import Predictions
from tsrep.signals.panel import Ints

Aggregation = Literal["mean", "max"]


def by_record(windows: Predictions, how: Aggregation = "mean") -> Predictions:
    """Predictions of records: probabilities averaged over a record's windows, or their maximum.

    Records come in the order of their trial numbers. The maximum of single-label probabilities is
    scaled to the sum of one again.

    Raises
    ------
    DataError
        When windows of a record disagree on the patient or the target.
    """
    trials, first, inverse = np.unique(windows.trial, return_index=True, return_inverse=True)
    shared = {"patient": windows.patient, "target": windows.target}
    if windows.known is not None:
        shared["mask"] = windows.known
    for name, values in shared.items():
        differs = values != values[first][inverse]
        if differs.any():
            bad = windows.trial[np.flatnonzero(differs.reshape(len(differs), -1).any(axis=1))[0]]
            raise DataError(
                f"the windows of trial {bad} have more than one {name}; "
                f"give a record one {name} so that it can be scored as a unit"
            )
    pooled = aggregated(windows.prob, windows.trial, how, multilabel=windows.multilabel)
    known = None if windows.known is None else windows.known[first]
    return Predictions(pooled, windows.target[first], windows.patient[first], trials, known)


def aggregated(prob: Array, record: Ints, how: Aggregation, *, multilabel: bool) -> Array:
    """Probabilities of records, shape (record, class), in the order of their numbers.

    Parameters
    ----------
    prob : array, shape (window, class)
    record : int64 array, shape (window,)
        Which record a window is of.
    how : {"mean", "max"}
    multilabel : bool
        Whether a record can have several classes, so that probabilities need not add up to one.
    """
    _, inverse, count = np.unique(record, return_inverse=True, return_counts=True)
    starts = np.concatenate([[0], np.cumsum(count)[:-1]])
    ordered = prob[np.argsort(inverse, kind="stable")].astype(np.float64)
    if how == "mean":
        return np.asarray(np.add.reduceat(ordered, starts) / count[:, None])
    pooled: Array = np.maximum.reduceat(ordered, starts)
    return pooled if multilabel else pooled / pooled.sum(axis=1, keepdims=True)
