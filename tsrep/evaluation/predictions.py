"""Probabilities of a method on some units, with everything that scoring them needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.errors import DataError

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predicted probabilities and targets.

    Attributes
    ----------
    prob : float array, shape (unit, class)
    target : int64 array, shape (unit,), or bool array, shape (unit, class)
    patient, trial : int64 arrays, shape (unit,)
        ``trial`` is the record that a window was cut from.
    """

    prob: Array
    target: Array
    patient: Array
    trial: Array

    def __post_init__(self) -> None:
        n = len(self.prob)
        for name in ("target", "patient", "trial"):
            if len(getattr(self, name)) != n:
                raise DataError(
                    f"{len(getattr(self, name))} values of {name} for {n} rows of probabilities; give {n}"
                )
        if not n:
            raise DataError("there are no predictions to score; the evaluated part of the split is empty")

    def __len__(self) -> int:
        return len(self.prob)

    @property
    def multilabel(self) -> bool:
        """Whether a unit can have several classes at once."""
        return self.target.ndim == 2


def mean_predictions(predictions: Sequence[Predictions]) -> Predictions:
    """Probabilities averaged over seeds, for pictures; all must be of the same units in the same order."""
    first = predictions[0]
    if any(
        not np.array_equal(first.trial, p.trial) or not np.array_equal(first.target, p.target)
        for p in predictions
    ):
        raise DataError("predictions of different seeds are of different units; score the same part for all")
    prob = np.stack([p.prob for p in predictions]).mean(axis=0, dtype=np.float64)
    return Predictions(np.asarray(prob), first.target, first.patient, first.trial)
