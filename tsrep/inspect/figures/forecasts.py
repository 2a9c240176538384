"""Forecasts: their errors, some beside the truth, and that of a user's own series with its intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib.dates as mdates
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from tsrep.evaluation.bootstrap import Interval
from tsrep.evaluation.forecasts.details import Examples, ForecastDetails
from tsrep.evaluation.scores import Scores
from tsrep.files import write_text
from tsrep.inspect.figures.style import (
    ACCENT,
    FAINT,
    INK,
    MUTED,
    WIDTH,
    Look,
    house,
    line_only,
    method_legend,
    new_figure,
    panel_grid,
    save_figure,
    shorten,
)
from tsrep.text import plural

if TYPE_CHECKING:
    from tsrep.runs.forecast_own import OwnForecast

MOST = 8  # channels shown
FEWEST_KNOWN = 24  # steps of the past beside a short forecast
SHADES = (0.34, 0.16)  # of the narrowest and the widest interval


@house
def figure_errors(scores: Scores, looks: Mapping[str, Look], titles: Mapping[str, str]) -> Figure:
    """Errors at each horizon with their 95 % intervals, a panel for each metric.

    Parameters
    ----------
    scores : Scores
        Of one protocol on one part.
    looks : mapping of method to look
        Which methods to plot and how, the trained one first.
    titles : mapping of metric to title
    """
    figure = new_figure(WIDTH, 3.3)
    horizons = scores.horizons
    for axes, (metric, title) in zip(figure.subplots(1, len(titles)), titles.items(), strict=True):
        for i, method in reversed(list(enumerate(looks))):
            x = np.arange(len(horizons)) + (i - (len(looks) - 1) / 2) * 0.09
            found = [s.metrics[metric] for s in scores.where(method=method)]
            _with_intervals(axes, x, found, looks[method])
        axes.set_xticks(range(len(horizons)), [str(h) for h in horizons])
        axes.set(title=title, xlabel="horizon (steps)", xlim=(-0.5, len(horizons) - 0.5), ylim=(0, None))
        axes.grid(axis="x", visible=False)
    method_legend(figure, looks)
    return figure


@house
def figure_per_step(details: ForecastDetails, horizon: int, looks: Mapping[str, Look]) -> Figure:
    """Mean squared error of each step ahead at one horizon.

    Parameters
    ----------
    details : ForecastDetails
    horizon : int
        In steps.
    looks : mapping of method to look
    """
    figure = new_figure(WIDTH, 2.9)
    axes = figure.subplots()
    few = horizon < 12
    looks = looks if few else {name: line_only(look) for name, look in looks.items()}
    for method in reversed(list(looks)):
        found = details.per_step.get((method, horizon))
        if found is not None:
            axes.plot(np.arange(1, horizon + 1), found, **looks[method])
    title = f"mean squared error of each step of a forecast of {horizon} steps"
    ends = (0.5, horizon + 0.5) if few else (1, horizon)
    axes.set(title=title, xlabel="steps ahead", xlim=ends, ylim=(0, None))
    axes.xaxis.set_major_locator(MaxNLocator(12, integer=True))
    method_legend(figure, looks)
    return figure


@house
def figure_forecast_examples(
    examples: Examples,
    looks: Mapping[str, Look],
    titles: Sequence[str],
    channel: int = -1,
    name: str = "value",
) -> Figure:
    """Truth and forecasts of one channel, a panel for each origin.

    Parameters
    ----------
    examples : Examples
    looks : mapping of method to look
        Whose forecasts to plot and how, the trained one first.
    titles : sequence of str
        Of each origin.
    channel : int
    name : str
        What the value axis calls the channel.
    """
    n, horizon = len(examples.truth), examples.truth.shape[-1]
    across = 1 if n == 1 or horizon > 200 else 2  # long ones need the whole width
    figure = new_figure(WIDTH, (1.95 if across == 2 else 1.6) * math.ceil(n / across) + 0.6)
    panels = panel_grid(figure, n, across, sharex=True, sharey=True)
    context = min(examples.past.shape[-1], max(horizon // 2, 24))
    looks = {method: line_only(look) for method, look in looks.items()}
    ahead = np.arange(1, horizon + 1)
    for i, (axes, title) in enumerate(zip(panels, titles, strict=True)):
        past = examples.past[i, channel, -context:]
        axes.axvline(0, color=FAINT, lw=1.2, zorder=0)
        axes.plot(np.arange(1 - context, 1), past, color=MUTED, lw=1)
        axes.plot(ahead, examples.truth[i, channel], color=INK, lw=1)
        for method in reversed(list(looks)):
            axes.plot(ahead, examples.predictions[method][i, channel], **looks[method] | {"lw": 1.3})
        axes.set(title=title, xlim=(-context, horizon))
        axes.xaxis.set_major_locator(MaxNLocator(7, integer=True))
        axes.set_ylabel("" if i % across else name)
        axes.set_xlabel("steps from the origin" if i + across >= n else "")
    truth = [("known", MUTED), ("truth", INK)]
    method_legend(figure, looks, [Line2D([], [], color=colour, lw=1, label=label) for label, colour in truth])
    return figure


def _with_intervals(axes: Axes, x: Any, found: list[Interval], look: Look) -> None:
    axes.plot(x, [each.value for each in found], lw=1.2, **look)
    known = [(at, each.low, each.high) for at, each in zip(x, found, strict=True) if not math.isnan(each.low)]
    if known:
        at, low, high = np.transpose(known)
        axes.vlines(at, low, high, color=look["color"], lw=1.6)


def write_own_forecast(forecast: OwnForecast, folder: Path, *, long: bool = False) -> None:
    """Write ``forecast.png`` and ``forecast.csv`` to a folder; both are made before either is written.

    Parameters
    ----------
    forecast : OwnForecast
    folder : Path
    long : bool
        See :meth:`tsrep.runs.forecast_own.OwnForecast.table`.

    Raises
    ------
    RunError
        When the folder cannot be written.
    """
    figure, table = figure_own_forecast(forecast), forecast.table(long=long)
    save_figure(figure, folder / "forecast.png")
    write_text(folder / "forecast.csv", table)


@house
def figure_own_forecast(forecast: OwnForecast) -> Figure:
    """The end of the past, the forecast and its intervals, a panel for each of the first channels."""
    shown = forecast.channels[:MOST]
    across = 1 if len(shown) <= 3 else 2
    figure = new_figure(WIDTH, (2.3 if across == 1 else 1.8) * math.ceil(len(shown) / across) + 0.7)
    for i, axes in enumerate(panel_grid(figure, len(shown), across, sharex=True)):
        _channel(axes, forecast, i)
    steps = f"{plural(len(forecast.time), 'step')} of {forecast.freq}"
    more = f", {MOST} of {len(forecast.channels)} channels" if len(forecast.channels) > MOST else ""
    figure.suptitle(f"forecast of {steps}{more}", x=0.01, ha="left", fontweight="bold", fontsize=10)
    figure.legend(handles=_handles(forecast), loc="outside upper right", ncols=6)
    return figure


def _channel(axes: Axes, forecast: OwnForecast, channel: int) -> None:
    """One channel over time."""
    tail = min(forecast.past.shape[1], max(2 * len(forecast.time), FEWEST_KNOWN))
    widest_first = reversed(list(forecast.bounds.values()))
    for (lower, upper), shade in zip(widest_first, _shades(forecast), strict=True):
        _band(axes, forecast.time, lower[channel], upper[channel], shade)
    marks: Look = {"marker": "o", "ms": 3, "clip_on": False} if len(forecast.time) < 12 else {}
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
    if len(time) != 1:
        axes.fill_between(time, lower, upper, where=known, color=ACCENT, alpha=shade, lw=0)
    elif known[0]:
        axes.vlines(time, lower, upper, color=ACCENT, alpha=shade, lw=6)


def _shades(forecast: OwnForecast) -> list[float]:
    """Of the levels from the widest to the narrowest; bands lie on top of each other, so each adds."""
    n = len(forecast.bounds)
    return np.linspace(SHADES[1], SHADES[0], n).tolist() if n > 1 else [0.2] * n


def _handles(forecast: OwnForecast) -> list[Any]:
    inks = {"known": MUTED, "forecast": ACCENT}
    lines: list[Any] = [Line2D([], [], color=ink, label=label) for label, ink in inks.items()]
    shown = 1 - np.cumprod(1 - np.array(_shades(forecast)))[::-1]
    return lines + [
        Patch(facecolor=ACCENT, alpha=alpha, lw=0, label=f"{100 * level:g} % interval")
        for level, alpha in zip(forecast.bounds, shown, strict=True)
    ]
