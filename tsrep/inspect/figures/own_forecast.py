"""The forecast of a user's own series: what is known, what comes, and how sure that is."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib.dates as mdates
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from tsrep.files import replacing, write_text
from tsrep.inspect.figures.style import ACCENT, FAINT, MUTED, WIDTH, house, new_figure, png, shorten

if TYPE_CHECKING:
    from tsrep.runs.forecast_own import OwnForecast

MOST = 8  # channels drawn
FEWEST_KNOWN = 24  # steps of the past beside a short forecast
SHADES = (0.34, 0.16)  # of the narrowest and the widest interval


def write_own_forecast(forecast: OwnForecast, folder: Path) -> None:
    """Write ``forecast.png`` and ``forecast.csv`` to a folder; both are made before either is written.

    Raises
    ------
    RunError
        When the folder cannot be written.
    """
    picture, table = png(figure_own_forecast(forecast)), forecast.table()
    with replacing(folder / "forecast.png") as temporary:
        temporary.write_bytes(picture)
    write_text(folder / "forecast.csv", table)


@house
def figure_own_forecast(forecast: OwnForecast) -> Figure:
    """The end of the past, the forecast and its intervals, a panel for each of the first channels."""
    shown = forecast.channels[:MOST]
    across = 1 if len(shown) <= 3 else 2
    down = math.ceil(len(shown) / across)
    figure = new_figure(WIDTH, (2.3 if across == 1 else 1.8) * down + 0.7)
    panels = figure.subplots(down, across, squeeze=False, sharex=True).ravel()
    for i, axes in enumerate(panels):
        axes.set_visible(i < len(shown))
        if i < len(shown):
            _draw(axes, forecast, i)
            axes.tick_params(labelbottom=i + across >= len(shown))
    steps = f"{len(forecast.time)} step{'s' * (len(forecast.time) > 1)} of {forecast.freq}"
    more = f", {MOST} of {len(forecast.channels)} channels" if len(forecast.channels) > MOST else ""
    figure.suptitle(f"forecast of {steps}{more}", x=0.01, ha="left", fontweight="bold", fontsize=10)
    figure.legend(handles=_handles(forecast), loc="outside upper right", ncols=6)
    return figure


def _draw(axes: Axes, forecast: OwnForecast, channel: int) -> None:
    """One channel over time."""
    tail = min(forecast.past.shape[1], max(2 * len(forecast.time), FEWEST_KNOWN))
    few = len(forecast.time) < 12
    for (lower, upper), shade in zip(
        reversed(list(forecast.bounds.values())), _shades(forecast), strict=True
    ):
        _band(axes, forecast.time, lower[channel], upper[channel], shade)
    marks: dict[str, Any] = {"marker": "o", "ms": 3, "clip_on": False} if few else {}
    axes.plot(forecast.past_time[-tail:], forecast.past[channel, -tail:], color=MUTED, lw=1)
    axes.plot(forecast.time, forecast.values[channel], color=ACCENT, lw=1.4, **marks)
    axes.axvline(forecast.past_time[-1], color=FAINT, lw=1.2, zorder=0)
    axes.set_title(shorten(forecast.channels[channel], 40))
    axes.set_xlim(forecast.past_time[-tail], forecast.time[-1])
    dates: Any = mdates  # matplotlib has no types for it
    locator = dates.AutoDateLocator(minticks=3, maxticks=8)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))


def _band(axes: Axes, time: Any, lower: Any, upper: Any, shade: float) -> None:
    known = np.isfinite(lower)
    if len(time) == 1:
        if known[0]:
            axes.vlines(time, lower, upper, color=ACCENT, alpha=shade, lw=6)
        return
    axes.fill_between(time, lower, upper, where=known, color=ACCENT, alpha=shade, lw=0)


def _shades(forecast: OwnForecast) -> list[float]:
    """Of the levels from the widest to the narrowest; bands lie on top of each other, so each adds."""
    n = len(forecast.bounds)
    return np.linspace(SHADES[1], SHADES[0], n).tolist() if n > 1 else [0.2] * n


def _handles(forecast: OwnForecast) -> list[Any]:
    lines = [Line2D([], [], color=c, label=label) for label, c in (("known", MUTED), ("forecast", ACCENT))]
    clear, bands = 1.0, []
    for level, shade in zip(reversed(list(forecast.bounds)), _shades(forecast), strict=True):
        clear *= 1 - shade
        label = f"{100 * level:g} % interval"
        bands.append(Patch(facecolor=ACCENT, alpha=1 - clear, lw=0, label=label))
    return [*lines, *reversed(bands)]
