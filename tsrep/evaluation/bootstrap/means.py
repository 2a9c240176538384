"""Means over patients of values that some of them have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tsrep.evaluation.arrays import Array


@dataclass(frozen=True, eq=False)
class Means:
    """Ratios of sums over patients, for any weights of the patients.

    Attributes
    ----------
    sums, counts : float64 arrays, shape (patient, metric)
        Sum of the values of a patient, and how many values there are.
    names : sequence of str
        Of the metrics.
    """

    sums: Array
    counts: Array
    names: Sequence[str]

    @property
    def _patients(self) -> Array:
        """Patients with a value, shape (metric, 1), at least two."""
        some: Array = (self.counts > 0).sum(axis=0)
        return np.maximum(some, 2).astype(float)[:, None]

    @property
    def freedom(self) -> dict[str, float]:
        """Degrees of freedom of the variance over patients."""
        return dict(zip(self.names, (self._patients[:, 0] - 1).tolist(), strict=True))

    def _of(self, weight: Array) -> Array:
        with np.errstate(invalid="ignore"):
            return np.asarray((self.sums.T @ weight) / (self.counts.T @ weight))  # (metric, weighting)

    def __call__(self, weight: Array) -> dict[str, Array]:
        """Every metric for weights of shape (patient, weighting)."""
        return dict(zip(self.names, self._of(weight), strict=True))

    def resampled(self, weight: Array) -> dict[str, Array]:
        """The same, spread as over new patients.

        Such weights vary a mean of ``n`` patients by ``(n - 1) / (n + 1)`` of its variance over new ones.
        """
        n, once = self._patients, self._of(np.ones((len(self.sums), 1)))
        spread = once + np.sqrt((n + 1) / (n - 1)) * (self._of(weight) - once)
        return dict(zip(self.names, spread, strict=True))
