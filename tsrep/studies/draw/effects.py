"""Paired effect of every level, in one column with the numbers beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tsrep.inspect.figures.style import (
    ACCENT,
    CONTROL,
    GRID,
    INK,
    MUTED,
    WIDTH,
    bare,
    house,
    new_figure,
    shorten,
)
from tsrep.studies.read.axis_names import short_names
from tsrep.studies.read.effects import Effect
from tsrep.studies.read.trial_table import TrialTable
from tsrep.studies.read.wording import p_text

ROW = 0.235
LEVEL = 0.05
PAIRS, TEST = 0.0, 0.68  # columns of numbers, in widths of their axes


@house
def figure_effects(effects: Sequence[Effect], table: TrialTable) -> Figure:
    """Dots with intervals, grouped by axis; blue where the corrected test is below 5 %."""
    breaks = [i for i in range(1, len(effects)) if effects[i].axis != effects[i - 1].axis]
    figure = new_figure(WIDTH, ROW * len(effects) + 0.95)
    axes, beside = figure.subplots(1, 2, width_ratios=[1, 0.25])
    bare(beside)
    for i, effect in enumerate(effects):
        _row(axes, beside, i, effect)
    for i in breaks:
        axes.axhline(i - 0.5, color=GRID, lw=0.8)
    axes.axvline(0, color=MUTED, lw=1.0, zorder=1)
    axes.set_yticks(range(len(effects)), _names(effects, short_names(table.axes)))
    axes.set_ylim(len(effects) - 0.4, -0.6)
    axes.set_xlim(*_ends(effects))
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    better = "right" if table.maximise else "left"
    unit = "change of the value in percent" if table.relative else "difference of the value"
    axes.set_xlabel(f"{unit} against the reference; better is {better}")
    beside.set_ylim(axes.get_ylim())
    for x, head in ((PAIRS, "pairs (exact)"), (TEST, "p, Holm")):
        beside.text(x, -0.75, head, fontsize=7.5, color=MUTED)
    return figure


def _row(axes: Axes, beside: Axes, i: int, effect: Effect) -> None:
    sure = effect.p_holm < LEVEL
    colour = ACCENT if sure else CONTROL
    if math.isfinite(effect.low):
        axes.plot([effect.low, effect.high], [i, i], color=colour, lw=1.6, solid_capstyle="butt")
    face = colour if math.isfinite(effect.p) else "white"
    axes.plot([effect.mean], [i], ls="", marker="o", ms=5, mec=colour, mfc=face)
    pairs, test = f"{effect.pairs} ({effect.exact})", p_text(effect.p_holm)
    for x, text, ink in ((PAIRS, pairs, MUTED), (TEST, test, INK if sure else MUTED)):
        beside.text(x, i, text, fontsize=7.5, color=ink, va="center_baseline")


def _names(effects: Sequence[Effect], short: dict[str, str]) -> list[str]:
    names = []
    for i, effect in enumerate(effects):
        first = not i or effects[i - 1].axis != effect.axis
        axis = f"{shorten(short[effect.axis], 22)}: " if first else ""
        level, reference = (shorten(text, 24) for text in (effect.level, effect.reference))
        names.append(f"{axis}{level} − {reference}")
    return names


def _ends(effects: Sequence[Effect]) -> tuple[float, float]:
    known = [x for e in effects for x in (e.low, e.mean, e.high) if math.isfinite(x)]
    low, high = min(0.0, *known), max(0.0, *known)
    pad = 0.05 * (high - low or 1.0)
    return low - pad, high + pad
