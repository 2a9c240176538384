"""The value over two numeric axes as filled levels with the trials on them."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tsrep.inspect.figures.style import INK, house, new_figure
from tsrep.studies.draw.marks import value_label
from tsrep.studies.draw.slices import numeric_axis
from tsrep.studies.read.axis_names import short_names
from tsrep.studies.read.contour import Contour
from tsrep.studies.read.trial_table import TrialTable
from tsrep.studies.read.value_scale import value_scale

WIDTH = 6.4
# no white, which is outside the hull
LIGHT_TO_DARK = LinearSegmentedColormap.from_list("values", ["#e3edf7", "#8fb9dc", "#0b5fa5", "#0a2540"])


@house
def figure_contour(found: Contour, table: TrialTable) -> Figure:
    """Levels inside the hull of the trials, dark where better; dots in the colour of their own value."""
    scale, short = value_scale(table), short_names(table.axes)
    value = scale.place(found.value)
    low, high = float(value.min()), float(value.max())
    high = high if high > low else low + 1e-6
    colours = LIGHT_TO_DARK if table.maximise else LIGHT_TO_DARK.reversed()
    figure = new_figure(WIDTH, 4.4)
    axes = figure.subplots()
    inside = np.ma.masked_invalid(np.clip(found.grid, low, high))
    if inside.count():
        levels = MaxNLocator(11).tick_values(low, high)
        axes.contourf(found.grid_x, found.grid_y, inside, levels=levels, cmap=colours, vmin=low, vmax=high)
    axes.scatter(found.x, found.y, c="white", s=44, linewidths=0, zorder=2)
    dots = axes.scatter(
        found.x, found.y, c=value, cmap=colours, vmin=low, vmax=high, s=26, edgecolors=INK, linewidths=0.6,
        zorder=3,
    )  # fmt: skip
    best = int(np.argmin(table.loss(found.value)))
    axes.plot(
        found.x[best], found.y[best], ls="", marker="o", ms=11, mfc="none", mec="#d55e00", mew=1.6, zorder=4
    )
    _ends(axes, found)
    axes.set_xlabel(short[found.across.name])
    axes.set_ylabel(short[found.up.name])
    bar = figure.colorbar(dots, ax=axes)
    bar.set_label(value_label(table, 40))
    bar.outline.set_visible(False)
    return figure


def _ends(axes: Axes, found: Contour) -> None:
    """Room for the dots of the outermost trials."""
    for axis, values, upright in ((found.across, found.x, False), (found.up, found.y, True)):
        low, high = float(values.min()), float(values.max())
        if axis.log:
            pad = (high / low) ** 0.04
            ends = (low / pad, high * pad)
        else:
            ends = (low - 0.04 * (high - low), high + 0.04 * (high - low))
        (axes.set_ylim if upright else axes.set_xlim)(*ends)
        numeric_axis(axes, axis, upright=upright)
