"""The value over two numeric axes, between the trials and nowhere beyond them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, product, takewhile
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from scipy.interpolate import LinearNDInterpolator
from scipy.spatial import QhullError

from tsrep.inspect.figures.style import INK, PALETTE, house, new_figure
from tsrep.studies.analyses import Analysis, Missing, Results, Shown
from tsrep.studies.analyses.importance import most_important_first
from tsrep.studies.analyses.presentation import numeric_axis, value_label
from tsrep.studies.define.ranges import Array
from tsrep.studies.define.space import Parameter
from tsrep.studies.keep.trial_table import TrialTable

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
    points : DataFrame
        Places of trials, by the names of the axes, and their ``value``; trials at one place share a mean.
    grid : DataFrame
        Rows are places of ``up``, columns those of ``across``, both even on the scale of their axis. Linear
        between trials, values far worse than the others moved to the end of the axis; NaN outside their
        convex hull, everywhere where they lie on a line.
    """

    across: Parameter
    up: Parameter
    points: pd.DataFrame
    grid: pd.DataFrame


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
    names = [across.name, up.name]
    points = table.complete[[*names, "value"]].dropna().groupby(names, as_index=False).mean()
    if len(points) < MIN_POINTS:
        return Missing(
            f"The contour needs complete trials at {MIN_POINTS} places of {across.name} and {up.name} or "
            f"more; there {'is' if len(points) == 1 else 'are'} {len(points)}."
        )
    held = table.scale.place(points["value"].to_numpy())  # one diverged trial would paint all around it
    return Contour(across, up, points, _between(across, up, points, held))


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
    same = (a == b for a, b in zip(one.split("."), two.split("."), strict=False))
    return sum(takewhile(bool, same))


def _between(across: Parameter, up: Parameter, points: pd.DataFrame, values: Array) -> pd.DataFrame:
    places, even = [], []
    for axis in (across, up):
        known = points[axis.name].to_numpy(float)
        places.append(axis.range.unit_scale(known))
        even.append((np.geomspace if axis.range.log else np.linspace)(known.min(), known.max(), GRID))
    x, y = even
    try:
        inside = LinearNDInterpolator(np.column_stack(places), values)
        grid = inside(*np.meshgrid(across.range.unit_scale(x), up.range.unit_scale(y)))  # [up, across]
    except QhullError:  # all on one line
        grid = np.full((GRID, GRID), np.nan)
    return pd.DataFrame(grid, index=pd.Index(y, name=up.name), columns=x)


def shown(results: Results) -> Shown | Missing:
    """The value over two numeric axes."""
    found = contour(results.table, most_important_first(results))
    if isinstance(found, Missing):
        return found
    grid = found.grid.reset_index().melt(found.up.name, var_name=found.across.name).dropna()
    return Shown(
        f"Value over {found.across.name} and {found.up.name}, linear between trials and nowhere beyond "
        "them. Trials differ in all other axes too, so that single bumps say little. The best trial has "
        "a ring.",
        figure_contour(found, results.table),
        {"": found.points, "grid": grid[[found.across.name, found.up.name, "value"]]},
    )


ANALYSES = (Analysis("contour", "Slices", 65, shown),)


@house
def figure_contour(found: Contour, table: TrialTable) -> Figure:
    """Levels inside the hull of the trials, dark where better; dots in the colour of their own value."""
    x, y, known = found.points.to_numpy(float).T
    value = table.scale.place(known)
    low, high = float(value.min()), float(value.max())
    high = high if high > low else low + 1e-6
    colours = LIGHT_TO_DARK if table.maximise else LIGHT_TO_DARK.reversed()
    look: dict[str, Any] = {"cmap": colours, "vmin": low, "vmax": high}
    figure = new_figure(6.4, 4.4)
    axes = figure.subplots()
    inside = np.ma.masked_invalid(found.grid.clip(low, high))
    if inside.count():
        levels = MaxNLocator(11).tick_values(low, high)
        axes.contourf(found.grid.columns, found.grid.index, inside, levels=levels, **look)
    axes.scatter(x, y, c="white", s=44, linewidths=0, zorder=2)
    dots = axes.scatter(x, y, c=value, s=26, edgecolors=INK, linewidths=0.6, zorder=3, **look)
    best = int(np.argmin(table.loss(known)))
    axes.plot(x[best], y[best], ls="", marker="o", ms=11, mfc="none", mec=PALETTE[1], mew=1.6, zorder=4)
    axes.margins(0.04)  # room for the dots of the outermost trials
    for axis, upright in ((found.across, False), (found.up, True)):
        numeric_axis(axes, axis.range, upright=upright)
    axes.set(xlabel=table.short[found.across.name], ylabel=table.short[found.up.name])
    bar = figure.colorbar(dots, ax=axes)
    bar.set_label(value_label(table, 40))
    bar.outline.set_visible(False)
    return figure
