"""Receptive fields: mass over lag and output step, two runs beside each other."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from tsrep.errors import ConfigError
from tsrep.inspect.figures.style import ACCENT, MUTED, PALETTE, WIDTH, house, new_figure, shorten
from tsrep.inspect.receptive_field.field import ReceptiveField
from tsrep.inspect.receptive_field.samples_figure import MARK, brightest, colour_bar

MASS = LinearSegmentedColormap.from_list("mass", ["#ffffff", "#c9dff0", "#6aa9d8", ACCENT, "#06294a"])
LABELLED = 16  # channels
LETTERS = 132  # of a note that fit above a map of the whole width
CURVES = (ACCENT, *PALETTE[2:])


@house
def figure_receptive_fields(
    fields: Mapping[str, ReceptiveField],
    *,
    period: int | None = None,
    notes: Mapping[str, str] | None = None,
    channels: Sequence[str] = (),
    scale: float = 1.0,
    axis: str = "steps",
    rows: str = "steps ahead",
) -> Figure:
    """One heat map, or several beside each other on one colour scale, with their curves.

    Rows are output steps; of a single output step they are the channels of the input. Above each map is the
    average over its output steps with its standard error. Below are the curves over the distance from the
    output step, on which steps ahead that look at the same phase of a period agree.

    Parameters
    ----------
    fields : mapping of str to ReceptiveField
        By the title of their column.
    period : int, optional
        In steps; its multiples are marked, in the margins of the map where they meet its first and its
        last output step.
    notes : mapping of str to str, optional
        A line of numbers for each column.
    channels : sequence of str
        Names of the input channels.
    scale : float
        Length of a step in units of the axis.
    axis : str
        That unit.
    rows : str
        What output steps are called.

    Raises
    ------
    ConfigError
        When there is nothing to plot, or one column has a single output step and another has several.
    """
    if not fields:
        raise ConfigError("there is no receptive field to plot; give one at least")
    single = {len(field.ahead) == 1 for field in fields.values()}
    if len(single) > 1:
        raise ConfigError(
            "one receptive field has a single output step, another several; choose the same steps"
        )
    by_channel = single.pop()
    figure = new_figure(WIDTH, 3.4 if by_channel else 5.0)
    maps = {name: field.mass[0] if by_channel else field.curve for name, field in fields.items()}
    colour = Normalize(0, brightest(list(maps.values())))
    heights = [1, 2.6] if by_channel else [0.9, 3, 1.2]
    grid = figure.add_gridspec(len(heights), len(fields), height_ratios=heights)
    above: list[Axes] = []
    for i in range(len(fields)):
        above.append(figure.add_subplot(grid[0, i], sharey=above[0] if above else None))
        above[i].tick_params(axis="both", labelbottom=False, labelleft=i == 0)
    below = [figure.add_subplot(grid[1, i], sharex=above[i]) for i in range(len(fields))]
    for i, (name, field) in enumerate(fields.items()):
        _marginal(above[i], field, period if by_channel else None, scale, CURVES[i])
        _title(above[i], name, (notes or {}).get(name, ""), letters=LETTERS // len(fields))
        _heat(below[i], field, maps[name], colour, scale)
        marked = f"; dotted: multiples of {period} steps" if by_channel and period is not None else ""
        below[i].set_xlabel(f"lag ({axis}{marked})")
        if by_channel:
            _name_channels(below[i], channels, first=i == 0)
        else:
            told = i > 0 and np.array_equal(field.ahead, next(iter(fields.values())).ahead)
            _name_steps(below[i], field, rows, scale, first=not told)
            _margins(below[i], field, period, scale)
    above[0].set(ylabel="mass (%)", ylim=(0, None))
    mapped = ScalarMappable(colour, MASS)
    colour_bar(figure, mapped, below, "mass of a lag (%)", pad=0.015, fraction=0.03, aspect=22)
    if not by_channel:
        _distances(figure.add_subplot(grid[2, :]), fields, period, scale, axis)
    return figure


def _title(axes: Axes, name: str, note: str, letters: int) -> None:
    lines = textwrap.wrap(note, letters)
    axes.set_title(shorten(name, letters // 2), pad=8 + 10 * len(lines))
    if note:
        told = axes.annotate(
            "\n".join(lines), (0, 1), xytext=(0, 6), xycoords="axes fraction", textcoords="offset points",
            fontsize=7.5, color=MUTED, linespacing=1.1,
        )  # fmt: skip
        told.set_in_layout(False)  # else a long line makes its column narrow


def _marginal(axes: Axes, field: ReceptiveField, period: int | None, scale: float, colour: str) -> None:
    """Average over output steps; its error is that of windows, each averaged over its steps."""
    counted = field.weight.sum(axis=0) > 0
    curve = 100 * field.curve[counted].mean(axis=0) if counted.any() else 0 * field.curve[0]
    lag = np.arange(len(curve)) * scale
    if (n := field.windows) > 1:
        share = field.weight[:, counted] / field.weight[:, counted].sum(axis=0)
        away = np.einsum("wh,whl->wl", share, field.each[:, counted] - field.curve[counted]) / counted.sum()
        error = 100 * np.sqrt((away**2).sum(axis=0) * n / (n - 1))
        axes.fill_between(lag, np.maximum(curve - error, 0), curve + error, color=colour, alpha=0.25, lw=0)
    axes.plot(lag, curve, color=colour, lw=1.1)
    if period is not None:
        ahead = int(field.ahead[0])
        _multiples(axes, period, ahead, ahead + len(curve), scale, -ahead)
    axes.yaxis.set_major_locator(MaxNLocator(3))


def _heat(axes: Axes, field: ReceptiveField, cells: NDArray[Any], colour: Normalize, scale: float) -> None:
    rows, edges = (np.arange(n + 1) - 0.5 for n in (len(cells), field.curve.shape[1]))
    axes.pcolormesh(edges * scale, rows, 100 * cells, cmap=MASS, norm=colour, rasterized=True)
    axes.grid(False)
    # time runs to the right, the last input step lies there
    axes.set_xlim(edges[-1] * scale, edges[0] * scale)
    axes.spines[["top", "right"]].set_visible(True)


def _name_channels(axes: Axes, channels: Sequence[str], *, first: bool) -> None:
    axes.invert_yaxis()
    named = [shorten(name, 14) for name in channels] if first and len(channels) <= LABELLED else []
    axes.set_yticks(range(len(named)), named)
    if first and len(channels) > LABELLED:
        axes.set_ylabel(f"{len(channels)} channels")


def _name_steps(axes: Axes, field: ReceptiveField, rows: str, scale: float, *, first: bool) -> None:
    ahead = field.ahead
    if len(ahead) <= 8:
        axes.set_yticks(range(len(ahead)), [_number(step * scale) for step in ahead])
    else:
        # rows may skip steps, so that a round step has a place between two of them
        wanted = [s for s in MaxNLocator(6).tick_values(ahead[0], ahead[-1]) if ahead[0] < s <= ahead[-1]]
        wanted = [ahead[0], *[s for s in wanted if s - ahead[0] > 0.06 * (ahead[-1] - ahead[0])]]
        axes.set_yticks(np.interp(wanted, ahead, range(len(ahead))), [_number(s * scale) for s in wanted])
    axes.tick_params(axis="y", labelleft=first)
    if first:
        axes.set_ylabel(rows)


def _number(value: float) -> str:
    return f"{value:g}".replace("-", "−")


def _margins(axes: Axes, field: ReceptiveField, period: int | None, scale: float) -> None:
    """Arrows at the first and the last row, where a multiple of the period before the output step lies."""
    if period is None:
        return
    lags = field.curve.shape[1]
    for ahead, y, mark, inward in ((field.ahead[0], 0.0, "▲", -3.2), (field.ahead[-1], 1.0, "▼", 3.2)):
        lag = np.arange(period, int(ahead) + lags, period) - int(ahead)
        for at in lag[(lag >= 0) & (lag < lags)]:
            axes.annotate(
                mark, (at * scale, y), xytext=(0, inward), fontsize=4.5, color=MARK,
                xycoords=("data", "axes fraction"), textcoords="offset points", ha="center", va="center",
                annotation_clip=False,
            )  # fmt: skip


def _multiples(axes: Axes, period: int, first: int, last: int, scale: float, shift: int = 0) -> None:
    for distance in range(period * -(-max(first, 1) // period), last, period):
        at = (distance + shift) * scale
        axes.axvline(at, color=MARK, lw=0.8, ls=(0, (1.5, 1.8)), alpha=0.7, zorder=0)


def _distances(
    axes: Axes, fields: Mapping[str, ReceptiveField], period: int | None, scale: float, axis: str
) -> None:
    longest = 0.0
    for (name, field), colour in zip(fields.items(), CURVES, strict=False):
        distance, mass = field.by_distance()
        axes.plot(distance * scale, 100 * mass, color=colour, lw=1.1, label=name)
        longest = max(longest, float(distance[-1]))
    nearest = min(int(field.ahead.min()) for field in fields.values())
    if period is not None:
        _multiples(axes, period, nearest, int(longest) + 1, scale)
    axes.set(xlim=((longest + 1) * scale, min(nearest, 0) * scale), ylim=(0, None), ylabel="mass (%)")
    axes.yaxis.set_major_locator(MaxNLocator(3))
    what = f"; dotted, and arrows above: multiples of {period} steps" if period is not None else ""
    axes.set_xlabel(f"distance from the output step ({axis}{what})")
    if len(fields) > 1:
        axes.legend(loc="upper left", frameon=True, framealpha=1, edgecolor="white", borderpad=0.2)
