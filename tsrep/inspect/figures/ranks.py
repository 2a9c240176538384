"""The critical-difference plot: average ranks, with a bar over methods that do not differ."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tsrep.evaluation.scores import RANDOM_INIT
from tsrep.inspect.figures.style import INK, MUTED, bare, house, method_looks, new_figure, shorten

if TYPE_CHECKING:
    from tsrep.evaluation.friedman_ranks import Comparison

WIDTH = 8.0
ROW, BAR = 0.24, 0.11  # inches
HEAD, FOOT = 0.62, 0.34
SIDE = 2.45  # inches for names on each side


@house
def figure_ranks(
    comparison: Comparison, title: str = "Average rank of accuracy", *, over: str = "data set"
) -> Figure:
    """Average ranks on one axis, the best at the left.

    A thick bar joins methods no pair of which differs (Wilcoxon signed-rank, Holm).

    Parameters
    ----------
    comparison : Comparison
    title : str
    over : str
        What methods were ranked on.
    """
    methods = comparison.methods
    left = math.ceil(len(methods) / 2)
    bars = (max(_levels(comparison), default=-1) + 1) * BAR + 0.1
    height = HEAD + bars + left * ROW + FOOT
    figure = new_figure(WIDTH, height, laid_out=False)
    axes = figure.add_axes((0, 0, 1, 1))
    bare(axes)
    axes.set(xlim=(0, WIDTH), ylim=(-height, 0))  # inches from the left and below the top
    _axis(axes, len(methods))
    _bars(axes, comparison)
    _names(axes, comparison, left, HEAD + bars)
    axes.text(0.12, -0.2, title, fontsize=9.5, fontweight="bold", color=INK, va="center")
    axes.text(0.12, -height + 0.15, _foot(comparison, over), fontsize=7.5, color=MUTED, va="center")
    return figure


def _place(rank: float, methods: int) -> float:
    """Inches from the left edge."""
    return SIDE + (rank - 1) / max(methods - 1, 1) * (WIDTH - 2 * SIDE)


def _axis(axes: Axes, methods: int) -> None:
    axes.plot([_place(1, methods), _place(methods, methods)], [-HEAD, -HEAD], color=MUTED, lw=1.0)
    for half in range(2, 2 * methods + 1):
        x, whole = _place(half / 2, methods), half % 2 == 0
        axes.plot([x, x], [-HEAD, -HEAD + (0.07 if whole else 0.04)], color=MUTED, lw=0.9)
        if whole:
            axes.text(x, -HEAD + 0.1, f"{half // 2}", ha="center", va="bottom", fontsize=8, color=MUTED)
    for rank, word, side, gap in ((1, "better", "right", -0.14), (methods, "worse", "left", 0.14)):
        axes.text(_place(rank, methods) + gap, -HEAD, word, ha=side, va="center", fontsize=7.5, color=MUTED)


def _levels(comparison: Comparison) -> list[int]:
    """Row of each bar: the first one in which it touches no other."""
    place = {method: i for i, method in enumerate(comparison.methods)}
    ends: list[int] = []
    levels = []
    for clique in comparison.cliques:
        first, last = place[clique[0]], place[clique[-1]]
        level = next((k for k, end in enumerate(ends) if end < first), len(ends))
        ends[level : level + 1] = [last]
        levels.append(level)
    return levels


def _bars(axes: Axes, comparison: Comparison) -> None:
    ranks, count = comparison.average_rank, len(comparison.methods)
    for level, clique in zip(_levels(comparison), comparison.cliques, strict=True):
        y = -HEAD - 0.12 - level * BAR
        ends = [_place(ranks[clique[0]], count) - 0.05, _place(ranks[clique[-1]], count) + 0.05]
        axes.plot(ends, [y, y], color=INK, lw=3.2, solid_capstyle="round", zorder=3)


def _names(axes: Axes, comparison: Comparison, left: int, top: float) -> None:
    ranks, methods = comparison.average_rank, comparison.methods
    # a method keeps its colour from plot to plot; names such as "1-NN" do not take the first one
    ordered = sorted(methods, key=lambda name: (not name[:1].isalpha(), name))
    looks = method_looks({name: "control" if name == RANDOM_INIT else "method" for name in ordered})
    for i, method in enumerate(methods):
        side, out, row = ("right", -1, i) if i < left else ("left", 1, len(methods) - 1 - i)
        x, y = _place(ranks[method], len(methods)), -top - (row + 0.4) * ROW
        edge, colour = WIDTH / 2 + out * (WIDTH / 2 - SIDE + 0.14), looks[method]["color"]
        axes.plot([x, x, edge], [-HEAD, y, y], color=colour, lw=1.1, zorder=2, solid_joinstyle="miter")
        axes.plot([x], [-HEAD], zorder=4, **looks[method] | {"ls": "", "ms": 5})
        rank = f"{ranks[method]:.2f}"
        axes.text(edge + out * 0.06, y, rank, ha=side, va="center", fontsize=7.5, color=MUTED)
        axes.text(edge + out * 0.42, y, shorten(method, 26), ha=side, va="center", fontsize=8.5, color=INK)


def _foot(comparison: Comparison, over: str) -> str:
    sets = len(comparison.sets)
    parts = [f"{sets} {over}{'s' if sets != 1 else ''}"]
    if math.isfinite(p := comparison.friedman_p):
        parts.append(f"Friedman p {f'= {p:.3f}' if p >= 0.001 else '< 0.001'}")
    joined = f"bar: no pair differs at {100 * comparison.level:g} % (Wilcoxon signed-rank, Holm)"
    return " · ".join([*parts, joined if comparison.cliques else "all pairs differ (Wilcoxon, Holm)"])
