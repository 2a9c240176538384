"""Scores with their intervals beside the controls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from tsrep.inspect.figures.style import FAINT, GRID, WIDTH, house, method_looks, new_figure
from tsrep.inspect.naming import is_control, is_majority

if TYPE_CHECKING:
    from tsrep.evaluation.scores import Score

PROTOCOLS = {"probe": "linear probe", "finetune": "fine-tuning", "knn": "nearest neighbours"}
_ORDER = ("probe", "finetune", "knn", "patient", "sample", "record", "all")


@house
def figure_scores(scores: Sequence[Score], metric: str = "auroc", name: str = "macro AUROC") -> Figure:
    """Dots with 95 % intervals: one panel per protocol and way of drawing labels, one group per share.

    Parameters
    ----------
    scores : sequence of Score
        Of one part and one unit. Scores with all labels do not depend on how labels are drawn and stand
        in every column of their protocol; methods without a protocol (``"none"``) stand in every row.
    metric : str
        Which metric to draw; at least one score must have it.
    name : str
        What the axis calls it.
    """
    rows = [s for s in scores if metric in s.metrics and np.isfinite(s.metrics[metric].value)]
    protocols = _ordered(s.protocol for s in rows if s.protocol != "none")
    ways = _ordered(s.subsample_by for s in rows if s.subsample_by != "all") or ["all"]
    methods = sorted(dict.fromkeys(s.method for s in rows), key=lambda m: (is_control(m), is_majority(m)))
    shares = sorted({s.labels for s in rows}, reverse=True)
    height = max(1.4, 0.45 + len(shares) * (0.17 * len(methods) + 0.12))
    figure = new_figure(WIDTH, height * len(protocols) + 0.75)
    grid = figure.subplots(len(protocols), len(ways), squeeze=False, sharex=True, sharey=True)
    for (i, j), axes in np.ndenumerate(grid):
        fits = [
            s for s in rows if s.protocol in (protocols[i], "none") and s.subsample_by in (ways[j], "all")
        ]
        _panel(axes, fits, shares, methods, metric)
        drawn = f" · labels drawn by {ways[j]}" if ways[j] != "all" else ""
        axes.set_title(f"{PROTOCOLS.get(protocols[i], protocols[i])}{drawn}")
    _limits(grid.ravel().tolist(), rows, metric)
    for axes in grid[-1]:
        axes.set_xlabel(f"{name}, 95 % interval over patients")
        axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    for axes in grid[:, 0]:
        axes.set_ylabel("labels used")
    _legend(figure, methods)
    return figure


def _panel(axes: Axes, scores: list[Score], shares: list[float], methods: list[str], metric: str) -> None:
    looks = method_looks(methods)
    offset = (np.arange(len(methods)) - (len(methods) - 1) / 2) * min(0.2, 0.76 / max(len(methods), 1))
    for score in scores:
        value, low, high = _interval(score, metric)
        y = shares.index(score.labels) + offset[methods.index(score.method)]
        look = looks[score.method]
        axes.plot([low, high], [y, y], color=look["color"], lw=1.6, solid_capstyle="butt")
        axes.plot([value], [y], ls="", ms=5, mew=1.3, mec=look["color"], **_marker(look))
    for i in range(1, len(shares)):
        axes.axhline(i - 0.5, color=GRID, lw=0.8)
    axes.set_yticks(range(len(shares)), [f"{100 * share:.3g} %" for share in shares])
    axes.set_ylim(len(shares) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _marker(look: Mapping[str, Any]) -> dict[str, Any]:
    return {"marker": look["marker"], "mfc": look["markerfacecolor"]}


def _limits(panels: list[Axes], scores: Sequence[Score], metric: str) -> None:
    ends = np.array([_interval(s, metric) for s in scores])
    low, high = float(ends.min()), float(ends.max())
    pad = 0.04 * max(high - low, 0.05)
    panels[0].set_xlim(max(low - pad, -0.02), min(high + pad, 1.01))
    if metric == "auroc":
        for axes in panels:
            axes.axvline(0.5, color=FAINT, lw=1.2, ls=(0, (4, 3)), zorder=0)


def _legend(figure: Figure, methods: list[str]) -> None:
    handles = [
        Line2D(
            [], [], color=look["color"], lw=1.6, ms=5, mew=1.3, mec=look["color"], label=name, **_marker(look)
        )
        for name, look in method_looks(methods).items()
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=min(6, len(handles)))


def _ordered(names: Iterable[str]) -> list[str]:
    return sorted(dict.fromkeys(names), key=lambda n: _ORDER.index(n) if n in _ORDER else len(_ORDER))


def _interval(score: Score, metric: str) -> tuple[float, float, float]:
    """Value and ends; a missing interval is the value itself."""
    found = score.metrics[metric]
    low, high = (found.value if np.isnan(end) else end for end in (found.low, found.high))
    return found.value, low, high
