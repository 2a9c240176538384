"""Predictions by class: confusion matrix, ROC and precision-recall, strips of many classes, reliability."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tsrep.evaluation.labels.calibration import Reliability
from tsrep.inspect.figures.style import (
    ACCENT,
    CONTROL,
    FAINT,
    INK,
    OTHER,
    PALETTE,
    WIDTH,
    house,
    new_figure,
    shorten,
)

Floats = NDArray[np.float64]
_BLUES = LinearSegmentedColormap.from_list("house blues", ["#ffffff", "#b9d3ea", ACCENT, "#08365e"])
MOST_LINES = 8
MOST_CELLS = 14
MOST_AREAS = 150  # more would make a figure of metres


@dataclass(frozen=True, eq=False)
class ClassCurves:
    """The two curves of one class against all others.

    Attributes
    ----------
    name : str
    positives, n : int
        Records of the class, and all records.
    false_positive_rate, true_positive_rate : float64 arrays, shape (threshold + 1,)
        From (0, 0) to (1, 1); tied scores make one step.
    recall, precision : float64 arrays, shape (threshold + 1,)
        From recall 0 (with the precision of the first threshold) to recall 1. All curves are empty when the
        class has no positive or no negative.
    auroc, average_precision : float
        Areas; NaN when the class has no positive or no negative.
    """

    name: str
    positives: int
    n: int
    false_positive_rate: Floats
    true_positive_rate: Floats
    recall: Floats
    precision: Floats
    auroc: float
    average_precision: float


def class_curves(prob: NDArray[Any], target: NDArray[Any], classes: tuple[str, ...]) -> list[ClassCurves]:
    """Curves of each class, in the order of ``classes``.

    Parameters
    ----------
    prob : array, shape (n, class)
        Predicted probabilities or scores; rows with NaN are left out.
    target : int array, shape (n,), or bool array, shape (n, class)
    classes : tuple of str
    """
    positive = flags(target, len(classes))
    known = np.isfinite(prob).all(axis=1)
    return [_curves(name, prob[known, i], positive[known, i]) for i, name in enumerate(classes)]


def flags(target: NDArray[Any], classes: int) -> NDArray[np.bool_]:
    """Targets as flags, shape (n, class), from class indices or from flags."""
    return np.asarray(target if target.ndim == 2 else target[:, None] == np.arange(classes), bool)


def _curves(name: str, score: NDArray[Any], positive: NDArray[np.bool_]) -> ClassCurves:
    from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

    positives, n, none = int(positive.sum()), len(score), np.zeros(0)
    if not 0 < positives < n:
        return ClassCurves(name, positives, n, none, none, none, none, math.nan, math.nan)
    false_rate, true_rate, _ = roc_curve(positive, score, drop_intermediate=False)
    precision, recall, _ = precision_recall_curve(positive, score)
    precision[-1] = precision[-2]  # at recall 0, where there is no prediction
    area, average = roc_auc_score(positive, score), average_precision_score(positive, score)
    return ClassCurves(
        name, positives, n, false_rate, true_rate, recall[::-1], precision[::-1], float(area), float(average)
    )


@dataclass(frozen=True, eq=False)
class Confusion:
    """Counts of single-label predictions.

    Attributes
    ----------
    counts : int64 array, shape (class, class)
        Rows are true, columns predicted classes.
    classes : tuple of str
    """

    counts: NDArray[np.int64]
    classes: tuple[str, ...]

    def shares(self) -> NDArray[np.float64]:
        """Counts as shares of each true class; NaN where a class has no record."""
        total = self.counts.sum(axis=1, keepdims=True)
        return np.asarray(np.where(total > 0, self.counts / np.maximum(total, 1), np.nan))

    def largest(self, keep: int) -> Confusion:
        """The ``keep`` most frequent true classes in their order, and all others as one."""
        if len(self.classes) <= keep + 1:
            return self
        top = np.sort(np.argsort(-self.counts.sum(axis=1), kind="stable")[:keep])
        group = np.full(len(self.classes), keep)
        group[top] = np.arange(keep)
        merged = np.zeros((keep + 1, keep + 1), dtype=np.int64)
        np.add.at(merged, (group[:, None], group[None, :]), self.counts)
        rest = len(self.classes) - keep
        return Confusion(merged, (*(self.classes[i] for i in top), f"{rest} others"))


def confusion(prob: NDArray[Any], target: NDArray[Any], classes: tuple[str, ...]) -> Confusion:
    """Count the most probable class against the true one.

    Parameters
    ----------
    prob : array, shape (n, class)
        Rows with NaN are left out.
    target : int array, shape (n,)
    classes : tuple of str
    """
    from sklearn.metrics import confusion_matrix

    known = np.isfinite(prob).all(axis=1)
    counts = confusion_matrix(target[known], prob[known].argmax(axis=1), labels=range(len(classes)))
    return Confusion(counts, classes)


@house
def figure_confusion(table: Confusion) -> Figure:
    """Confusion matrix: colour and percentage by true class, counts where they fit.

    More than 14 classes show the 13 most frequent and the rest as one.
    """
    table = table.largest(MOST_CELLS - 1)
    shares, n = table.shares(), len(table.classes)
    side = min(WIDTH - 2.2, max(2.4, 0.62 * n))
    names = [shorten(name) for name in table.classes]
    longest = max(map(len, names))
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
    axes.set_xticks(range(n), names, rotation=90 if upright else 0)
    axes.set_yticks(range(n), names)
    axes.set(xlabel="predicted", ylabel="true")
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.set_xticks(np.arange(n + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(n + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", lw=1.5)
    axes.tick_params(which="both", length=0)
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
    free = iter([colour for colour in PALETTE if colour not in {colours.get(c.name) for c in shown}])
    for curve in shown:
        colour, name = colours.get(curve.name, ACCENT), shorten(curve.name, 18)
        if (
            colour == OTHER
        ):  # frequent in this part alone; lines of one grey could not be told from one another
            colour = next(free)
        area, average = f"{name}  {curve.auroc:.3f}", f"{name}  {curve.average_precision:.3f}"
        left.plot(curve.false_positive_rate, curve.true_positive_rate, color=colour, label=area)
        right.step(curve.recall, curve.precision, where="pre", color=colour, label=average)
        right.axhline(curve.positives / curve.n, color=colour, lw=0.8, ls=(0, (1, 3)))
    _unit_square(left, "1 − specificity", "sensitivity", "ROC · area")
    _unit_square(right, "recall", "precision", "precision-recall · average precision")
    if shown:
        left.legend(loc="lower right")
        right.legend(loc="lower left", frameon=True, facecolor="white", edgecolor="none", framealpha=0.85)
    return figure


@house
def figure_class_areas(curves: Sequence[ClassCurves]) -> Figure:
    """AUROC and average precision of the most frequent classes with both outcomes, in that order."""
    shown = sorted((c for c in curves if np.isfinite(c.auroc)), key=lambda c: -c.positives)[:MOST_AREAS]
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
    y = range(len(curves))
    areas, precisions = [c.auroc for c in curves], [c.average_precision for c in curves]
    axes.axvline(0.5, color=FAINT, lw=1.2, ls=(0, (4, 3)), zorder=0)
    axes.plot(areas, y, ls="", marker="o", ms=4.5, color=ACCENT, label="AUROC")
    axes.plot(precisions, y, ls="", marker="|", ms=7, mew=1.6, color=PALETTE[1], label="average precision")
    axes.set_yticks(y, [f"{shorten(c.name, length)}  ({c.positives:,})" for c in curves])
    axes.set(xlim=(-0.02, 1.02), ylim=(rows - 0.4, -0.6), xlabel="area")
    axes.tick_params(axis="y", length=0, labelsize=7.5)


def _unit_square(axes: Axes, x: str, y: str, title: str) -> None:
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), xlabel=x, ylabel=y, title=title)
    axes.set_aspect("equal")


def support(target: NDArray[Any], classes: int) -> NDArray[np.int64]:
    """Records of each class, from indices or flags."""
    return np.asarray(flags(target, classes).sum(axis=0), np.int64)


@house
def figure_reliability(found: Reliability, outcome: str = "observed share") -> Figure:
    """Observed against predicted probability with its band, above how many predictions lie where.

    Parameters
    ----------
    found : Reliability
    outcome : str
        What the upper axis shows.
    """
    full, bins = found.count > 0, len(found.count)
    x, y = found.stated[full], found.observed[full]
    figure = new_figure(4.5, 4.6)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
    above.plot([0, 1], [0, 1], color=FAINT, lw=1, ls=(0, (4, 3)))
    above.fill_between(x, found.low[full], found.high[full], color=ACCENT, alpha=0.16, lw=0)
    above.plot(x, y, color=ACCENT, marker="o", ms=4, clip_on=False)
    above.set(xlim=(0, 1), ylim=(0, 1), ylabel=outcome, title="reliability, with 95 % band")
    below.bar((np.arange(bins) + 0.5) / bins, found.count, width=0.9 / bins, color=CONTROL, lw=0)
    below.set(xlabel="predicted probability", ylabel="predictions")
    below.set_xticks(np.linspace(0, 1, 6))
    below.locator_params(axis="y", nbins=3)
    below.grid(axis="x", visible=False)
    return figure
