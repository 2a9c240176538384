"""Pictures of predictions by class: confusion matrix, ROC and precision-recall, strips of many classes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tsrep.inspect.confusion import Confusion
from tsrep.inspect.figures.style import (
    ACCENT,
    FAINT,
    INK,
    PALETTE,
    WIDTH,
    house,
    new_figure,
    shorten,
)
from tsrep.inspect.roc import ClassCurves

_BLUES = LinearSegmentedColormap.from_list("house blues", ["#ffffff", "#b9d3ea", ACCENT, "#08365e"])
MOST_LINES = 8
MOST_CELLS = 14


@house
def figure_confusion(table: Confusion) -> Figure:
    """Confusion matrix: colour and percentage by true class, counts where they fit.

    More than 14 classes show the 13 most frequent and the rest as one.
    """
    table = table.largest(MOST_CELLS - 1)
    shares, n = table.shares(), len(table.classes)
    side = min(WIDTH - 2.2, max(2.4, 0.62 * n))
    longest = max(len(shorten(name)) for name in table.classes)
    upright = 0.08 * longest > 0.95 * side / n
    figure = new_figure(side + 0.5 + 0.075 * longest, side + 0.6 + 0.075 * longest * upright)
    axes = figure.subplots()
    axes.imshow(np.nan_to_num(shares), cmap=_BLUES, vmin=0, vmax=1)
    for i, j in np.ndindex(n, n):
        if table.counts[i, j]:
            cell = f"{shares[i, j]:.0%}" + (f"\n{table.counts[i, j]:,}" if n <= 8 else "")
            axes.text(
                j, i, cell, ha="center", va="center", fontsize=8.5 if n <= 8 else 7,
                color="white" if shares[i, j] > 0.5 else INK,
            )  # fmt: skip
    names = [shorten(name) for name in table.classes]
    axes.set_xticks(range(n), names, rotation=90 if upright else 0)
    axes.set_yticks(range(n), names)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.grid(False)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_xticks(np.arange(n + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(n + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", lw=1.5)
    axes.tick_params(which="minor", length=0)
    return figure


@house
def figure_roc(curves: Sequence[ClassCurves], colours: Mapping[str, str]) -> Figure:
    """ROC and precision-recall curves, one line per class with its area in the key.

    Two classes show the second one only; more than eight show the eight most frequent.
    """
    shown = [c for c in curves if np.isfinite(c.auroc)]
    shown = shown[1:] if len(curves) == 2 and len(shown) == 2 else shown
    shown = sorted(shown, key=lambda c: -c.positives)[:MOST_LINES]
    figure = new_figure(WIDTH, 4.1)
    left, right = figure.subplots(1, 2)
    left.plot([0, 1], [0, 1], color=FAINT, lw=1, ls=(0, (4, 3)))
    for curve in shown:
        colour = colours.get(curve.name, ACCENT)
        name = shorten(curve.name, 18)
        left.plot(
            curve.false_positive_rate,
            curve.true_positive_rate,
            color=colour,
            label=f"{name}  {curve.auroc:.3f}",
        )
        right.step(
            curve.recall,
            curve.precision,
            where="pre",
            color=colour,
            label=f"{name}  {curve.average_precision:.3f}",
        )
        right.axhline(curve.positives / curve.n, color=colour, lw=0.8, ls=(0, (1, 3)))
    _unit_square(left, "1 − specificity", "sensitivity", "ROC · area")
    _unit_square(right, "recall", "precision", "precision-recall · average precision")
    if shown:
        left.legend(loc="lower right")
        right.legend(loc="lower left", frameon=True, facecolor="white", edgecolor="none", framealpha=0.85)
    return figure


@house
def figure_class_areas(curves: Sequence[ClassCurves]) -> Figure:
    """AUROC and average precision of every class with both outcomes, most frequent first."""
    shown = sorted((c for c in curves if np.isfinite(c.auroc)), key=lambda c: -c.positives)
    across = 1 if len(shown) <= 14 else 2 if len(shown) <= 36 else 3
    down = max(1, math.ceil(len(shown) / across))
    figure = new_figure(WIDTH if across > 1 else 6.4, 0.165 * down + 0.95)
    columns = figure.subplots(1, across, squeeze=False, sharex=True)[0]
    for i, axes in enumerate(columns):
        _areas(axes, shown[i * down : (i + 1) * down], down, 15 if across == 3 else 22)
    if shown:
        handles, labels = columns[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=2)
    return figure


def _areas(axes: Axes, curves: Sequence[ClassCurves], rows: int, length: int) -> None:
    y = np.arange(len(curves))
    auroc = np.array([c.auroc for c in curves])
    precision = np.array([c.average_precision for c in curves])
    axes.axvline(0.5, color=FAINT, lw=1.2, ls=(0, (4, 3)), zorder=0)
    axes.plot(auroc, y, ls="", marker="o", ms=4.5, color=ACCENT, label="AUROC")
    axes.plot(precision, y, ls="", marker="|", ms=7, mew=1.6, color=PALETTE[1], label="average precision")
    axes.set_yticks(y, [f"{shorten(c.name, length)}  ({c.positives:,})" for c in curves])
    axes.set_ylim(rows - 0.4, -0.6)
    axes.set_xlim(-0.02, 1.02)
    axes.tick_params(axis="y", length=0, labelsize=7.5)
    axes.set_xlabel("area")


def _unit_square(axes: Axes, x: str, y: str, title: str) -> None:
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), xlabel=x, ylabel=y, title=title)
    axes.set_aspect("equal")


def support(target: NDArray[Any], classes: int) -> NDArray[np.int64]:
    """Records of each class, from indices or flags."""
    if target.ndim == 2:
        return np.asarray(target.sum(axis=0), np.int64)
    return np.bincount(np.asarray(target, np.int64), minlength=classes)[:classes]
