"""Paired effect of every level, in one column with the numbers beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tsrep.inspect.style import ACCENT, CONTROL, GRID, INK, MUTED, WIDTH, house, new_figure, shorten
from tsrep.studies.axis_names import short_names
from tsrep.studies.effects import Effect
from tsrep.studies.trial_table import TrialTable

ROW = 0.235
LEVEL = 0.05
PAIRS, TEST = 1.02, 1.155  # columns at the right, in widths of the axes


@house
def figure_effects(effects: Sequence[Effect], table: TrialTable) -> Figure:
    """Dots with intervals, grouped by axis; blue where the corrected test is below 5 %."""
    breaks = [i for i in range(1, len(effects)) if effects[i].axis != effects[i - 1].axis]
    figure = new_figure(WIDTH, ROW * len(effects) + 0.95)
    axes = figure.subplots()
    for i, effect in enumerate(effects):
        _row(axes, i, effect)
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
    for x, head in ((PAIRS, "pairs (exact)"), (TEST, "p, Holm")):
        axes.text(x, 1.0, head, transform=axes.transAxes, fontsize=7.5, color=MUTED, va="bottom")
    return figure


def _row(axes: Axes, i: int, effect: Effect) -> None:
    sure = effect.p_holm < LEVEL
    colour = ACCENT if sure else CONTROL
    if math.isfinite(effect.low):
        axes.plot([effect.low, effect.high], [i, i], color=colour, lw=1.6, solid_capstyle="butt")
    face = colour if math.isfinite(effect.p) else "white"
    axes.plot([effect.mean], [i], ls="", marker="o", ms=5, mec=colour, mfc=face)
    at = axes.get_yaxis_transform()
    pairs = f"{effect.pairs} ({effect.exact})"
    axes.text(PAIRS, i, pairs, transform=at, fontsize=7.5, color=MUTED, va="center")
    axes.text(
        TEST, i, p_text(effect.p_holm), transform=at, fontsize=7.5, color=INK if sure else MUTED, va="center"
    )


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


def p_text(p: float) -> str:
    """A p-value with three digits; a dash where nothing was tested."""
    if math.isnan(p):
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
