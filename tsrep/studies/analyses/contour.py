"""The value over two numeric axes, between the trials and nowhere beyond them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, product, takewhile
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from scipy.interpolate import LinearNDInterpolator
from scipy.spatial import QhullError

from tsrep.inspect.figures.style import INK, PALETTE, house, new_figure
from tsrep.studies.analyses import Analysis, Missing, Results, Shown
from tsrep.studies.analyses.importance import most_important_first
from tsrep.studies.analyses.marks import numeric_axis, value_label
from tsrep.studies.define.space import Parameter
from tsrep.studies.keep.trial_table import TrialTable

Array = NDArray[Any]
GRID = 60
MIN_POINTS = 6
FAMOUS = ("weight", "temperature")
# no white, which is outside the hull
LIGHT_TO_DARK = LinearSegmentedColormap.from_list("values", ["#e3edf7", "#8fb9dc", "#0b5fa5", "#0a2540"])


@dataclass(frozen=True, eq=False)
class Contour:
    """Values at trials and interpolated between them.

    Attributes
    ----------
    across, up : Parameter
    x, y, value : float64 arrays, shape (point,)
        Places of trials with their value; trials at one place share a mean.
    grid_x, grid_y : float64 arrays, shape (grid,)
        Even on the scale of the axes.
    grid : float64 array, shape (grid_y, grid_x)
        Linear between trials, values far worse than the others moved to the end of the axis; NaN
        outside their convex hull, everywhere where they lie on a line.
    """

    across: Parameter
    up: Parameter
    x: Array
    y: Array
    value: Array
    grid_x: Array
    grid_y: Array
    grid: Array


def contour(table: TrialTable, order: Sequence[str] = ()) -> Contour | Missing:
    """Interpolate the value over two numeric axes.

    They are one that ends in ``weight`` and one that ends in ``temperature`` where both were searched, else
    the first two numeric axes.

    Parameters
    ----------
    table : TrialTable
    order : sequence of str
        Names of axes from the most important on, to choose by.
    """
    axes = _pair(table, order)
    if axes is None:
        return Missing("The contour needs two numeric axes, searched together in complete trials.")
    across, up = axes
    x, y = table.numbers(across), table.numbers(up)
    both = np.isfinite(x) & np.isfinite(y)
    places, where = np.unique(np.column_stack([x[both], y[both]]), axis=0, return_inverse=True)
    if len(places) < MIN_POINTS:
        return Missing(
            f"The contour needs complete trials at {MIN_POINTS} places of {across.name} and {up.name} or "
            f"more; there {'is' if len(places) == 1 else 'are'} {len(places)}."
        )
    mean = np.bincount(where.ravel(), table.values[both]) / np.bincount(where.ravel())
    grid_x, grid_y = _even(across, places[:, 0]), _even(up, places[:, 1])
    held = table.scale.place(mean)  # one diverged trial would paint all around it
    grid = _between(across, up, places, held, grid_x, grid_y)
    return Contour(across, up, places[:, 0], places[:, 1], mean, grid_x, grid_y, grid)


def _pair(table: TrialTable, order: Sequence[str]) -> tuple[Parameter, Parameter] | None:
    numeric = {axis.name: axis for axis in table.varied if not axis.range.choices}
    ranked = sorted(numeric, key=lambda name: order.index(name) if name in order else len(order))
    famous = product(*([name for name in ranked if name.split(".")[-1] == end] for end in FAMOUS))
    candidates = sorted(famous, key=lambda pair: -_kinship(*pair))
    for a, b in [*candidates, *combinations(ranked, 2)]:
        if (table.active(numeric[a]) & table.active(numeric[b])).any():
            return numeric[a], numeric[b]
    return None


def _kinship(one: str, two: str) -> int:
    """Parts of the path that two axes share from the start."""
    return sum(
        1
        for _ in takewhile(
            lambda parts: len({*parts}) == 1, zip(one.split("."), two.split("."), strict=False)
        )
    )


def _even(axis: Parameter, values: Array) -> Array:
    space = np.geomspace if axis.range.log else np.linspace
    return np.asarray(space(values.min(), values.max(), GRID))


def _between(
    across: Parameter, up: Parameter, places: Array, mean: Array, grid_x: Array, grid_y: Array
) -> Array:
    points = np.column_stack([across.range.unit_scale(places[:, 0]), up.range.unit_scale(places[:, 1])])
    try:
        inside = LinearNDInterpolator(points, mean)
    except QhullError:  # all on one line
        return np.full((GRID, GRID), np.nan)
    return np.asarray(inside(*np.meshgrid(across.range.unit_scale(grid_x), up.range.unit_scale(grid_y))))


def shown(results: Results) -> Shown | Missing:
    """The value over two numeric axes."""
    found = contour(results.table, results.once(most_important_first))
    if isinstance(found, Missing):
        return found
    return Shown(
        f"Value over {found.across.name} and {found.up.name}, linear between trials and nowhere beyond "
        "them. Trials differ in all other axes too, so that single bumps say little. The best trial has "
        "a ring.",
        figure_contour(found, results.table),
        _numbers(found),
    )


ANALYSES = (Analysis("contour", "Slices", 65, shown),)


def _numbers(found: Contour) -> dict[str, pd.DataFrame]:
    across, up = found.across.name, found.up.name
    points = pd.DataFrame({across: found.x, up: found.y, "value": found.value})
    grid = pd.DataFrame(found.grid, index=found.grid_y, columns=found.grid_x).rename_axis(up)
    long = grid.reset_index().melt(up, var_name=across, value_name="value").dropna()
    return {"": points, "grid": long[[across, up, "value"]]}


@house
def figure_contour(found: Contour, table: TrialTable) -> Figure:
    """Levels inside the hull of the trials, dark where better; dots in the colour of their own value."""
    value = table.scale.place(found.value)
    low, high = float(value.min()), float(value.max())
    high = high if high > low else low + 1e-6
    colours = LIGHT_TO_DARK if table.maximise else LIGHT_TO_DARK.reversed()
    look: dict[str, Any] = {"cmap": colours, "vmin": low, "vmax": high}
    figure = new_figure(6.4, 4.4)
    axes = figure.subplots()
    inside = np.ma.masked_invalid(np.clip(found.grid, low, high))
    if inside.count():
        levels = MaxNLocator(11).tick_values(low, high)
        axes.contourf(found.grid_x, found.grid_y, inside, levels=levels, **look)
    axes.scatter(found.x, found.y, c="white", s=44, linewidths=0, zorder=2)
    dots = axes.scatter(found.x, found.y, c=value, s=26, edgecolors=INK, linewidths=0.6, zorder=3, **look)
    best = int(np.argmin(table.loss(found.value)))
    ring: dict[str, Any] = {"marker": "o", "ms": 11, "mfc": "none", "mec": PALETTE[1], "mew": 1.6}
    axes.plot(found.x[best], found.y[best], ls="", zorder=4, **ring)
    _ends(axes, found)
    axes.set_xlabel(table.short[found.across.name])
    axes.set_ylabel(table.short[found.up.name])
    bar = figure.colorbar(dots, ax=axes)
    bar.set_label(value_label(table, 40))
    bar.outline.set_visible(False)
    return figure


def _ends(axes: Axes, found: Contour) -> None:
    """Room for the dots of the outermost trials."""
    for axis, values, upright in ((found.across, found.x, False), (found.up, found.y, True)):
        low, high = float(values.min()), float(values.max())
        if axis.range.log:
            pad = (high / low) ** 0.04
            ends = (low / pad, high * pad)
        else:
            ends = (low - 0.04 * (high - low), high + 0.04 * (high - low))
        (axes.set_ylim if upright else axes.set_xlim)(*ends)
        numeric_axis(axes, axis.range, upright=upright)
