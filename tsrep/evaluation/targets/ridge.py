"""Ridge regression of one number on features; held-out patients choose its penalty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tsrep.evaluation.arrays import Array
from tsrep.evaluation.forecasts.ridge_path import Moments, RidgePath
from tsrep.evaluation.labels.linear_probe import Standardiser
from tsrep.signals.panel import Ints

Held = tuple[Array, Array] | None
FOLDS = 5


@dataclass(frozen=True, eq=False)
class Ridge:
    """A fitted ridge.

    Attributes
    ----------
    standardiser : Standardiser
    path : RidgePath
    alpha : float
        Penalty that was chosen.
    """

    standardiser: Standardiser
    path: RidgePath
    alpha: float

    def predict(self, features: Array) -> Array:
        """Predicted values, shape (sample,), of features, shape (sample, feature)."""
        return self.path.predict(self.path.project(self.standardiser(features)), self.alpha)[:, 0]

    def linear_map(self) -> tuple[Array, float]:
        """Weight, shape (1, feature), and bias on features that are not standardised."""
        weight, bias = self.path.coefficients(self.alpha)
        weight = weight / self.standardiser.deviation
        return weight, float(bias[0] - weight[0] @ self.standardiser.mean)


def fit_ridge(x: Array, y: Array, penalties: Sequence[float], *, group: Ints, validation: Held) -> Ridge:
    """Fit a ridge on standardised features.

    Parameters
    ----------
    x : array, shape (sample, feature)
    y : float64 array, shape (sample,)
    penalties : sequence of float
        Tried, each times the number of samples.
    group : int64 array, shape (sample,)
        Patients, which folds do not divide.
    validation : (features, values) or None
        What chooses the penalty, by the mean absolute error; without it five folds of the training patients
        do, and with one patient the largest penalty is taken.
    """
    standardiser = Standardiser.fit(x)
    rows, target = standardiser(x), y[:, None]
    alphas = np.sort(np.asarray(penalties, np.float64))
    path = _path(rows, target)
    if validation is not None and len(validation[0]):
        errors = _errors(path, standardiser(validation[0]), validation[1], alphas * len(x))
    else:
        errors = _of_folds(rows, target, group, alphas)
    best = len(alphas) - 1 - int(np.argmin(errors[::-1]))  # of equals the largest
    return Ridge(standardiser, path, float(alphas[best] * len(x)))


def _path(x: Array, y: Array) -> RidgePath:
    if x.shape[1] > len(x):
        return RidgePath.of_rows(x, y)
    moments = Moments.around(x.mean(axis=0), y.mean(axis=0))
    moments.add(x, y)
    return moments.path()


def _errors(path: RidgePath, x: Array, y: Array, alphas: Array) -> Array:
    """Sum of absolute errors for each penalty."""
    projected = path.project(x)  # (sample, direction)
    return np.array([np.abs(path.predict(projected, alpha)[:, 0] - y).sum() for alpha in alphas])


def _of_folds(x: Array, y: Array, group: Ints, alphas: Array) -> Array:
    errors = np.zeros(len(alphas))
    patients, number = np.unique(group, return_inverse=True)
    folds = min(FOLDS, len(patients))
    for fold in range(folds if folds > 1 else 0):
        out = number % folds == fold
        errors += _errors(_path(x[~out], y[~out]), x[out], y[out, 0], alphas * (~out).sum())
    return errors
