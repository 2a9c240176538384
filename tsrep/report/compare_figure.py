"""The figure of a comparison: every encoder beside random initialisations of its own architecture."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from tsrep.evaluation.scores import RANDOM_INIT, Score
from tsrep.inspect.figures.style import (
    ACCENT,
    CONTROL,
    FAINT,
    GRID,
    PALETTE,
    WIDTH,
    distinct,
    house,
    new_figure,
)
from tsrep.report.compare_tables import in_order
from tsrep.report.wording import full_name, share
from tsrep.runs.compare.cells import Scored
from tsrep.runs.compare.comparison import Comparison

SHADES = (ACCENT, "#2f8fd0", "#6bb9e8", "#9fd0ef", "#c9e5f7")  # of fractions of labels, all of them first
SEEN = PALETTE[1]


@house
def figure_compare(comparison: Comparison) -> Figure:
    """Dots with 95 % intervals, one panel for each data set and one row for each encoder.

    Fractions of labels stand below one another in a row. Hollow dots are random initialisations of the same
    architecture; orange marks encoders that were trained on scored recordings.
    """
    encoders, columns = in_order(comparison), comparison.columns
    panels = len(comparison.datasets)
    across = 2 if panels == 4 else min(panels, 3)
    down = math.ceil(panels / across)
    height = 0.5 + len(encoders) * (0.16 + 0.17 * len(columns))
    figure = new_figure(WIDTH, down * (height + 0.35) + 0.5)
    grid = figure.subplots(down, across, squeeze=False, sharey=True)
    for axes, dataset in zip(grid.flat, comparison.datasets, strict=False):
        _panel(axes, comparison, dataset, encoders, columns)
    for axes in grid.flat[panels:]:
        axes.set_visible(False)
    _legend(figure, columns, seen=any(each.cell.marked for each in comparison.cells))
    return figure


def _panel(
    axes: Axes,
    comparison: Comparison,
    dataset: str,
    encoders: Sequence[str],
    columns: Sequence[tuple[float, str]],
) -> None:
    step = 0.74 / len(columns)
    for row, encoder in enumerate(encoders):
        for k, column in enumerate(columns):
            each = comparison.find(encoder, dataset, comparison.protocols[0], *column)
            if each is not None:
                _dots(axes, each, row + (k - (len(columns) - 1) / 2) * step, SHADES[min(k, len(SHADES) - 1)])
        if row:
            axes.axhline(row - 0.5, color=GRID, lw=0.8)
    metric = comparison.leading[0].score.metric
    if metric == "auroc":
        axes.axvline(0.5, color=FAINT, lw=1.2, ls=(0, (4, 3)), zorder=0)
    axes.set_title(dataset)
    axes.set_xlabel(f"{full_name(metric)}, 95 % interval")
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.set_yticks(range(len(encoders)), distinct(encoders, 30))
    axes.set_ylim(len(encoders) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _dots(axes: Axes, each: Scored, y: float, colour: str) -> None:
    control = each.of("control")
    if control is not None:
        _dot(axes, control, y + 0.045, CONTROL, hollow=True)
    _dot(axes, each.score, y - 0.045, SEEN if each.cell.marked else colour, hollow=False)


def _dot(axes: Axes, score: Score, y: float, colour: str, *, hollow: bool) -> None:
    found = score.metrics[score.metric]
    low, high = (found.value if np.isnan(end) else end for end in (found.low, found.high))
    axes.plot([low, high], [y, y], color=colour, lw=1.0 if hollow else 1.6, solid_capstyle="butt")
    face = "white" if hollow else colour
    axes.plot([found.value], [y], "o", ms=3.6 if hollow else 4.5, mfc=face, mec=colour, mew=1.1)


def _legend(figure: Figure, columns: Sequence[tuple[float, str]], *, seen: bool) -> None:
    def mark(label: str, colour: str, face: str) -> Line2D:
        return Line2D([], [], color=colour, marker="o", mfc=face, mec=colour, ms=4.5, lw=1.4, label=label)

    handles = []
    for k, (fraction, by) in enumerate(columns):
        colour = SHADES[min(k, len(SHADES) - 1)]
        label = f"{share(fraction)} of labels" + (f" by {by}" if fraction < 1 else "")
        handles.append(mark(label, colour, colour))
    handles += [mark("trained on scored recordings", SEEN, SEEN)] if seen else []
    handles.append(mark(f"{RANDOM_INIT}, same architecture", CONTROL, "white"))
    figure.legend(handles=handles, loc="outside upper left", ncols=min(4, len(handles)))
