"""Recordings as a clinician expects them: ECG paper for twelve leads, stacked traces for anything else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tsrep.inspect.figures.style import ACCENT, INK, MUTED, WIDTH, house, new_figure, shorten

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
_MILLIVOLTS = {"mv": 1.0, "millivolt": 1.0, "uv": 1e-3, "µv": 1e-3, "μv": 1e-3, "microvolt": 1e-3, "v": 1e3}
_FINE, _COARSE, _TRACE = "#f8dcd8", "#efb5ae", "#1b1b1f"
COLUMN_SECONDS = 2.5


def twelve_leads(channels: Sequence[str], unit: str) -> list[int] | None:
    """Where each standard lead stands among the channels; None unless there are just these, in volts."""
    names = [c.strip().lower() for c in channels]
    if len(names) != 12 or unit.strip().lower() not in _MILLIVOLTS:
        return None
    wanted = [lead.lower() for lead in LEADS]
    return [names.index(lead) for lead in wanted] if sorted(names) == sorted(wanted) else None


@house
def figure_record(
    x: NDArray[Any], sfreq: float, channels: Sequence[str], unit: str, title: str = ""
) -> Figure:
    """One recording.

    Twelve standard leads: ECG paper at the proportions of 25 mm/s and 10 mm/mV, three rows of four
    leads of up to 2.5 s each, and lead II as a rhythm strip below where the recording is longer than
    that. Otherwise stacked traces that share one scale.

    Parameters
    ----------
    x : array, shape (channel, time), in ``unit``
        NaN is left blank.
    sfreq : float
        Hz.
    """
    order = twelve_leads(channels, unit)
    if order is None:
        return _stacked(x, sfreq, channels, unit, title)
    return _paper(np.asarray(x, np.float64)[order] * _MILLIVOLTS[unit.strip().lower()], sfreq, title)


def _paper(x: NDArray[np.float64], sfreq: float, title: str) -> Figure:
    column = min(COLUMN_SECONDS, x.shape[1] / sfreq)
    steps = max(1, round(column * sfreq))
    lines = 4 if x.shape[1] >= 1.6 * steps else 3
    x = x - _medians(x)
    row = _row_height(x)
    above, below = _room(x[::3], row), _room(-x[2::3] if lines == 3 else -x[1:2], row)
    wide, high = 4 * column + 0.4, lines * row + above + below
    heights = [high - above - (line + 0.5) * row for line in range(lines)]
    title_height = 0.3
    figure = new_figure(WIDTH, WIDTH * high * 0.4 / wide + title_height, laid_out=False)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1 - title_height / figure.get_figheight()))
    _grid(axes, wide, high)
    for i in range(12):
        place, line = divmod(i, 3)
        start = min(place * steps, x.shape[1] - steps) if lines == 4 else 0
        left = 0.4 + place * column
        _lead(axes, x[i, start : start + steps], sfreq, left, heights[line], LEADS[i])
        if place:
            axes.plot([left, left], heights[line] + np.array([-0.25, 0.25]), color=_TRACE, lw=0.6)
    if lines == 4:
        _lead(axes, x[1, : 4 * steps], sfreq, 0.4, heights[3], "II")
    for height in heights:  # a pulse of 1 mV and 0.2 s
        pulse = np.array([[0.06, 0.1, 0.1, 0.3, 0.3, 0.34], [0, 0, 1, 1, 0, 0]])
        axes.plot(pulse[0], height + pulse[1], color=_TRACE, lw=0.85)
    middle = 1 - title_height / 2 / figure.get_figheight()
    figure.text(0.004, middle, title, va="center", fontweight="bold", fontsize=9.5)
    figure.text(0.996, middle, "25 mm/s · 10 mm/mV", va="center", ha="right", color=MUTED)
    return figure


def _medians(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median of what is finite in each row, zero where nothing is, shape (row, 1)."""
    return np.array([[np.median(v[np.isfinite(v)]) if np.isfinite(v).any() else 0.0] for v in x])


def _row_height(x: NDArray[np.float64]) -> float:
    """Millivolts for a row, in half millivolts: room for nearly all of the signal, between 2 and 5."""
    finite = x[np.isfinite(x)]
    if not len(finite):
        return 2.0
    low, high = np.percentile(finite, [0.2, 99.8])
    return float(np.clip(np.ceil(2 * 1.6 * max(high, -low)) / 2, 2.0, 5.0))


def _room(x: NDArray[np.float64], row: float) -> float:
    """Millivolts above a row of leads so that its peaks stay on the paper, at most 2."""
    return float(np.clip(np.nanmax(np.append(x, 0.0)) - row / 2, 0.0, 2.0)) + 0.1


def _grid(axes: Axes, wide: float, high: float) -> None:
    axes.set(xlim=(0, wide), ylim=(0, high), xticks=[], yticks=[])
    axes.grid(False)
    for seconds, millivolts, colour, lw in ((0.04, 0.1, _FINE, 0.35), (0.2, 0.5, _COARSE, 0.6)):
        axes.vlines(np.arange(0, wide, seconds), 0, high, color=colour, lw=lw, zorder=0)
        axes.hlines(np.arange(0, high, millivolts), 0, wide, color=colour, lw=lw, zorder=0)
    axes.spines[:].set(visible=True, color=_COARSE)


def _lead(axes: Axes, x: NDArray[np.float64], sfreq: float, left: float, middle: float, name: str) -> None:
    time = left + np.arange(len(x)) / sfreq
    axes.plot(time, middle + x, color=_TRACE, lw=0.85, solid_joinstyle="round", label=name)
    if not np.isfinite(x).any():
        name += "  not recorded"
    axes.text(
        left + 0.05, middle + 0.75, name, fontsize=8, fontweight="bold", color=_TRACE, va="center",
        bbox={"facecolor": "white", "alpha": 0.75, "lw": 0, "pad": 1},
    )  # fmt: skip


def _stacked(x: NDArray[Any], sfreq: float, channels: Sequence[str], unit: str, title: str) -> Figure:
    shown = min(len(channels), 32)
    values = np.asarray(x[:shown], np.float64)
    finite = np.isfinite(values)
    values = values - _medians(values)
    spread = np.nanpercentile(np.abs(values[finite]), 99) if finite.any() else 0.0
    step = 2 * float(spread) if spread > 0 else 1.0
    figure = new_figure(WIDTH, max(1.6, 0.3 * shown + 0.9))
    axes = figure.subplots()
    time = np.arange(values.shape[1]) / sfreq
    for i in range(shown):
        axes.plot(time, values[i] - i * step, color=INK if i % 2 else ACCENT, lw=0.8, label=channels[i])
    axes.set_yticks(-step * np.arange(shown), [shorten(c, 14) for c in channels[:shown]])
    axes.set(xlim=(0, max(values.shape[1], 1) / sfreq), ylim=(-step * (shown - 0.3), 0.7 * step))
    title += f" · first {shown} of {len(channels)} channels" * (shown < len(channels))
    axes.set(title=title, xlabel="time (s)")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    apart = f"rows are {step:.3g} {unit} apart".replace("  ", " ")
    axes.text(1, 1.01, apart, transform=axes.transAxes, ha="right", va="bottom", color=MUTED)
    return figure
