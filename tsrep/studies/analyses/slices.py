"""The value of each complete trial along each axis that it has active, later trials darker."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tsrep.inspect.figures.style import MUTED, WIDTH, distinct, house, new_figure, shorten
from tsrep.rng import numpy_generator
from tsrep.studies.analyses import Analysis, Missing, Results, Shown
from tsrep.studies.analyses.presentation import (
    baseline_line,
    beyond_note,
    numeric_axis,
    preset,
    scatter,
    value_label,
)
from tsrep.studies.define.space import Parameter
from tsrep.studies.keep.trial_table import TrialTable

ACROSS = 4
ORDER = LinearSegmentedColormap.from_list("order", ["#b9d4ea", "#0b5fa5", "#0a2540"])


def shown(results: Results) -> Shown | Missing:
    """The value along each axis."""
    table = results.table
    if not table.varied:
        return Missing("Slices need an axis with two different values among the complete trials.")
    return Shown(
        "Value of each complete trial along each axis that it has active; later trials are darker, "
        f"diamonds are presets.{beyond_note(table)}",
        figure_slices(table),
        {"": table.along(table.varied)},
    )


ANALYSES = (Analysis("slices", "Slices", 60, shown),)


@house
def figure_slices(table: TrialTable) -> Figure:
    """A panel for each axis that varies: levels jittered, numbers on their own scale."""
    axes = sorted(table.varied, key=lambda axis: bool(axis.range.choices))
    across = min(ACROSS, len(axes))
    down = math.ceil(len(axes) / across)
    figure = new_figure(WIDTH, 2.05 * down + 0.75 + 0.35 * bool(axes[-1].range.choices))
    panels = figure.subplots(down, across, squeeze=False, sharey=True)
    first, last = table.complete["ticket"].iloc[[0, -1]].astype(float)
    norm = Normalize(first, max(last, first + 1))
    titles = distinct([table.short[axis.name] for axis in axes], 24)
    for panel, axis, title in zip(panels.ravel(), axes, titles, strict=False):
        _panel(panel, table, axis, norm)
        panel.set_title(title, fontsize=8.5)
        panel.set_ylim(table.scale.low, table.scale.high)
        panel.tick_params(labelsize=7.5)
    for panel in panels.ravel()[len(axes) :]:
        panel.set_visible(False)
    label = value_label(table, 24 * down + 20)
    figure.supylabel(label, fontsize=8.5, color=MUTED, multialignment="center")
    bar = figure.colorbar(
        ScalarMappable(norm, ORDER), ax=panels, location="top", aspect=50, shrink=0.4, anchor=(0.0, 0.0)
    )
    bar.ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    bar.set_label("trial")
    bar.outline.set_visible(False)
    return figure


def _panel(panel: Axes, table: TrialTable, axis: Parameter, norm: Normalize) -> None:
    active, named = table.active(axis), preset(table.complete)
    colours = ORDER(norm(table.complete["ticket"].to_numpy(float)))
    place = _levels(panel, table, axis) if axis.range.choices else table.numbers(axis)
    baseline_line(panel, table)
    for mask, mark, size in ((active & ~named, "o", 15), (active & named, "D", 26)):
        scatter(panel, table, place[mask], table.values[mask], c=colours[mask], s=size, marker=mark)
    if not axis.range.choices:
        numeric_axis(panel, axis.range)


def _levels(panel: Axes, table: TrialTable, axis: Parameter) -> np.ndarray:
    """Name the levels across; returns where each trial stands."""
    labels, levels = table.labels(axis), table.levels(axis)
    shake = numpy_generator("slices", axis.name).uniform(-0.18, 0.18, len(labels))
    texts = [shorten(level, 20) for level in levels]
    slanted: dict[str, Any] = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"}
    panel.set_xticks(range(len(levels)), texts, **(slanted if max(map(len, texts)) * len(texts) > 16 else {}))
    panel.set_xlim(-0.5, len(levels) - 0.5)
    panel.grid(axis="x", visible=False)
    return np.array([levels.index(label) if label else np.nan for label in labels]) + shake
