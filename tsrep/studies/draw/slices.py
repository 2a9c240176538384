"""The value along each axis, later trials darker."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from tsrep.inspect.figures.style import MUTED, WIDTH, house, new_figure, shorten
from tsrep.rng import numpy_generator
from tsrep.studies.draw.marks import baseline_line, preset, scatter, value_label
from tsrep.studies.read.axis_names import short_names, varied
from tsrep.studies.read.trial_table import Axis, TrialTable
from tsrep.studies.read.value_scale import Scale, value_scale

ACROSS = 4
ORDER = LinearSegmentedColormap.from_list("order", ["#b9d4ea", "#0b5fa5", "#0a2540"])


@house
def figure_slices(table: TrialTable) -> Figure:
    """A panel for each axis that varies: levels jittered, numbers on their own scale."""
    axes = sorted(varied(table), key=lambda axis: axis.categorical)
    across = min(ACROSS, len(axes))
    down = math.ceil(len(axes) / across)
    figure = new_figure(WIDTH, 2.05 * down + 0.75 + 0.35 * any(axis.categorical for axis in axes))
    panels = figure.subplots(down, across, squeeze=False, sharey=True)
    scale, short, tickets = value_scale(table), short_names(table.axes), table.complete["ticket"]
    norm = Normalize(float(tickets.min()), max(float(tickets.max()), float(tickets.min()) + 1))
    for panel, axis in zip(panels.ravel(), axes, strict=False):
        _panel(panel, table, axis, scale, norm)
        panel.set_title(shorten(short[axis.name], 24), fontsize=8.5)
        panel.set_ylim(scale.low, scale.high)
        panel.tick_params(labelsize=7.5)
    for panel in panels.ravel()[len(axes) :]:
        panel.set_visible(False)
    name = value_label(table, 24 * down + 20)
    figure.supylabel(name, fontsize=8.5, color=MUTED, multialignment="center")
    bar = figure.colorbar(
        ScalarMappable(norm, ORDER), ax=panels, location="top", aspect=50, shrink=0.4, anchor=(0.0, 0.0)
    )
    bar.ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    bar.set_label("trial")
    bar.outline.set_visible(False)
    return figure


def _panel(panel: Axes, table: TrialTable, axis: Axis, scale: Scale, norm: Normalize) -> None:
    rows, active = table.complete, table.active(axis)
    values = rows["value"].to_numpy(float)[active]
    colours = ORDER(norm(rows["ticket"].to_numpy(float)[active]))
    place = _levels(panel, table, axis) if axis.categorical else table.numbers(axis)
    named = preset(rows)[active]
    baseline_line(panel, table)
    for mask, mark, size in ((~named, "o", 15), (named, "D", 26)):
        scatter(
            panel,
            scale,
            place[active][mask],
            values[mask],
            c=colours[mask],
            s=size,
            marker=mark,
            linewidths=0,
        )
    if not axis.categorical:
        numeric_axis(panel, axis)


def _levels(panel: Axes, table: TrialTable, axis: Axis) -> np.ndarray:
    labels, levels = table.labels(axis), table.levels(axis)
    index = {level: i for i, level in enumerate(levels)}
    shake = numpy_generator("slices", axis.name).uniform(-0.18, 0.18, len(labels))
    texts = [shorten(level, 20) for level in levels]
    panel.set_xticks(range(len(levels)), texts)
    if max(map(len, texts)) * len(texts) > 16:
        for label in panel.get_xticklabels():
            label.set(rotation=35, ha="right", rotation_mode="anchor")
    panel.set_xlim(-0.5, len(levels) - 0.5)
    panel.grid(axis="x", visible=False)
    return np.array([index.get(label, np.nan) for label in labels]) + shake


def numeric_axis(panel: Axes, axis: Axis, *, upright: bool = False) -> None:
    """Scale and ticks of a numeric axis, across or (``upright``) up."""
    own = panel.yaxis if upright else panel.xaxis
    if not axis.log:
        own.set_major_locator(MaxNLocator(4, integer=axis.kind == "int"))
        return
    (panel.set_yscale if upright else panel.set_xscale)("log")
    low, high = own.get_view_interval()
    decades = math.log10(high / low)
    subs = (1.0,) if decades > 2.2 else (1.0, 3.0) if decades > 1.5 else (1.0, 2.0, 5.0)
    own.set_major_locator(LogLocator(subs=subs, numticks=8))
    own.set_major_formatter(FuncFormatter(_power))
    own.set_minor_formatter(NullFormatter())


def _power(value: float, _: int) -> str:
    """``0.01``, and ``1e-4`` of what is longer."""
    digits, power = f"{value:.0e}".split("e")
    return f"{value:g}" if value >= 1e-3 else f"{digits}e{int(power)}"
