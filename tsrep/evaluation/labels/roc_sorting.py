"""Area under the ROC and precision-recall curves of one class, for many weightings of the units at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tsrep.evaluation.arrays import Array

COLUMNS = 32  # weightings at a time: cumulative sums over some thousand units then stay in the cache
FEW, SEVERAL = 16, 32  # positives of a class, and weightings, with which a product is cheaper than sums
BYTES = 64 << 20  # of counts that are multiplied together


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
        found = np.empty((2, weight.shape[1]))
        for at in range(0, weight.shape[1], COLUMNS):
            some = weight[:, at : at + COLUMNS]
            below = np.zeros((len(self._down) + 1, some.shape[1]))
            np.cumsum(some[self._down], axis=0, out=below[1:])
            found[:, at : at + COLUMNS] = self.areas(some, below[self._places])
        return found[0], found[1]

    @property
    def positives(self) -> int:
        """Positive units."""
        return len(self._up)

    @property
    def _places(self) -> Array:
        """Of the sums that areas are made of among the negatives in the order of their scores."""
        upto = self._upto if self._ties else self._upto[:0]
        return np.concatenate([[len(self._down)], self._below, upto])

    def counts(self, rows: int) -> Array:
        """How many negatives of each row lie below each place, shape (place, row)."""
        places = self._places
        found, lower, total = np.empty((len(places), rows)), 0, np.zeros(rows)
        for k in np.argsort(places, kind="stable"):
            total += np.bincount(self._down[lower : places[k]], minlength=rows)
            found[k], lower = total, places[k]
        return found

    def areas(self, weight: Array, sums: Array) -> tuple[Array, Array]:
        """Both areas from the weights of the negatives below each place, shape (place, weighting)."""
        if not len(self._up) or not len(self._down):
            return np.full(weight.shape[1], np.nan), np.full(weight.shape[1], np.nan)
        w = weight[self._up]
        hits = np.cumsum(w, axis=0)
        n_up, n_down, beaten = hits[-1].copy(), sums[0], sums[1 : 1 + len(w)]
        false_hits = n_down - beaten
        if self._ties:
            beaten = (beaten + sums[1 + len(w) :]) / 2
            hits = hits[self._last_tied]
        with np.errstate(invalid="ignore", divide="ignore"):
            auroc = np.einsum("ur,ur->r", w, beaten) / (n_up * n_down)
            precision = hits / np.maximum(hits + false_hits, np.finfo(float).tiny)
            average = np.einsum("ur,ur->r", w, precision) / n_up
        return auroc, np.where(n_down > 0, average, np.nan)


def areas_of_classes(sortings: Sequence[RocSorting], weight: Array) -> Array:
    """AUROC and average precision of many classes, shape (class, 2, weighting).

    The sums of all classes with few positives are one product of counts and weights.
    """
    found = np.empty((len(sortings), 2, weight.shape[1]))
    several = weight.shape[1] >= SEVERAL
    few = [k for k, each in enumerate(sortings) if several and each.positives <= FEW]
    for k in np.setdiff1d(np.arange(len(sortings)), few):
        found[k] = sortings[k](weight)
    most = max(1, BYTES // (8 * 2 * FEW * len(weight)))
    for some in (few[at : at + most] for at in range(0, len(few), most)):
        counts = [sortings[k].counts(len(weight)) for k in some]
        sums = np.split(np.concatenate(counts) @ weight, np.cumsum([len(each) for each in counts])[:-1])
        for k, of in zip(some, sums, strict=True):
            found[k] = sortings[k].areas(weight, of)
    return found
