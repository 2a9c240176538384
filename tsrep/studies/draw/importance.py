"""Importance of each axis with its interval, beside what shuffled values reach."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tsrep.inspect.figures.style import ACCENT, CONTROL, FLOOR, WIDTH, house, new_figure, shorten
from tsrep.studies.read.axis_names import short_names
from tsrep.studies.read.importance import Importances
from tsrep.studies.read.trial_table import TrialTable


@house
def figure_importance(found: Importances, table: TrialTable) -> Figure:
    """Dots with intervals, the most important axis on top; grey where chance alone reaches as far."""
    short = short_names(table.axes)
    figure = new_figure(WIDTH, 0.26 * len(found.shares) + 1.05)
    axes = figure.subplots()
    for i, share in enumerate(found.shares):
        colour = ACCENT if share.share > share.chance else CONTROL
        axes.plot([0, share.chance], [i, i], color=FLOOR, lw=7, alpha=0.35, solid_capstyle="butt", zorder=1)
        axes.plot([share.low, share.high], [i, i], color=colour, lw=1.6, solid_capstyle="butt")
        axes.plot([share.share], [i], ls="", marker="o", ms=5.5, color=colour)
    axes.set_yticks(range(len(found.shares)), [shorten(short[s.axis], 30) for s in found.shares])
    axes.set_ylim(len(found.shares) - 0.4, -0.6)
    axes.set_xlim(0, min(1.0, 1.08 * max(max(s.high, s.chance, s.share) for s in found.shares)))
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("share of importance")
    handles = [
        Line2D([], [], color=ACCENT, marker="o", ms=5.5, lw=1.6, label="importance, 95 % interval"),
        Line2D([], [], color=FLOOR, alpha=0.35, lw=7, label="reached with shuffled values (95 %)"),
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=2)
    return figure
