"""All values of each level, with their median."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tsrep.inspect.figures.style import INK, MUTED, WIDTH, house, new_figure, shorten
from tsrep.rng import numpy_generator
from tsrep.studies.draw.marks import baseline_line, scatter, trial_looks, value_label
from tsrep.studies.read.axis_names import short_names, varied
from tsrep.studies.read.trial_table import Axis, TrialTable
from tsrep.studies.read.value_scale import Scale, value_scale


@house
def figure_cells(table: TrialTable) -> Figure:
    """A panel for each categorical axis, a row for each level, a dot for each complete trial."""
    axes = [axis for axis in varied(table) if axis.categorical]
    rows = [len(table.levels(axis)) for axis in axes]
    figure = new_figure(WIDTH, 0.26 * sum(rows) + 0.38 * len(axes) + 0.6)
    panels = figure.subplots(len(axes), 1, squeeze=False, sharex=True, height_ratios=[n + 0.4 for n in rows])
    scale, short = value_scale(table), short_names(table.axes)
    for panel, axis in zip(panels[:, 0], axes, strict=True):
        _panel(panel, table, axis, scale)
        panel.set_title(short[axis.name])
    panels[-1, 0].set_xlabel(value_label(table, 90))
    return figure


def _panel(panel: Axes, table: TrialTable, axis: Axis, scale: Scale) -> None:
    rows, labels, levels = table.complete, table.labels(axis), table.levels(axis)
    values = rows["value"].to_numpy(float)
    shake = numpy_generator("cells", axis.name).uniform(-0.22, 0.22, len(values))
    baseline_line(panel, table, upright=False)
    for i, level in enumerate(levels):
        here = labels == level
        for mask, look in trial_looks(rows).values():
            chosen = here & mask
            scatter(panel, scale, i + shake[chosen], values[chosen], upright=False, **look)
        median = scale.place(np.array([np.median(values[here])]))
        panel.plot(
            [*median, *median], [i - 0.36, i + 0.36], color=INK, lw=2.2, solid_capstyle="butt", zorder=4
        )
        at = panel.get_yaxis_transform()
        panel.text(1.01, i, f"n = {here.sum()}", transform=at, fontsize=7.5, color=MUTED, va="center")
    panel.set_yticks(range(len(levels)), [shorten(level, 34) for level in levels])
    panel.set_ylim(len(levels) - 0.4, -0.6)
    panel.set_xlim(scale.low, scale.high)
    panel.grid(axis="y", visible=False)
    panel.tick_params(axis="y", length=0)
