"""Maps of embeddings, coloured by class and by patient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tsrep.inspect.figures.style import FAINT, MARKS, OTHER, PALETTE, WIDTH, bare, house, new_figure, shorten
from tsrep.inspect.projection import Projection

MOST_PATIENTS = 10


@house
def figure_map(
    maps: Mapping[str, Projection],
    label: NDArray[Any],
    patient: NDArray[Any],
    classes: Sequence[str],
    colours: Mapping[str, str],
) -> Figure:
    """One row per map (such as trained and random-initialised), a column by class and one by patient.

    Parameters
    ----------
    maps : mapping of str to Projection
        Title of the row to the map.
    label : int array, shape (row,), or bool array, shape (row, class)
        A row with several classes takes the colour of the rarest one that has a colour.
    patient : int array, shape (row,)
        The ten patients with the most rows have a colour and a mark, the others are grey.
    classes : sequence of str
    colours : mapping of str to colour
    """
    figure = new_figure(WIDTH, 4.0 * len(maps) + 0.5)
    grid = figure.subplots(len(maps), 2, squeeze=False)
    for (left, right), (title, found) in zip(grid, maps.items(), strict=True):
        _by_class(left, found, label[found.rows], classes, colours)
        _by_patient(right, found, patient[found.rows])
        left.set_title(f"{title} · by class")
        right.set_title(f"{title} · by patient")
        _frame(left)
        _frame(right)
    handles, labels = grid[-1, 0].get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="outside lower left",
        ncols=min(6, len(labels)),
        handletextpad=0.1,
        markerscale=1.6,
    )
    return figure


def main_class(label: NDArray[Any], colours: Mapping[str, str], classes: Sequence[str]) -> NDArray[np.int64]:
    """The class that gives a row its colour; -1 for rows without a coloured class.

    Parameters
    ----------
    label : int array, shape (row,), or bool array, shape (row, class)
    """
    coloured = np.array([colours.get(name, OTHER) != OTHER for name in classes])
    if label.ndim == 1:
        return np.where(coloured[label], label, -1).astype(np.int64)
    flags = label.astype(bool) & coloured
    rarity = np.where(flags, flags.sum(axis=0), np.iinfo(np.int64).max)
    return np.where(flags.any(axis=1), rarity.argmin(axis=1), -1).astype(np.int64)


def _by_class(
    axes: Axes, found: Projection, label: NDArray[Any], classes: Sequence[str], colours: Mapping[str, str]
) -> None:
    chosen = main_class(label, colours, classes)
    rest = chosen < 0
    if rest.any():
        name = "other classes" if len(classes) > 10 else "no class"
        axes.plot(*found.xy[rest].T, ls="", marker=".", ms=4, color=OTHER, mew=0, label=name)
    for i in sorted(set(chosen[~rest].tolist()), key=lambda c: -int((chosen == c).sum())):
        axes.plot(
            *found.xy[chosen == i].T, ls="", marker="o", ms=3.4, mew=0, alpha=0.75,
            color=colours[classes[i]], label=shorten(classes[i], 20), zorder=2,
        )  # fmt: skip


def _by_patient(axes: Axes, found: Projection, patient: NDArray[Any]) -> None:
    names, counts = np.unique(patient, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    top = names[order[counts[order] > 1]][:MOST_PATIENTS]
    axes.plot(*found.xy[~np.isin(patient, top)].T, ls="", marker=".", ms=4, color=OTHER, mew=0)
    for i, who in enumerate(top):
        axes.plot(
            *found.xy[patient == who].T, ls="", marker=MARKS[i], ms=5, color=PALETTE[i], mec="white", mew=0.4,
            zorder=3,
        )  # fmt: skip


def _frame(axes: Axes) -> None:
    bare(axes)
    axes.margins(0.04)
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_color(FAINT)
