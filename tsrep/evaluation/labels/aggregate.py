"""From windows to the records that they were cut from."""

from __future__ import annotations

from typing import Literal

import numpy as np

from tsrep.errors import DataError
from tsrep.evaluation.predictions import Predictions

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
    trials, first, inverse, count = np.unique(
        windows.trial, return_index=True, return_inverse=True, return_counts=True
    )
    for name, values in (("patient", windows.patient), ("target", windows.target)):
        differs = values != values[first][inverse]
        if differs.any():
            bad = windows.trial[np.flatnonzero(differs.reshape(len(differs), -1).any(axis=1))[0]]
            raise DataError(
                f"the windows of trial {bad} have more than one {name}; "
                f"give a record one {name} so that it can be scored as a unit"
            )
    starts = np.concatenate([[0], np.cumsum(count)[:-1]])
    prob = windows.prob[np.argsort(inverse, kind="stable")].astype(np.float64)
    if how == "mean":
        pooled = np.add.reduceat(prob, starts) / count[:, None]
    else:
        pooled = np.maximum.reduceat(prob, starts)
        if not windows.multilabel:
            pooled /= pooled.sum(axis=1, keepdims=True)
    return Predictions(pooled, windows.target[first], windows.patient[first], trials)


def is_by_record(predictions: Predictions) -> bool:
    """Whether every record has one unit only, so that windows are records."""
    return len(np.unique(predictions.trial)) == len(predictions)
