"""Views beside what they were made of: one row for each, with the mask and the gain of a learned one."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from tsrep.errors import ConfigError
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
from tsrep.registry import nearest

Floats = NDArray[Any]
ORIGINAL, VIEW, MASK, GAIN = "#b9c2cc", ACCENT, PALETTE[2], PALETTE[1]
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
def figure_views(
    examples: Sequence[ViewExample], *, shown: Sequence[str] | None = None, title: str = ""
) -> Figure:
    """A gallery: original and view over time, a row for each example and a column for each channel.

    All rows of a column share one scale. Under a row with a mask or a gain these have strips of their own.

    Parameters
    ----------
    examples : sequence of ViewExample
        At least one.
    shown : sequence of str, optional
        Channels to show; by default the first two.
    title : str

    Raises
    ------
    ConfigError
        When an example lacks one of the ``shown`` channels.
    """
    columns = list(shown if shown is not None else examples[0].channels[:2])
    for example, channel in itertools.product(examples, columns):
        if channel not in example.channels:
            hint = nearest(channel, list(example.channels))
            raise ConfigError(f"{example.name!r} has no channel {channel!r} to show; {hint}")
    plan = _plan(examples, columns)
    figure = new_figure(WIDTH, plan.height, laid_out=False)
    limits = [_limits(examples, channel) for channel in columns]
    for row, example in enumerate(examples):
        for column, channel in enumerate(columns):
            at = example.channels.index(channel)
            stack = [figure.add_axes(rect) for rect in plan.cell(row, column)]
            _cell(stack, example, at, limits[column], labelled=plan.labelled(row))
            if column == 0:
                _labels(figure, stack, example)
            if row == 0 and len(columns) > 1:
                stack[0].set_title(shorten(channel), color=MUTED, fontsize=8.5, fontweight="normal", pad=4)
    _head(figure, examples, title)
    return figure


@dataclass(frozen=True)
class _Plan:
    """Where everything lies, in inches: constrained layout would not align strips of different rows."""

    left: float
    above: float
    tall: float
    strips: tuple[int, ...]  # for each row
    columns: int
    alike: bool  # whether all rows share one time axis, which is then labelled once

    def labelled(self, row: int) -> bool:
        return not self.alike or row == len(self.strips) - 1

    def _deep(self, row: int) -> float:
        return self.tall + self.strips[row] * (STRIP + BESIDE) + (AXIS if self.labelled(row) else GAP)

    @property
    def height(self) -> float:
        return self.above + sum(self._deep(row) for row in range(len(self.strips)))

    def cell(self, row: int, column: int) -> list[tuple[float, float, float, float]]:
        """Signal, then its strips: left, bottom, width and height in parts of the figure."""
        wide = (WIDTH - self.left - RIGHT - (self.columns - 1) * BETWEEN) / self.columns
        left = self.left + column * (wide + BETWEEN)
        top = self.height - self.above - sum(self._deep(r) for r in range(row))
        bottoms = [top - self.tall - i * (STRIP + BESIDE) for i in range(self.strips[row] + 1)]
        sizes = [self.tall, *[STRIP] * self.strips[row]]
        return [
            (left / WIDTH, bottom / self.height, wide / WIDTH, size / self.height)
            for bottom, size in zip(bottoms, sizes, strict=True)
        ]


def _plan(examples: Sequence[ViewExample], columns: Sequence[str]) -> _Plan:
    longest = max(len(shorten(example.name)) for example in examples)
    first = examples[0]
    return _Plan(
        left=0.5 + 0.078 * longest,
        above=0.42 if len(columns) == 1 else 0.6,
        tall=float(np.clip(6 / len(examples), 0.66, 1.5)),
        strips=tuple(len(example.strips()) for example in examples),
        columns=len(columns),
        alike=all(e.axis == first.axis and np.array_equal(e.time, first.time) for e in examples),
    )


def _cell(
    stack: Sequence[Axes], example: ViewExample, at: int, limits: tuple[float, float], *, labelled: bool
) -> None:
    _signals(stack[0], example, at, limits)
    for axes, (symbol, values) in zip(stack[1:], example.strips(), strict=True):
        (_mask if symbol == "h" else _gain)(axes, example.time, values[min(at, len(values) - 1)])
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
        colour = MASK if symbol == "h" else GAIN
        figure.text(
            box.x0 - 0.36 / WIDTH, (box.y0 + box.y1) / 2, symbol, va="center", ha="right", color=colour,
            style="italic",
        )  # fmt: skip


def _signals(axes: Axes, example: ViewExample, at: int, limits: tuple[float, float]) -> None:
    # The original is wider, so that it shows where the view lies upon it.
    thin = 1.0 if example.original.shape[1] <= 600 else 0.7
    axes.plot(example.time, example.original[at], color=ORIGINAL, lw=2 * thin, label="original")
    axes.plot(example.time, example.view[at], color=VIEW, lw=thin, label="view")
    axes.set_ylim(limits)
    axes.set_yticks(_inside(limits))
    axes.tick_params(axis="y", labelsize=7, length=2, pad=2)


def _mask(axes: Axes, time: Floats, values: Floats) -> None:
    axes.fill_between(time, 0, values, color=MASK, lw=0, alpha=0.55, step="mid")
    axes.set_ylim(0, 1)
    axes.set_yticks([0, 1])
    axes.grid(False)
    axes.tick_params(axis="y", labelsize=6, length=2, pad=2)


def _gain(axes: Axes, time: Floats, values: Floats) -> None:
    axes.axhline(1, color=FLOOR, lw=0.6, ls=(0, (3, 3)))
    axes.plot(time, values, color=GAIN, lw=1.0)
    finite = values[np.isfinite(values)]
    low, high = min([1.0, *finite]), max([1.0, *finite])
    room = max(0.15 * (high - low), 0.05)
    axes.set_ylim(low - room, high + room)
    axes.set_yticks(_ends(low, high))
    axes.grid(False)
    axes.tick_params(axis="y", labelsize=6, length=2, pad=2)


def _inside(limits: tuple[float, float]) -> list[float]:
    """Two or three round numbers that keep clear of the strip below."""
    low, high = limits
    ticks = MaxNLocator(3, min_n_ticks=2).tick_values(low, high)
    return [float(tick) for tick in ticks if low + 0.08 * (high - low) <= tick <= high]


def _ends(low: float, high: float) -> list[float]:
    """One or two ticks that do not touch in a slim strip."""
    low, high = round(low, 2), round(high, 2)
    return [low, high] if high - low > 0.02 else [1.0]


def _limits(examples: Sequence[ViewExample], channel: str) -> tuple[float, float]:
    """What all rows show of a channel, with a little room."""
    pieces = [v[e.channels.index(channel)] for e in examples for v in (e.original, e.view)]
    return limits(np.concatenate(pieces), room=0.06)


def _head(figure: Figure, examples: Sequence[ViewExample], title: str) -> None:
    handles = [
        Line2D([], [], color=ORIGINAL, lw=2.5, label="original"),
        Line2D([], [], color=VIEW, lw=1.5, label="view"),
    ]
    symbols = {symbol for example in examples for symbol, _ in example.strips()}
    if "h" in symbols:
        handles.append(Line2D([], [], color=MASK, lw=5, alpha=0.55, label="mask h", solid_capstyle="butt"))
    if "g" in symbols:
        handles.append(Line2D([], [], color=GAIN, lw=1.5, label="gain g"))
    top = 1 - 0.08 / figure.get_figheight()
    figure.legend(
        handles=handles,
        loc="upper right",
        bbox_to_anchor=(1 - RIGHT / WIDTH, top),
        ncols=len(handles),
        borderpad=0,
        borderaxespad=0,
    )
    figure.text(0.08 / WIDTH, top, title, va="top", fontsize=9.5, fontweight="bold")
