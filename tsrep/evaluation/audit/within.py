"""AUROC over pairs of recordings that are alike in something else, such as age and sex, or site."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from tsrep.evaluation.arrays import Array
from tsrep.evaluation.labels.metrics import Scorer, Sorting
from tsrep.evaluation.labels.roc_sorting import RocSorting
from tsrep.signals.panel import Ints


class WithinStrata(Scorer):
    """AUROC where a positive and a negative are compared within a stratum only.

    Strata count by their pairs, positives times negatives, so that the value is the share of all such pairs
    that are put in order.

    Parameters
    ----------
    prob : array, shape (unit, class)
        Scores.
    target : bool array, shape (unit, class)
    stratum : int64 array, shape (unit,)
    group : int64 array, shape (unit,)
        Patients.
    known : bool array, shape (unit, class), optional
        Which targets count; default: all.

    References
    ----------
    Janes and Pepe, "Adjusting for covariate effects on classification accuracy using the covariate-adjusted
    receiver operating characteristic curve", Biometrika 96, 2009.
    """

    def __init__(
        self, prob: Array, target: Array, stratum: Ints, group: Ints, known: Array | None = None
    ) -> None:
        super().__init__(prob, target, group, ("auroc",), known)
        self._stratum = stratum

    @cached_property
    def _sortings(self) -> list[Sorting]:
        units = ((c, np.flatnonzero(self._known[:, c])) for c in self._both)
        return [
            _Strata(self._prob[at, c], self._positive[at, c], self._stratum[at], self._row[at])
            for c, at in units
        ]


class _Strata:
    """Stands where :class:`RocSorting` does."""

    def __init__(self, score: Array, positive: Array, stratum: Ints, row: Ints) -> None:
        self._parts = []
        for at in (np.flatnonzero(stratum == each) for each in np.unique(stratum)):
            flags = positive[at]
            if flags.any() and not flags.all():
                parts = RocSorting(score[at], flags, row[at]), row[at][flags], row[at][~flags]
                self._parts.append(parts)

    def __call__(self, weight: Array) -> tuple[Array, Array]:
        none = np.full(weight.shape[1], np.nan)
        if not self._parts:
            return none, none
        pairs = [weight[up].sum(axis=0) * weight[down].sum(axis=0) for _, up, down in self._parts]
        areas = [sorting(weight)[0] for sorting, _, _ in self._parts]
        return np.average(areas, axis=0, weights=pairs), none
