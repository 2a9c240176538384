"""Figures of forecasts work for every shape, in order, with greys for controls and no labels in collision."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tests.inspect.test_figures import collisions
from tests.report.series_folder import HORIZONS, METHODS, NAMES, make_forecasts
from tsrep.evaluation.bootstrap import Interval
from tsrep.evaluation.scores import Role, Scores
from tsrep.inspect.figures.forecasts import (
    figure_errors,
    figure_forecast_examples,
    figure_per_step,
)
from tsrep.inspect.figures.style import CONTROL, FLOOR, Look, method_looks

TITLES = {"mse": "mean squared error", "mae": "mean absolute error", "mase": "scaled error"}
ORDER = ["autotcl", "random initialisation", "ridge-nlinear", "seasonal-naive", "repeat-last"]


def forecasts(horizons: tuple[int, ...] = HORIZONS, channels: tuple[str, ...] = ("OT",)) -> Scores:
    return make_forecasts(np.random.default_rng(0), channels, dict.fromkeys(horizons, 0.03), 0.1)


def looks(found: Scores) -> dict[str, Look]:
    roles = {score.method: score.role for score in found}
    return method_looks({method: roles[method] for method in ORDER})


@pytest.mark.parametrize("horizons", [(1,), (24, 48), HORIZONS])
def test_errors_have_a_point_for_each_method_and_horizon(horizons: tuple[int, ...]) -> None:
    found = forecasts(horizons)
    figure = figure_errors(found, looks(found), TITLES)
    for axes, metric in zip(figure.axes, ("mse", "mae", "mase"), strict=True):
        drawn = {tuple(line.get_ydata()) for line in axes.lines}
        assert drawn == {tuple(s.metrics[metric].value for s in found.where(method=m)) for m in METHODS}
        assert [t.get_text() for t in axes.get_xticklabels()] == [str(h) for h in horizons]
        assert axes.get_ylim()[0] == 0
    assert collisions(figure) == []


def test_a_missing_interval_is_a_point_without_a_bar() -> None:
    found = forecasts()
    bare = tuple(
        replace(s, metrics={name: Interval(0.1, math.nan, math.nan) for name in s.metrics})
        for s in found.scores
    )
    figure = figure_errors(replace(found, scores=bare), looks(found), TITLES)
    assert all(not axes.collections for axes in figure.axes)
    assert all(np.isfinite(axes.get_ylim()).all() for axes in figure.axes)


@pytest.mark.parametrize("horizons", [(1,), (24,), HORIZONS])
def test_steps_ahead_are_plotted_for_the_longest_horizon(horizons: tuple[int, ...]) -> None:
    found = forecasts(horizons)
    details = found.forecasts["test"]
    figure = figure_per_step(details, max(horizons), looks(found))
    (axes,) = figure.axes
    assert len(axes.lines) == len(METHODS)
    own = axes.lines[-1]  # plotted last, on top
    np.testing.assert_array_equal(own.get_ydata(), details.per_step["autotcl", max(horizons)])
    np.testing.assert_array_equal(own.get_xdata(), np.arange(1, max(horizons) + 1))
    assert collisions(figure) == []


@pytest.mark.parametrize(("windows", "horizon", "channel"), [(1, 24, 0), (3, 24, -1), (4, 720, 3)])
def test_examples_join_known_truth_and_forecasts_at_the_origin(
    windows: int, horizon: int, channel: int
) -> None:
    found = forecasts((horizon,), NAMES)
    held = found.forecasts["test"].examples
    held = replace(held, origins=held.origins[:windows], past=held.past[:windows], truth=held.truth[:windows])
    figure = figure_forecast_examples(
        held, {"autotcl": looks(found)["autotcl"]}, [f"from {i}" for i in range(windows)], channel
    )
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert len(shown) == windows
    for i, axes in enumerate(shown):
        _, past, truth, forecast = axes.lines
        assert past.get_xdata()[-1] == 0
        assert past.get_ydata()[-1] == held.past[i, channel, -1]
        np.testing.assert_array_equal(truth.get_ydata(), held.truth[i, channel])
        np.testing.assert_array_equal(forecast.get_ydata(), held.predictions["autotcl"][i, channel])
        assert truth.get_xdata()[0] == forecast.get_xdata()[0] == 1
    assert collisions(figure) == []


def test_controls_are_grey_and_methods_differ() -> None:
    roles: dict[str, Role] = {"autotcl": "method", "ts2vec": "method"}
    roles |= {score.method: score.role for m in ORDER[1:] for score in forecasts().where(method=m)}
    found = method_looks(roles)
    for method in ("random initialisation", "seasonal-naive", "repeat-last"):
        assert found[method]["color"] in (CONTROL, FLOOR)
    for method in ("autotcl", "ts2vec", "ridge-nlinear"):  # the best of the baselines stands out
        assert found[method]["color"] not in (CONTROL, FLOOR)
    assert len({(look["color"], look["marker"]) for look in found.values()}) == len(found)
