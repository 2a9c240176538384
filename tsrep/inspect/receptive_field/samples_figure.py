"""Windows of a signal with the mass of their steps beneath."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from tsrep.errors import ConfigError
from tsrep.inspect.figures.style import (
    ACCENT,
    FAINT,
    INK,
    MUTED,
    PALETTE,
    WIDTH,
    house,
    limits,
    new_figure,
    shorten,
)

BENEATH = LinearSegmentedColormap.from_list("beneath", ["#ffffff", "#fbe3c8", "#f3a95f", "#d55e00"])
BRIGHTEST = 99.8  # percentile of the cells that has the full colour
MARK = PALETTE[1]
INKS = {"truth": MUTED, "forecast": ACCENT}


@dataclass(frozen=True, eq=False)
class Sample:
    """A window with the mass of its steps.

    Attributes
    ----------
    name : str
    channels : tuple of str
    signal, mass : arrays, shape (channel, time)
        The mass of a step of the output, or its average; the last step comes last.
    future : mapping of "truth" and "forecast" to arrays, shape (channel, horizon)
        Empty where nothing is forecast.
    step : int
        Which step of the forecast the mass belongs to; it is marked.
    """

    name: str
    channels: tuple[str, ...]
    signal: NDArray[Any]
    mass: NDArray[Any]
    future: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    step: int = 1


@house
def figure_samples(samples: Sequence[Sample], *, scale: float = 1.0, axis: str = "steps") -> Figure:
    """Signals with their mass as colour beneath, truth and forecast to the right; a row for each channel.

    Parameters
    ----------
    samples : sequence of Sample
    scale, axis : float, str
        See :func:`~tsrep.inspect.receptive_field.figure.figure_receptive_fields`.

    Raises
    ------
    ConfigError
        When there is nothing to plot.
    """
    rows = [(sample, c) for sample in samples for c in range(len(sample.channels))]
    if not rows:
        raise ConfigError("there is no sample to plot; give one at least")
    figure = new_figure(WIDTH, 0.9 + float(np.clip(11 / len(rows), 0.62, 1.7)) * len(rows))
    panels = figure.subplots(len(rows), 1, sharex=True, squeeze=False)[:, 0]
    colour = Normalize(0, brightest([sample.mass for sample in samples]))
    for row, (axes, (sample, c)) in enumerate(zip(panels, rows, strict=True)):
        _overlay(axes, sample, c, colour, scale)
        axes.set_ylabel(shorten(sample.channels[c], 14))
        if c == 0:
            axes.set_title(sample.name)
        if row == len(rows) - 1:
            axes.set_xlabel(f"time from the end of the input ({axis})")
    mapped, beside = ScalarMappable(colour, BENEATH), panels.tolist()
    colour_bar(figure, mapped, beside, "mass of a step (%)", pad=0.01, fraction=0.02, aspect=30)
    inks = {"input": INK} | {name: INKS[name] for sample in samples for name in sample.future}
    handles = [Line2D([], [], color=ink, label=label) for label, ink in inks.items()]
    figure.legend(handles=handles, loc="outside upper right", ncols=len(handles))
    return figure


def colour_bar(figure: Figure, mapped: ScalarMappable, beside: list[Axes], label: str, **place: Any) -> None:
    """What the colours beside it say."""
    bar = figure.colorbar(mapped, ax=beside, **place)
    bar.set_label(label)
    bar.outline.set_visible(False)


def brightest(maps: Sequence[NDArray[Any]]) -> float:
    """Percent of the mass that has the full colour."""
    cells = np.concatenate([each.ravel() for each in maps])
    positive = cells[cells > 0]
    return 100 * float(np.percentile(positive, BRIGHTEST)) if len(positive) else 1.0


def _overlay(axes: Axes, sample: Sample, c: int, colour: Normalize, scale: float) -> None:
    time = (np.arange(sample.signal.shape[1]) - sample.signal.shape[1] + 1) * scale
    shown = [sample.signal[c], *(values[c] for values in sample.future.values())]
    low, high = limits(np.concatenate(shown), room=0.08)
    edges = np.append(time, time[-1] + scale) - scale / 2
    cells = 100 * sample.mass[c : c + 1]
    axes.pcolormesh(edges, [low, high], cells, cmap=BENEATH, norm=colour, rasterized=True, zorder=0)
    axes.plot(time, sample.signal[c], color=INK, lw=0.9)
    end = edges[-1]
    for name, values in sample.future.items():
        ahead = np.arange(1, values.shape[1] + 1) * scale
        axes.plot(ahead, values[c], color=INKS[name], lw=1.1)
        axes.axvline(edges[-1], color=FAINT, lw=1)
        end = ahead[-1] + scale / 2
    if (said := sample.future.get("forecast")) is not None:
        at, value = sample.step * scale, said[c, sample.step - 1]
        axes.plot(at, value, marker="s", ms=4.5, mfc=MARK, mec="white", mew=0.7)
    axes.set(xlim=(edges[0], end), ylim=(low, high))
    axes.grid(False)
    axes.yaxis.set_major_locator(MaxNLocator(3))
