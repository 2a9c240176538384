"""Views beside what they were made of: one row for each, with the mask and the gain of a learned one."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from tsrep.inspect.figures.style import (
    ACCENT,
    FLOOR,
    INK,
    MUTED,
    PALETTE,
    WIDTH,
    house,
    limits,
    new_figure,
    shorten,
)

Floats = NDArray[Any]
ORIGINAL, VIEW, MASK, GAIN = "#b9c2cc", ACCENT, PALETTE[2], PALETTE[1]
SHOWN = 2  # channels
STRIP, BESIDE, GAP, AXIS, BETWEEN, RIGHT = 0.24, 0.07, 0.14, 0.48, 0.5, 0.2  # inches


@dataclass(frozen=True, eq=False)
class ViewExample:
    """A signal and a view of it.

    Attributes
    ----------
    name : str
        Of the view, or of the sample.
    time : array, shape (time,)
    axis : str
        What ``time`` counts, such as ``"s"`` or ``"steps of h"``.
    channels : tuple of str
    original, view : arrays, shape (channel, time)
        NaN is left blank.
    mask : array, shape (1 or channel, time), in [0, 1], optional
        Which steps the view keeps.
    gain : array, shape (1 or channel, time), optional
        What the kept steps are multiplied by.
    """

    name: str
    time: Floats
    axis: str
    channels: tuple[str, ...]
    original: Floats
    view: Floats
    mask: Floats | None = None
    gain: Floats | None = None

    def strips(self) -> list[tuple[str, Floats]]:
        """Mask and gain under their symbols, as far as there are any."""
        return [(name, values) for name, values in (("h", self.mask), ("g", self.gain)) if values is not None]


@house
def figure_views(examples: Sequence[ViewExample], *, title: str = "") -> Figure:
    """Original and view over time, a row for each example and a column for each of the first two channels.

    All rows of a column share one scale. Under a row with a mask or a gain these have strips of their own.

    Parameters
    ----------
    examples : sequence of ViewExample
        At least one.
    title : str
    """
    columns = examples[0].channels[:SHOWN]
    figure, grid, places = _layout(examples, len(columns))
    for (row, example), (column, channel) in itertools.product(enumerate(examples), enumerate(columns)):
        stack = [figure.add_subplot(grid[place, column]) for place in places[row]]
        shown = np.concatenate([v[column] for e in examples for v in (e.original, e.view)])
        _signals(stack[0], example, column, limits(shown, room=0.06))
        _strips(stack[1:], example, column)
        _time(stack, example, labelled=_labelled(examples)[row])
        if column == 0:
            _labels(figure, stack, example)
        if row == 0 and len(columns) > 1:
            stack[0].set_title(shorten(channel), color=MUTED, fontsize=8.5, fontweight="normal", pad=4)
    _head(figure, examples, title)
    return figure


def _labelled(examples: Sequence[ViewExample]) -> list[bool]:
    """Which rows have a labelled time axis: the last one where all share it, else each."""
    first = examples[0]
    alike = all(e.axis == first.axis and np.array_equal(e.time, first.time) for e in examples)
    return [*[not alike] * (len(examples) - 1), True]


def _layout(examples: Sequence[ViewExample], columns: int) -> tuple[Figure, GridSpec, list[list[int]]]:
    """An empty figure, its grid, and the grid rows of the signal and the strips of each example.

    Constrained layout would not align strips of different rows; heights are in inches.
    """
    tall = float(np.clip(6 / len(examples), 0.66, 1.5))
    heights: list[float] = []
    places: list[list[int]] = []
    for example, labelled in zip(examples, _labelled(examples), strict=True):
        places.append([len(heights) + 2 * i for i in range(1 + len(example.strips()))])
        heights += [tall, *[BESIDE, STRIP] * len(example.strips()), AXIS if labelled else GAP]
    above, left = 0.42 if columns == 1 else 0.6, 0.5 + 0.078 * max(len(shorten(e.name)) for e in examples)
    height, wide = above + sum(heights), (WIDTH - left - RIGHT - (columns - 1) * BETWEEN) / columns
    figure = new_figure(WIDTH, height, laid_out=False)
    grid = figure.add_gridspec(
        len(heights), columns, height_ratios=heights, left=left / WIDTH, right=1 - RIGHT / WIDTH,
        top=1 - above / height, bottom=0, hspace=0, wspace=BETWEEN / wide,
    )  # fmt: skip
    return figure, grid, places


def _time(stack: Sequence[Axes], example: ViewExample, *, labelled: bool) -> None:
    """One time axis for a signal and its strips, ticks below the last one only."""
    time = example.time
    step = float(time[1] - time[0]) if len(time) > 1 else 1.0
    for axes in stack:
        axes.set_xlim(float(time[0]), float(time[-1]) + step)
        axes.tick_params(axis="x", length=0, labelbottom=False)
    if labelled:
        stack[-1].tick_params(axis="x", length=3, labelbottom=True)
        stack[-1].set_xlabel(f"time ({example.axis})", labelpad=2)


def _labels(figure: Figure, stack: Sequence[Axes], example: ViewExample) -> None:
    """Name of the row at the left margin, symbols of the strips at their axes."""
    box = stack[0].get_position()
    middle = (box.y0 + box.y1) / 2
    figure.text(0.08 / WIDTH, middle, shorten(example.name), va="center", fontweight="bold", color=INK)
    if np.array_equal(example.original, example.view, equal_nan=True):
        below = middle - 0.16 / figure.get_figheight()
        figure.text(0.08 / WIDTH, below, "unaltered", va="center", fontsize=7, color=MUTED)
    for axes, (symbol, _) in zip(stack[1:], example.strips(), strict=True):
        box = axes.get_position()
        look: dict[str, Any] = {"color": MASK if symbol == "h" else GAIN, "style": "italic"}
        figure.text(box.x0 - 0.36 / WIDTH, (box.y0 + box.y1) / 2, symbol, va="center", ha="right", **look)


def _signals(axes: Axes, example: ViewExample, at: int, ends: tuple[float, float]) -> None:
    # The original is wider, so that it shows where the view lies upon it.
    thin = 1.0 if example.original.shape[1] <= 600 else 0.7
    axes.plot(example.time, example.original[at], color=ORIGINAL, lw=2 * thin, label="original")
    axes.plot(example.time, example.view[at], color=VIEW, lw=thin, label="view")
    low, high = ends
    ticks = MaxNLocator(3, min_n_ticks=2).tick_values(low, high)
    # two or three that keep clear of the strip below
    axes.set(ylim=ends, yticks=[tick for tick in ticks if low + 0.08 * (high - low) <= tick <= high])
    axes.tick_params(axis="y", labelsize=7, length=2, pad=2)


def _strips(stack: Sequence[Axes], example: ViewExample, at: int) -> None:
    """Mask and gain of a channel, or the one of all channels."""
    for axes, (symbol, maps) in zip(stack, example.strips(), strict=True):
        values = maps[min(at, len(maps) - 1)]
        if symbol == "h":
            axes.fill_between(example.time, 0, values, color=MASK, lw=0, alpha=0.55, step="mid")
            axes.set(ylim=(0, 1), yticks=[0, 1])
        else:
            axes.axhline(1, color=FLOOR, lw=0.6, ls=(0, (3, 3)))
            axes.plot(example.time, values, color=GAIN, lw=1.0)
            finite = values[np.isfinite(values)]
            low, high = min([1.0, *finite]), max([1.0, *finite])
            room = max(0.15 * (high - low), 0.05)
            ticks = [round(low, 2), round(high, 2)]  # one where two would touch
            ticks = ticks if ticks[1] - ticks[0] > 0.02 else [1.0]
            axes.set(ylim=(low - room, high + room), yticks=ticks)
        axes.grid(False)
        axes.tick_params(axis="y", labelsize=6, length=2, pad=2)


def _head(figure: Figure, examples: Sequence[ViewExample], title: str) -> None:
    handles = [
        Line2D([], [], color=ORIGINAL, lw=2.5, label="original"),
        Line2D([], [], color=VIEW, lw=1.5, label="view"),
    ]
    strips = {
        "h": Line2D([], [], color=MASK, lw=5, alpha=0.55, label="mask h", solid_capstyle="butt"),
        "g": Line2D([], [], color=GAIN, lw=1.5, label="gain g"),
    }
    symbols = {symbol for example in examples for symbol, _ in example.strips()}
    handles += [strip for symbol, strip in strips.items() if symbol in symbols]
    top = 1 - 0.08 / figure.get_figheight()
    corner = (1 - RIGHT / WIDTH, top)
    figure.legend(
        handles=handles, loc="upper right", bbox_to_anchor=corner, ncols=len(handles), borderpad=0,
        borderaxespad=0,
    )  # fmt: skip
    figure.text(0.08 / WIDTH, top, title, va="top", fontsize=9.5, fontweight="bold")
