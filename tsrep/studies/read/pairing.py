"""Trials of two groups paired so that they differ as little as possible in everything else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from tsrep.studies.read.trial_table import Axis, TrialTable

Array = NDArray[Any]
EXACT = 1e-9  # distance up to which two settings are the same


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


def gower(table: TrialTable, axes: Sequence[Axis], one: Array, two: Array) -> Array:
    """Mean over axes of how far two settings lie apart.

    Parameters
    ----------
    table : TrialTable
    axes : sequence of Axis
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
    total = np.zeros((len(one), len(two)))
    for axis in axes:
        total += _apart(table, axis, one, two)
    return total / max(len(axes), 1)


def pair_up(table: TrialTable, axis: Axis, one: Array, two: Array) -> Pairs:
    """Pair rows of two groups on all axes but ``axis``: exact pairs first, then the nearest."""
    distance = gower(table, other_axes(table, axis, one, two), one, two)
    # an inexact pair costs more than all distances together, so exact ones come first
    cost = distance + (distance > EXACT) * (min(distance.shape) + 1)
    i, j = linear_sum_assignment(cost)
    return Pairs(one[i], two[j], distance[i, j])


def other_axes(table: TrialTable, axis: Axis, one: Array, two: Array) -> list[Axis]:
    """The axes that two groups should agree in.

    Those that are active throughout one group and nowhere in the other belong to what is compared.
    """
    return [other for other in table.axes if other.name != axis.name and not _belongs(table, other, one, two)]


def _apart(table: TrialTable, axis: Axis, one: Array, two: Array) -> Array:
    if axis.categorical:
        labels = table.labels(axis)
        return np.not_equal.outer(labels[one], labels[two]).astype(float)
    numbers = unit_scale(axis, table.numbers(axis))
    gap = np.abs(np.subtract.outer(numbers[one], numbers[two])).clip(0, 1)
    idle = np.isnan(numbers)
    return np.where(np.isnan(gap), np.not_equal.outer(idle[one], idle[two]).astype(float), gap)


def unit_scale(axis: Axis, numbers: Array) -> Array:
    """Numbers of an axis from 0 to 1 over its range, of the logarithm where it is searched so."""
    scale = np.log if axis.log else np.asarray
    values = scale(np.asarray(numbers, float))
    ends = scale(np.array([axis.low, axis.high], float))
    if not np.isfinite(ends).all() and np.isfinite(values).any():
        ends = np.array([np.nanmin(values), np.nanmax(values)])
    span = ends[1] - ends[0]
    return np.asarray((values - ends[0]) / (span if span > 0 else 1.0))


def _belongs(table: TrialTable, axis: Axis, one: Array, two: Array) -> bool:
    active = table.active(axis)
    first, second = active[one], active[two]
    return bool((first.all() and not second.any()) or (second.all() and not first.any()))
