"""What two paired trials would differ by on account of their other settings alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.studies.read.pairing import EXACT, Pairs, other_axes, unit_scale
from tsrep.studies.read.trial_table import Axis, TrialTable

Array = NDArray[Any]
FOLDS = 10
PENALTY = 5.0  # of a ridge on standardised columns: some 60 trials meet some 25 columns


def expected_gaps(table: TrialTable, axis: Axis, pairs: Pairs, values: Array) -> Array:
    """Difference within each pair that the other axes explain; 0 for pairs that agree in them.

    The best pairing of two groups leaves its mismatches on one side: two pairs that differ in opposite
    directions would have been swapped. Without a correction a strong axis then leaks into the weak ones. An
    additive ridge model of the value expects the gap; it is fitted without the pairs that it is asked
    about, and on values without outliers.

    Parameters
    ----------
    table : TrialTable
    axis : Axis
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
    others = other_axes(table, axis, pairs.one, pairs.two)
    known, own = _columns(table, others), _columns(table, [axis])
    gap = known[pairs.one] - known[pairs.two]
    target = _without_outliers(values)
    found = np.zeros(len(gap))
    fold = np.arange(len(gap)) % FOLDS
    for k in np.unique(fold):
        asked = fold == k
        rest = np.ones(len(values), bool)
        rest[pairs.one[asked]] = rest[pairs.two[asked]] = False
        if rest.any():
            weight = _ridge(np.hstack([known, own])[rest], target[rest])[: known.shape[1]]
            found[asked] = gap[asked] @ weight
    return np.where(pairs.distance > EXACT, found, 0.0)


def _columns(table: TrialTable, axes: Sequence[Axis]) -> Array:
    """Levels as indicators, numbers with their squares, and where an axis is active; standardised."""
    found: list[Array] = [np.zeros(len(table.complete))]
    for axis in axes:
        if axis.categorical:
            labels = table.labels(axis)
            found += [labels == level for level in table.levels(axis)]
        else:
            place = unit_scale(axis, table.numbers(axis))
            active = np.isfinite(place)
            centred = np.where(active, place - place[active].mean(), 0.0) if active.any() else 0 * place
            found += [centred, centred**2, active]
    columns = np.column_stack(found).astype(float)
    spread = columns.std(axis=0)
    return np.asarray((columns - columns.mean(axis=0)) / np.where(spread > 1e-12, spread, 1.0))


def _ridge(columns: Array, values: Array) -> Array:
    centred = columns - columns.mean(axis=0)
    gram = centred.T @ centred + PENALTY * np.eye(columns.shape[1])
    return np.asarray(np.linalg.solve(gram, centred.T @ (values - values.mean())))


def _without_outliers(values: Array) -> Array:
    low, high = np.quantile(values, [0.25, 0.75])
    return np.clip(values, low - 1.5 * (high - low), high + 1.5 * (high - low))
