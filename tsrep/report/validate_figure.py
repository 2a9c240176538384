"""The figure of a validation: a panel for each scored cohort, a row for each head."""

from __future__ import annotations

import math
from collections.abc import Sequence

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
    shorten,
)
from tsrep.report.wording import full_name
from tsrep.runs.validate.validation import Validation

INSIDE = "#8cc7ec"
SIMPLE = PALETTE[3]


@house
def figure_validation(validation: Validation) -> Figure:
    """Dots with 95 % intervals of transferred heads; pale where the cohort is not external."""
    heads = list(dict.fromkeys(fitted_on for _, fitted_on in validation.rows))
    lines = [(head, name) for head in heads for name in validation.methods]
    across = 2 if len(validation.datasets) == 4 else min(len(validation.datasets), 3)
    down = math.ceil(len(validation.datasets) / across)
    figure = new_figure(WIDTH, down * (0.8 + 0.27 * len(lines)) + 0.5)
    grid = figure.subplots(down, across, squeeze=False, sharex=True, sharey=True)
    for axes, dataset in zip(grid.flat, validation.datasets, strict=False):
        _panel(axes, validation, dataset, lines)
    for axes in grid.flat[len(validation.datasets) :]:
        axes.set_visible(False)
    _legend(figure, simple=len(validation.methods) > len(validation.about))
    return figure


def _panel(axes: Axes, validation: Validation, dataset: str, lines: Sequence[tuple[str, str]]) -> None:
    for row, (head, name) in enumerate(lines):
        each = validation.find(name, head, dataset)
        if each is not None:
            colour = INSIDE if each.cell.inside else ACCENT
            _dot(axes, each.of("control"), row + 0.16, CONTROL, "white")
            shown = SIMPLE if name not in validation.about else colour
            _dot(axes, each.score, row, shown, "white" if each.cell.inside and shown == SIMPLE else shown)
        if row and lines[row - 1][0] != head:
            axes.axhline(row - 0.5, color=GRID, lw=0.8)
    if validation.metric == "auroc":
        axes.axvline(0.5, color=FAINT, lw=1.2, ls=(0, (4, 3)), zorder=0)
    axes.set_title(shorten(f"scored on {dataset}", 28))
    axes.set_xlabel(f"{full_name(validation.metric)}, 95 % interval")
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.set_yticks(range(len(lines)), distinct([f"{name}, {head}" for head, name in lines], 34))
    axes.set_ylim(len(lines) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _dot(axes: Axes, score: Score | None, y: float, colour: str, face: str) -> None:
    if score is None:
        return
    found = score.metrics[score.metric]
    low, high = (found.value if math.isnan(end) else end for end in (found.low, found.high))
    axes.plot([low, high], [y, y], color=colour, lw=1.4, solid_capstyle="butt")
    axes.plot([found.value], [y], "o", ms=4, mfc=face, mec=colour, mew=1.1)


def _legend(figure: Figure, *, simple: bool) -> None:
    def mark(label: str, colour: str, face: str) -> Line2D:
        return Line2D([], [], color=colour, marker="o", mfc=face, mec=colour, ms=4.5, lw=1.4, label=label)

    handles = [
        mark("encoder, external cohort", ACCENT, ACCENT),
        mark("encoder, cohort that was fitted on", INSIDE, INSIDE),
        mark(f"{RANDOM_INIT}, same architecture", CONTROL, "white"),
    ]
    handles += [mark("control without an encoder", SIMPLE, SIMPLE)] if simple else []
    figure.legend(handles=handles, loc="outside upper left", ncols=2)
