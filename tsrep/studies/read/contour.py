"""The value over two numeric axes, between the trials and nowhere beyond them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.studies.read.axis_names import varied
from tsrep.studies.read.missing import Missing
from tsrep.studies.read.pairing import unit_scale
from tsrep.studies.read.trial_table import Axis, TrialTable
from tsrep.studies.read.value_scale import value_scale

Array = NDArray[Any]
GRID = 60
LEAST_POINTS = 6
FAMOUS = ("weight", "temperature")


@dataclass(frozen=True, eq=False)
class Contour:
    """Values at trials and interpolated between them.

    Attributes
    ----------
    across, up : Axis
    x, y, value : float64 arrays, shape (point,)
        Places of trials with their value; trials at one place share a mean.
    grid_x, grid_y : float64 arrays, shape (grid,)
        Even on the scale of the axes.
    grid : float64 array, shape (grid_y, grid_x)
        Linear between trials, values far worse than the others moved to the end of the axis; NaN
        outside their convex hull, everywhere where they lie on a line.
    """

    across: Axis
    up: Axis
    x: Array
    y: Array
    value: Array
    grid_x: Array
    grid_y: Array
    grid: Array


def contour(
    table: TrialTable, names: tuple[str, str] | None = None, order: Sequence[str] = ()
) -> Contour | Missing:
    """Interpolate the value over two numeric axes.

    Parameters
    ----------
    table : TrialTable
    names : pair of str, optional
        Axes across and up; by default one that ends in ``weight`` and one that ends in ``temperature``
        where both were searched, else the first two numeric axes.
    order : sequence of str
        Names of axes from the most important on, to choose by.
    """
    axes = _pair(table, names, order)
    if axes is None:
        wanted = " and ".join(names) if names else "two numeric axes"
        return Missing(f"The contour needs {wanted}, searched together in complete trials.")
    across, up = axes
    x, y = table.numbers(across), table.numbers(up)
    both = np.isfinite(x) & np.isfinite(y)
    places, where = np.unique(np.column_stack([x[both], y[both]]), axis=0, return_inverse=True)
    if len(places) < LEAST_POINTS:
        return Missing(
            f"The contour needs complete trials at {LEAST_POINTS} places of {across.name} and {up.name} or "
            f"more; there {'is' if len(places) == 1 else 'are'} {len(places)}."
        )
    value = table.complete["value"].to_numpy(float)[both]
    mean = np.bincount(where.ravel(), value) / np.bincount(where.ravel())
    grid_x, grid_y = _even(across, places[:, 0]), _even(up, places[:, 1])
    held = value_scale(table).place(mean)  # one diverged trial would paint all around it
    grid = _between(across, up, places, held, grid_x, grid_y)
    return Contour(across, up, places[:, 0], places[:, 1], mean, grid_x, grid_y, grid)


def _pair(table: TrialTable, names: tuple[str, str] | None, order: Sequence[str]) -> tuple[Axis, Axis] | None:
    numeric = {axis.name: axis for axis in varied(table) if not axis.categorical}
    if names is not None:
        return (numeric[names[0]], numeric[names[1]]) if set(names) <= set(numeric) else None
    ranked = [*(name for name in order if name in numeric), *(name for name in numeric if name not in order)]
    wanted = [[name for name in ranked if name.split(".")[-1] == end] for end in FAMOUS]
    candidates = [(a, b) for a in wanted[0] for b in wanted[1]]
    candidates.sort(key=lambda pair: -_kinship(*pair))
    candidates += [(a, b) for i, a in enumerate(ranked) for b in ranked[i + 1 :]]
    for a, b in candidates:
        if (table.active(numeric[a]) & table.active(numeric[b])).any():
            return numeric[a], numeric[b]
    return None


def _kinship(one: str, two: str) -> int:
    """Parts of the path that two axes share from the start."""
    parts = zip(one.split("."), two.split("."), strict=False)
    return next((k for k, (a, b) in enumerate(parts) if a != b), 0)


def _even(axis: Axis, values: Array) -> Array:
    space = np.geomspace if axis.log else np.linspace
    return np.asarray(space(values.min(), values.max(), GRID))


def _between(across: Axis, up: Axis, places: Array, mean: Array, grid_x: Array, grid_y: Array) -> Array:
    from scipy.interpolate import LinearNDInterpolator
    from scipy.spatial import QhullError

    points = np.column_stack([unit_scale(across, places[:, 0]), unit_scale(up, places[:, 1])])
    try:
        inside = LinearNDInterpolator(points, mean)
    except QhullError:  # all on one line
        return np.full((GRID, GRID), np.nan)
    at = np.meshgrid(unit_scale(across, grid_x), unit_scale(up, grid_y))
    return np.asarray(inside(at[0], at[1]))
