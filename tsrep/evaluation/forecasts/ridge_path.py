"""Ridge regression for a whole path of penalties, from sums over rows that arrive some at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tsrep.evaluation.arrays import Array


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
        # squares of a large offset would leave no digits for the spread, so it is taken off before squaring
        x, y = x - self.around_x, y - self.around_y  # (row, feature), (row, target)
        self.n += len(x)
        self.x += x.sum(axis=0)  # (feature,)
        self.y += y.sum(axis=0)  # (target,)
        self.xx += x.T @ x  # (feature, feature)
        self.xy += x.T @ y  # (feature, target)

    def first(self, targets: int) -> Moments:
        """The same rows with the first targets only; a copy."""
        y, xy = self.y[:targets].copy(), self.xy[:, :targets].copy()
        around_y = self.around_y[:targets]
        return replace(self, around_y=around_y, x=self.x.copy(), y=y, xx=self.xx.copy(), xy=xy)

    def path(self, *, intercept: bool = True) -> RidgePath:
        """Solve for all penalties at once by one eigendecomposition of the centred Gram matrix.

        Without an intercept, maps go through the fixed points that :meth:`around` was given.
        """
        x, y = self.x / self.n * intercept, self.y / self.n * intercept  # relative to the fixed points
        # sum of (x - mean)(x - mean)' = sum of x x' - n mean mean', and n mean is the sum
        gram = self.xx - np.outer(x, self.x)  # (feature, feature)
        eigenvalues, basis = np.linalg.eigh(gram)  # (feature,), (feature, feature)
        cross = basis.T @ (self.xy - np.outer(self.x, y))  # (feature, target)
        # rounding makes eigenvalues of directions without spread slightly negative
        return RidgePath(self.around_x + x, self.around_y + y, np.maximum(eigenvalues, 0), basis, cross)


@dataclass(frozen=True)
class RidgePath:
    """Ridge regressions, one for each penalty, whose intercept, if they have one, is not penalised.

    Attributes
    ----------
    center : array, shape (feature,)
        Mean of the features.
    mean : array, shape (target,)
    eigenvalues : array, shape (feature,)
        Of the centred Gram matrix.
    basis : array, shape (feature, feature)
        Its eigenvectors, as columns; those without a spread may be left out.
    cross : array, shape (feature, target)
        Covariance sums of features and targets in that basis.
    """

    center: Array
    mean: Array
    eigenvalues: Array
    basis: Array
    cross: Array

    @classmethod
    def of_rows(cls, x: Array, y: Array) -> RidgePath:
        """The same out of rows in memory, through the Gram matrix of the rows: for more features than rows.

        The basis then has as many columns as the rows have dimensions.

        Parameters
        ----------
        x : float64 array, shape (row, feature)
        y : float64 array, shape (row, target)
        """
        center, mean = x.mean(axis=0), y.mean(axis=0)
        x, y = x - center, y - mean
        # x x' has the eigenvalues of x' x that are not zero, and is the smaller one here
        eigenvalues, vectors = np.linalg.eigh(x @ x.T)  # (row,), (row, row)
        kept = eigenvalues > len(x) * np.finfo(np.float64).eps * max(eigenvalues[-1], 0)
        eigenvalues, vectors = eigenvalues[kept], vectors[:, kept]
        root = np.sqrt(eigenvalues)
        return cls(center, mean, eigenvalues, (x.T @ vectors) / root, root[:, None] * (vectors.T @ y))

    def coefficients(self, alpha: float) -> tuple[Array, Array]:
        """Coefficients, shape (target, feature), and intercepts, shape (target,), as in scikit-learn."""
        # ((x' x + alpha)^-1 x' y)' in the eigenbasis: a penalty only adds to the eigenvalues
        coefficients = (self.basis @ (self.cross / (self.eigenvalues + alpha)[:, None])).T
        return coefficients, self.mean - coefficients @ self.center

    def project(self, x: Array) -> Array:
        """Features in the eigenbasis, shape (row, feature): needed once for all penalties."""
        projected: Array = (x - self.center) @ self.basis  # (row, feature)
        return projected

    def predict(self, projected: Array, alpha: float) -> Array:
        """Predictions for one penalty from :meth:`project`, shape (row, target)."""
        predicted: Array = (projected / (self.eigenvalues + alpha)) @ self.cross  # (row, target)
        predicted += self.mean
        return predicted
