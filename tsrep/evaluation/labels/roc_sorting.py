"""Area under the ROC and precision-recall curves of one class, for many weightings of the units at once."""

from __future__ import annotations

import numpy as np

from tsrep.evaluation.arrays import Array


class RocSorting:
    """The order of one class's scores, made once; each weighting then costs two passes without sorting.

    A positive unit needs to know only how many negatives lie below it. So the negatives' weights are
    summed up once in the order of their scores, and every positive reads its place in that sum.

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
        down = down[np.argsort(score[down], kind="stable")]
        high, low = score[up], score[down]
        self._up, self._down = row[up], row[down]
        self._below = np.searchsorted(low, high, side="left")
        self._upto = np.searchsorted(low, high, side="right")
        self._last_tied = np.searchsorted(-high, -high, side="right") - 1
        self._ties = bool((self._below != self._upto).any() or len(np.unique(high)) < len(high))

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
        w = weight[self._up]
        below = np.zeros((len(self._down) + 1, weight.shape[1]))
        np.cumsum(weight[self._down], axis=0, out=below[1:])
        hits = np.cumsum(w, axis=0)
        if not len(w) or len(below) == 1:
            return np.full(weight.shape[1], np.nan), np.full(weight.shape[1], np.nan)
        n_up, n_down = hits[-1].copy(), below[-1]
        beaten = below[self._below]
        false_hits = n_down - beaten
        if self._ties:
            beaten = (beaten + below[self._upto]) / 2
            hits = hits[self._last_tied]
        with np.errstate(invalid="ignore", divide="ignore"):
            auroc = np.einsum("ur,ur->r", w, beaten) / (n_up * n_down)
            precision = hits / np.maximum(hits + false_hits, np.finfo(float).tiny)
            average = np.einsum("ur,ur->r", w, precision) / n_up
        return auroc, np.where(n_down > 0, average, np.nan)
