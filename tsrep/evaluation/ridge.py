"""Ridge regression for a whole path of penalties, from sums over rows that arrive some at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass
class Moments:
    """Sums over rows, in float64, out of which a ridge of any penalty is solved.

    Attributes
    ----------
    around_x, around_y : arrays, shape (feature,) and (target,)
        Fixed points near the means that are taken off first, so that a large offset does not swallow the
        spread.
    n : int
        Rows so far.
    x, y : arrays, shape (feature,) and (target,)
    xx : array, shape (feature, feature)
    xy : array, shape (feature, target)
    """

    around_x: Array
    around_y: Array
    n: int
    x: Array
    y: Array
    xx: Array
    xy: Array

    @classmethod
    def around(cls, x: Array, y: Array) -> Moments:
        """No rows yet, around the given points."""
        d, k = len(x), len(y)
        return cls(x, y, 0, np.zeros(d), np.zeros(k), np.zeros((d, d)), np.zeros((d, k)))

    def add(self, x: Array, y: Array) -> None:
        """Take in rows, shape (row, feature) and (row, target); nothing may be missing."""
        x, y = x - self.around_x, y - self.around_y
        self.n += len(x)
        self.x += x.sum(axis=0)
        self.y += y.sum(axis=0)
        self.xx += x.T @ x
        self.xy += x.T @ y

    def first(self, targets: int) -> Moments:
        """The same rows with the first targets only; a copy."""
        kept = slice(targets)
        return Moments(
            self.around_x,
            self.around_y[kept],
            self.n,
            self.x.copy(),
            self.y[kept].copy(),
            self.xx.copy(),
            self.xy[:, kept].copy(),
        )

    def path(self) -> RidgePath:
        """Solve for all penalties at once by one eigendecomposition of the centred Gram matrix."""
        gram = self.xx - np.outer(self.x, self.x) / self.n
        eigenvalues, basis = np.linalg.eigh(gram)
        cross = basis.T @ (self.xy - np.outer(self.x, self.y / self.n))
        center, mean = self.around_x + self.x / self.n, self.around_y + self.y / self.n
        return RidgePath(center, mean, np.maximum(eigenvalues, 0), basis, cross)


@dataclass(frozen=True)
class RidgePath:
    """Ridge regressions with an unpenalised intercept, one for each penalty.

    Attributes
    ----------
    center : array, shape (feature,)
        Mean of the features.
    mean : array, shape (target,)
    eigenvalues : array, shape (feature,)
        Of the centred Gram matrix.
    basis : array, shape (feature, feature)
        Its eigenvectors, as columns.
    cross : array, shape (feature, target)
        Covariance sums of features and targets in that basis.
    """

    center: Array
    mean: Array
    eigenvalues: Array
    basis: Array
    cross: Array

    def coefficients(self, alpha: float) -> tuple[Array, Array]:
        """Coefficients, shape (target, feature), and intercepts, shape (target,), as in scikit-learn."""
        coefficients = (self.basis @ (self.cross / (self.eigenvalues + alpha)[:, None])).T
        return coefficients, self.mean - coefficients @ self.center

    def project(self, x: Array) -> Array:
        """Features in the eigenbasis, shape (row, feature): needed once for all penalties."""
        projected: Array = (x - self.center) @ self.basis
        return projected

    def predict(self, projected: Array, alpha: float) -> Array:
        """Predictions for one penalty from :meth:`project`, shape (row, target)."""
        predicted: Array = (projected / (self.eigenvalues + alpha)) @ self.cross
        predicted += self.mean
        return predicted
