"""Area under the ROC and precision-recall curves of one class, for many weightings of the units at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from tsrep.evaluation.arrays import Array
from tsrep.signals.panel import Ints

if TYPE_CHECKING:
    from scipy.sparse import csr_array

BLOCK = 1 << 14  # sums that are made together, so that they stay in the cache
COLUMNS = 32  # weightings at a time, at least


class RocSorting:
    """The order of one class's scores, made once; each weighting then costs two passes without sorting.

    Areas are made of the weight of the negatives above each positive unit, so sums accumulate over positives
    alone.

    Parameters
    ----------
    score : array, shape (unit,)
    positive : bool array, shape (unit,)
    row : int64 array, shape (unit,)
        The row of the weights that holds a unit's weight (units of one patient share a row).
    """

    def __init__(self, score: Array, positive: Array, row: Array) -> None:
        up, down = np.flatnonzero(positive), np.flatnonzero(~positive)
        up = up[np.argsort(-score[up], kind="stable")]
        falling, others = -score[up], -score[down]  # positives in ascending order
        self._up, self._rows = row[up], int(row.max(initial=-1)) + 1
        reached, passed = (np.searchsorted(falling, others, side=side) for side in ("left", "right"))
        self._reached = _Places(reached, row[down], len(up) + 1, self._rows)
        self._last_tied = np.searchsorted(falling, falling, side="right") - 1
        tied = bool((reached != passed).any())
        self._passed = _Places(passed, row[down], len(up) + 1, self._rows) if tied else None
        self._ties = tied or bool((self._last_tied != np.arange(len(up))).any())

    def __call__(self, weight: Array) -> tuple[Array, Array]:
        """AUROC and average precision for each weighting.

        Parameters
        ----------
        weight : float64 array, shape (row, weighting)
            Non-negative; integers stand for repeated units.

        Returns
        -------
        auroc, average_precision : float64 arrays, shape (weighting,)
            NaN where a weighting leaves no positive or no negative. Tied scores count half in the
            AUROC and share one threshold in the average precision, as in scikit-learn.
        """
        found = np.full((2, weight.shape[1]), np.nan)
        if len(self._up) and len(self._reached.row):
            columns = max(COLUMNS, BLOCK // len(self._up))
            for at in range(0, weight.shape[1], columns):
                some = np.ascontiguousarray(weight[: self._rows, at : at + columns])
                found[:, at : at + columns] = self._areas(some)
        return found[0], found[1]

    def _areas(self, weight: Array) -> tuple[Array, Array]:
        w = weight[self._up]
        hits = np.cumsum(w, axis=0)
        above = self._reached.summed(weight)  # those of the same score among them
        n_up, n_down, above = hits[-1].copy(), above[-1], above[:-1]
        lost = above
        if self._passed is not None:
            lost = (above + self._passed.summed(weight)[:-1]) / 2
        if self._ties:
            hits = hits[self._last_tied]
        with np.errstate(invalid="ignore", divide="ignore"):
            auroc = np.maximum(1 - np.einsum("ur,ur->r", w, lost) / (n_up * n_down), 0)  # not minus epsilon
            precision = hits / np.maximum(hits + above, np.finfo(float).tiny)
            average = np.einsum("ur,ur->r", w, precision) / n_up
        return auroc, np.where(n_down > 0, average, np.nan)


@dataclass(frozen=True)
class _Places:
    """The place of every negative among the positives, and the row of its weight."""

    place: Ints
    row: Ints
    places: int
    rows: int

    def summed(self, weight: Array) -> Array:
        """Weight of all negatives up to each place, shape (place, weighting)."""
        if weight.shape[1] == 1:  # a matrix takes longer to make than one product with it saves
            sums = np.bincount(self.place, weight[self.row, 0], self.places)[:, None]
        else:
            sums = self._counts @ weight
        return np.cumsum(sums, axis=0, out=sums)

    @cached_property
    def _counts(self) -> csr_array:
        """Negatives of each row at each place."""
        from scipy.sparse import csr_array  # loads slowly, and those who only read scores need none

        order = np.argsort(self.place, kind="stable")
        first = np.searchsorted(self.place, np.arange(self.places + 1), sorter=order)
        return csr_array((np.ones(len(order)), self.row[order], first), shape=(self.places, self.rows))
