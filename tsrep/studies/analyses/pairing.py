"""Trials of two groups paired so that they differ as little as possible in everything else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from tsrep.studies.define.ranges import Array
from tsrep.studies.define.space import Parameter
from tsrep.studies.keep.trial_table import TrialTable

EXACT = 1e-9  # distance up to which two settings are the same
FOLDS = 10
ALPHA = 5.0  # of a ridge on standardised columns: some 60 trials meet some 25 columns


@dataclass(frozen=True, eq=False)
class Pairs:
    """Rows of complete trials that belong together.

    Attributes
    ----------
    one, two : int64 arrays, shape (pair,)
    distance : float64 array, shape (pair,)
        Gower distance in [0, 1]; 0 where all other axes agree.
    """

    one: Array
    two: Array
    distance: Array

    @property
    def exact(self) -> int:
        """Pairs that agree in every other axis."""
        return int((self.distance <= EXACT).sum())


def gower(table: TrialTable, axes: Sequence[Parameter], one: Array, two: Array) -> Array:
    """Mean over axes of how far two settings lie apart.

    Parameters
    ----------
    table : TrialTable
    axes : sequence of Parameter
    one, two : int64 arrays
        Rows of ``table.complete``.

    Returns
    -------
    float64 array, shape (one, two)
        In [0, 1]. A level counts 0 or 1, a number its difference over the range (of the logarithm on a
        logarithmic axis); where an axis is active in only one of the two it counts 1, in neither 0.

    References
    ----------
    Gower, A general coefficient of similarity and some of its properties, Biometrics 27 (1971).
    """
    total = sum((_apart(table, axis, one, two) for axis in axes), np.zeros((len(one), len(two))))
    return total / max(len(axes), 1)


def pair_up(table: TrialTable, axis: Parameter, one: Array, two: Array) -> Pairs:
    """Pair rows of two groups on all axes but ``axis``: exact pairs first, then the nearest."""
    distance = gower(table, other_axes(table, axis, one, two), one, two)
    # an inexact pair costs more than all distances together, so exact ones come first
    cost = distance + (distance > EXACT) * (min(distance.shape) + 1)
    i, j = linear_sum_assignment(cost)
    return Pairs(one[i], two[j], distance[i, j])


def other_axes(table: TrialTable, axis: Parameter, one: Array, two: Array) -> list[Parameter]:
    """The axes that two groups should agree in.

    Those that are active throughout one group and nowhere in the other belong to what is compared.
    """
    active = [(other, table.active(other)) for other in table.axes if other.name != axis.name]
    return [other for other, here in active if np.intersect1d(here[one], here[two]).size]


def expected_gaps(table: TrialTable, axis: Parameter, pairs: Pairs, values: Array) -> Array:
    """Difference within each pair that the other axes explain; 0 for pairs that agree in them.

    The best pairing of two groups leaves its mismatches on one side: two pairs that differ in opposite
    directions would have been swapped. Without a correction a strong axis then leaks into the weak ones. An
    additive ridge model of the value expects the gap; it is fitted without the pairs that it is asked
    about, and on values without outliers.

    Parameters
    ----------
    table : TrialTable
    axis : Parameter
        The one that is compared; its own part of the model is not counted.
    pairs : Pairs
    values : float64 array, shape (trial,)

    Returns
    -------
    float64 array, shape (pair,)

    References
    ----------
    Abadie and Imbens, Bias-corrected matching estimators, J. Business and Economic Statistics 29 (2011).
    """
    known = _columns(table, other_axes(table, axis, pairs.one, pairs.two))  # [trial, column]
    columns = np.hstack([known, _columns(table, [axis])])
    gap = known[pairs.one] - known[pairs.two]  # [pair, column]
    low, high = np.quantile(values, [0.25, 0.75])
    target = values.clip(low - 1.5 * (high - low), high + 1.5 * (high - low))
    found = np.zeros(len(gap))
    for k in range(FOLDS):
        asked = slice(k, None, FOLDS)
        rest = np.delete(np.arange(len(values)), np.r_[pairs.one[asked], pairs.two[asked]])
        if len(rest):
            ridge = Ridge(ALPHA).fit(columns[rest], target[rest])
            found[asked] = gap[asked] @ ridge.coef_[: known.shape[1]]
    return np.where(pairs.distance > EXACT, found, 0.0)


def _apart(table: TrialTable, axis: Parameter, one: Array, two: Array) -> Array:
    """How far rows lie apart on one axis, shape (one, two)."""
    if axis.range.choices:
        labels = table.labels(axis)
        return np.not_equal.outer(labels[one], labels[two]).astype(float)
    numbers = axis.range.unit_scale(table.numbers(axis))
    gap = np.abs(np.subtract.outer(numbers[one], numbers[two])).clip(0, 1)
    idle = np.isnan(numbers)
    return np.where(np.isnan(gap), np.not_equal.outer(idle[one], idle[two]).astype(float), gap)


def _columns(table: TrialTable, axes: Sequence[Parameter]) -> Array:
    """Levels as indicators, numbers with their squares, and where an axis is active; standardised."""
    found: list[Array] = [np.zeros(len(table.complete))]
    for axis in axes:
        if axis.range.choices:
            labels = table.labels(axis)
            found += [labels == level for level in table.levels(axis)]
        else:
            place = axis.range.unit_scale(table.numbers(axis))
            active = np.isfinite(place)
            centred = np.nan_to_num(place - place[active].mean()) if active.any() else np.zeros(len(place))
            found += [centred, centred**2, active]
    return np.asarray(StandardScaler().fit_transform(np.column_stack(found).astype(float)))
