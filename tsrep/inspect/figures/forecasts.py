"""Forecasts: errors against the horizon, errors of each step ahead, and some forecasts beside the truth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from tsrep.inspect.figures.style import (
    ACCENT,
    CONTROL,
    FAINT,
    FLOOR,
    INK,
    MARKS,
    MUTED,
    PALETTE,
    WIDTH,
    house,
    new_figure,
)
from tsrep.inspect.naming import is_random, is_rule

if TYPE_CHECKING:
    from tsrep.evaluation.bootstrap import Interval
    from tsrep.evaluation.forecasts.forecast_scores import Examples, ForecastScores

_METRICS = {"mse": "mean squared error", "mae": "mean absolute error", "mase": "mean absolute scaled error"}
_LEARNED_RULE = PALETTE[1]


@house
def figure_errors(forecast: ForecastScores, methods: Sequence[str]) -> Figure:
    """Errors at each horizon with their 95 % intervals, a panel for each metric that all methods have.

    Parameters
    ----------
    forecast : ForecastScores
    methods : sequence of str
        Which ones to draw, the trained one first.
    """
    figure = new_figure(WIDTH, 3.3)
    looks, horizons = forecast_looks(methods), forecast.horizons
    metrics = [metric for metric in _METRICS if metric in forecast.metrics]
    for axes, metric in zip(figure.subplots(1, len(metrics)), metrics, strict=True):
        for i, method in reversed(list(enumerate(methods))):
            x = np.arange(len(horizons)) + (i - (len(methods) - 1) / 2) * 0.09
            found = [s.metrics[metric] for s in forecast.where(method=method)]
            _with_intervals(axes, x, found, looks[method])
        axes.set_title(_METRICS[metric])
        axes.set_xlabel("horizon (steps)")
        axes.set_xticks(range(len(horizons)), [str(h) for h in horizons])
        axes.set_xlim(-0.5, len(horizons) - 0.5)
        axes.grid(axis="x", visible=False)
        axes.set_ylim(bottom=0)
    _legend(figure, methods)
    return figure


@house
def figure_per_step(forecast: ForecastScores, methods: Sequence[str], horizon: int | None = None) -> Figure:
    """Mean squared error of each step ahead at one horizon.

    Parameters
    ----------
    forecast : ForecastScores
    methods : sequence of str
    horizon : int, optional
        In steps; by default the longest one.
    """
    longest = max(forecast.horizons) if horizon is None else horizon
    figure = new_figure(WIDTH, 2.9)
    axes = figure.subplots()
    looks = forecast_looks(methods)
    few = longest < 12
    for method in reversed(methods):
        found = forecast.per_step.get((method, longest))
        if found is not None:
            look = looks[method] if few else _line(looks[method])
            axes.plot(np.arange(1, longest + 1), found, **look)
    axes.set_xlabel("steps ahead")
    axes.set_title(f"mean squared error of each step of a forecast of {longest} steps")
    axes.set_xlim(0.5 if few else 1, longest + (0.5 if few else 0))
    axes.xaxis.set_major_locator(MaxNLocator(12, integer=True))
    axes.set_ylim(bottom=0)
    _legend(figure, methods, marks=few)
    return figure


@house
def figure_forecast_examples(
    examples: Examples, methods: Sequence[str], titles: Sequence[str], channel: int = -1, name: str = "value"
) -> Figure:
    """Truth and forecasts of one channel, a panel for each origin.

    Parameters
    ----------
    examples : Examples
    methods : sequence of str
        Whose forecasts to draw, the trained one first.
    titles : sequence of str
        Of each origin.
    channel : int
    name : str
        What the value axis calls the channel.
    """
    n, horizon = len(examples.truth), examples.truth.shape[-1]
    across = 1 if n == 1 or horizon > 200 else 2  # long ones need the whole width
    down = math.ceil(n / across)
    figure = new_figure(WIDTH, (1.95 if across == 2 else 1.6) * down + 0.6)
    panels = figure.subplots(down, across, squeeze=False, sharex=True, sharey=True).ravel()
    context = min(examples.past.shape[-1], max(horizon // 2, 24))
    looks = forecast_looks(methods)
    ahead = np.arange(1, horizon + 1)
    for i, (axes, title) in enumerate(zip(panels, titles, strict=False)):
        past = examples.past[i, channel, -context:]
        axes.axvline(0, color=FAINT, lw=1.2, zorder=0)
        axes.plot(np.arange(1 - context, 1), past, color=MUTED, lw=1)
        axes.plot(ahead, examples.truth[i, channel], color=INK, lw=1)
        for method in reversed(methods):
            axes.plot(ahead, examples.predictions[method][i, channel], **_line(looks[method]) | {"lw": 1.3})
        axes.set_title(title)
        axes.set_xlim(-context, horizon)
        axes.xaxis.set_major_locator(MaxNLocator(7, integer=True))
    for i, axes in enumerate(panels):
        axes.set_visible(i < n)
        if i % across == 0:
            axes.set_ylabel(name)
        if i + across >= n:
            axes.set_xlabel("steps from the origin")
            axes.tick_params(labelbottom=True)
    truth = [("known", MUTED), ("truth", INK)]
    lines = [Line2D([], [], color=colour, lw=1, label=label) for label, colour in truth]
    _legend(figure, methods, lines, marks=False)
    return figure


def forecast_looks(methods: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """Colour, line and marker of each method: strong for what was fitted, greys for controls."""
    looks: dict[str, Mapping[str, Any]] = {}
    strong = iter([(ACCENT, "o"), *zip(PALETTE[2:], MARKS[2:], strict=True)])
    greys = iter([(CONTROL, "^", (0, (1, 1.2))), (FLOOR, "x", (0, (4, 1.5))), (FLOOR, "v", "-")])
    for method in methods:
        if is_random(method):
            looks[method] = _look(CONTROL, "o", "-", "white")
        elif "nlinear" in method:
            looks[method] = _look(_LEARNED_RULE, "s", (0, (5, 1.5)), _LEARNED_RULE)
        elif is_rule(method):
            colour, mark, dash = next(greys, (FLOOR, ".", "-"))
            looks[method] = _look(colour, mark, dash, colour)
        else:
            colour, mark = next(strong, (INK, "o"))
            looks[method] = _look(colour, mark, "-", colour)
    return looks


def _look(colour: str, mark: str, dash: Any, fill: str) -> Mapping[str, Any]:
    return {"color": colour, "marker": mark, "ls": dash, "mfc": fill, "mec": colour, "ms": 4.5, "mew": 1.2}


def _line(look: Mapping[str, Any]) -> dict[str, Any]:
    return {"color": look["color"], "ls": look["ls"], "lw": 1.4}


def _with_intervals(axes: Axes, x: Any, found: list[Interval], look: Mapping[str, Any]) -> None:
    axes.plot(x, [each.value for each in found], lw=1.2, **look)
    known = [(at, each.low, each.high) for at, each in zip(x, found, strict=True) if not math.isnan(each.low)]
    if known:
        at, low, high = np.transpose(known)
        axes.vlines(at, low, high, color=look["color"], lw=1.6)


def _legend(
    figure: Figure, methods: Sequence[str], others: Sequence[Line2D] = (), *, marks: bool = True
) -> None:
    looks = {name: look if marks else _line(look) for name, look in forecast_looks(methods).items()}
    handles = [
        *others,
        *(Line2D([], [], label=name, **({"lw": 1.4} | dict(look))) for name, look in looks.items()),
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=min(6, len(handles)), handlelength=2.4)
