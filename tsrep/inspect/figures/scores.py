"""Scores with their intervals beside control and baselines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tsrep.evaluation.headline import LOWER_IS_BETTER
from tsrep.evaluation.scores import Score, Scores
from tsrep.inspect.figures.style import (
    FAINT,
    GRID,
    WIDTH,
    Look,
    house,
    method_legend,
    method_looks,
    new_figure,
)

_UNITS = ("patient", "record", "sample")
_ROLES = ("method", "control", "baseline")


@house
def figure_scores(scores: Scores, metric: str = "auroc", name: str = "macro AUROC") -> Figure:
    """Dots with 95 % intervals: one panel per protocol and unit of subsampling, one group per fraction.

    Parameters
    ----------
    scores : Scores
        Of one part and one unit. Scores with all labels do not depend on how labels are subsampled and stand
        in every column of their protocol.
    metric : str
        Which metric to plot; at least one score must have it.
    name : str
        What the axis calls it.
    """
    rows = [s for s in scores if metric in s.metrics and np.isfinite(s.metrics[metric].value)]
    rows.sort(key=lambda s: (s.rank, s.protocol, _ROLES.index(s.role)))
    protocols = list(dict.fromkeys(s.protocol for s in rows))
    used = {s.subsample_by for s in rows}
    units = [unit for unit in _UNITS if unit in used] or ["all"]
    fractions = sorted({s.fraction for s in rows}, reverse=True)
    looks = method_looks({s.method: s.role for s in sorted(rows, key=lambda s: _ROLES.index(s.role))})
    height = max(1.4, 0.45 + len(fractions) * (0.17 * len(looks) + 0.12))
    figure = new_figure(WIDTH, height * len(protocols) + 0.75)
    grid = figure.subplots(len(protocols), len(units), squeeze=False, sharex=True)
    for (i, j), axes in np.ndenumerate(grid):
        shown = [s for s in rows if s.protocol == protocols[i] and s.subsample_by in (units[j], "all")]
        _panel(axes, shown, fractions, looks, metric)
        by = f" · labels subsampled by {units[j]}" if units[j] != "all" else ""
        title = next(s.title or s.protocol for s in rows if s.protocol == protocols[i])
        axes.set_title(f"{title}{by}")
        if metric == "auroc":
            axes.axvline(0.5, color=FAINT, lw=1.2, ls=(0, (4, 3)), zorder=0)
    ends = np.array([_interval(s, metric) for s in rows])
    low, high = float(ends.min()), float(ends.max())
    pad = 0.04 * max(high - low, 0.05)
    # no room is left beyond 0 and 1 for what lies between them
    left, right = low - pad if low < 0 else max(low - pad, -0.02), high + pad if high > 1 else 1.01
    grid[0, 0].set_xlim(left, min(high + pad, right))
    what = f"{name}, lower is better" if metric in LOWER_IS_BETTER else name
    for axes in grid[-1]:
        axes.set_xlabel(f"{what}, 95 % interval")
        axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    for axes in grid[:, 0]:
        axes.set_ylabel("labels used")
    method_legend(figure, {method: look | {"ls": "-"} for method, look in looks.items()})
    return figure


def _panel(
    axes: Axes, scores: Sequence[Score], fractions: Sequence[float], looks: dict[str, Look], metric: str
) -> None:
    methods = list(looks)
    offset = (np.arange(len(methods)) - (len(methods) - 1) / 2) * min(0.2, 0.76 / max(len(methods), 1))
    for score in scores:
        value, low, high = _interval(score, metric)
        y = fractions.index(score.fraction) + offset[methods.index(score.method)]
        look = looks[score.method]
        line: Look = {"color": look["color"], "lw": 1.6, "solid_capstyle": "butt", "label": score.method}
        axes.plot([low, high], [y, y], **line)
        axes.plot([value], [y], **look | {"ls": "", "label": score.method})
    for i in range(1, len(fractions)):
        axes.axhline(i - 0.5, color=GRID, lw=0.8)
    axes.set_yticks(range(len(fractions)), [_drawn(scores, fraction) for fraction in fractions])
    axes.set_ylim(len(fractions) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _drawn(scores: Sequence[Score], fraction: float) -> str:
    """A fraction of the labels over the number of samples that were drawn."""
    counts = {
        round(s.details["labelled"]) for s in scores if s.fraction == fraction and "labelled" in s.details
    }
    return "\n".join([f"{100 * fraction:.3g} %", *(f"n = {count:,}" for count in sorted(counts)[:1])])


def _interval(score: Score, metric: str) -> tuple[float, float, float]:
    """Value and ends; a missing interval is the value itself."""
    found = score.metrics[metric]
    low, high = (found.value if np.isnan(end) else end for end in (found.low, found.high))
    return found.value, low, high
