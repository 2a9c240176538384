"""Levels, fronts and contours against values worked out by hand."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.studies.planted import levels, numbers, planted
from tsrep.studies.analyses import Missing, Results, Shown
from tsrep.studies.analyses.contour import Contour, contour
from tsrep.studies.analyses.cost import on_front
from tsrep.studies.analyses.cost import shown as cost_shown
from tsrep.studies.analyses.levels import level_summary
from tsrep.studies.analyses.levels import shown as levels_shown
from tsrep.studies.define.space import Parameter
from tsrep.studies.keep.trial_table import TrialTable

WEIGHT = numbers("objective.weight", 1e-3, 1.0, log=True)
DEPTH = numbers("encoder.depth", 1, 9)
HEAD = levels("head", "a", "b")


def _table(
    columns: dict[str, list], values: list[float], *axes: Parameter, maximise: bool = False
) -> TrialTable:
    n = len(values)
    frame = pd.DataFrame({"ticket": range(n), "state": ["complete"] * n, "origin": ["sampled"] * n})
    frame["value"], frame["parameters"] = values, 10.0
    frame = frame.assign(**columns)
    return TrialTable("s", "", axes, frame, maximise, "error", (), None, pd.DataFrame())


def test_short_names_tell_axes_apart() -> None:
    names = ["objective.contrast.weight", "head.weight", "encoder", "views.encoder", "a.b.depth"]
    table = _table({}, [], *(numbers(name, 0.0, 1.0) for name in names))
    assert list(table.short.values()) == [
        "contrast.weight", "head.weight", "encoder", "views.encoder", "depth",
    ]  # fmt: skip


def test_an_axis_with_one_value_is_not_varied() -> None:
    table = _table({"head": ["a", "a", np.nan], "encoder.depth": [1.0, 2.0, np.nan]}, [1, 2, 3], HEAD, DEPTH)
    assert table.varied == (DEPTH,)


def test_cells_by_hand() -> None:
    table = _table({"head": ["a", "b", "a", "a", np.nan]}, [1.0, 5.0, 3.0, 2.0, 9.0], HEAD)
    values = table.along([HEAD])
    assert sorted(values["ticket"]) == [0, 1, 2, 3]
    found = level_summary(values, table)
    expected = [["head", "a", 3, 1.0, 1.5, 2.0, 2.5, 3.0], ["head", "b", 1, 5.0, 5.0, 5.0, 5.0, 5.0]]
    assert found.values.tolist() == expected
    assert level_summary(values, replace(table, maximise=True))["best"].tolist() == [3.0, 5.0]


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=12))
def test_the_front_is_what_nothing_dominates(points: list[tuple[int, int]]) -> None:
    cost, loss = np.array(points, float).T
    expected = [
        not any((c <= a and d < b) or (c < a and d <= b) for c, d in points)
        for a, b in points
    ]  # fmt: skip
    assert on_front(cost, loss).tolist() == expected


def test_costs_leave_out_trials_without_a_time_and_follow_the_direction() -> None:
    table = _table({"seconds": [3.0, 1.0, 2.0, np.nan]}, [0.9, 0.5, 0.4, 0.99], maximise=True)
    shown = cost_shown(Results(table))
    assert isinstance(shown, Shown)
    found = shown.numbers[""]
    assert found["ticket"].tolist() == [1, 2, 0]
    assert found["front"].tolist() == [True, False, True]


def _plane(points: list[tuple[float, float]]) -> Contour:
    x, y = (list(values) for values in zip(*points, strict=True))
    values = [0.9 + 0.1 * np.log10(a) + 0.01 * b for a, b in points]
    table = _table({"objective.weight": x, "encoder.depth": y}, values, WEIGHT, DEPTH)
    found = contour(table)
    assert isinstance(found, Contour)
    return found


def test_a_plane_on_the_scale_of_the_axes_is_met_exactly() -> None:
    found = _plane(list(itertools.product((1e-3, 0.05, 1.0), (1.0, 4.0, 9.0))))
    x, y = np.meshgrid(found.grid.columns, found.grid.index)
    np.testing.assert_allclose(found.grid, 0.9 + 0.1 * np.log10(x) + 0.01 * y, atol=1e-9)


def test_nothing_is_told_outside_the_hull() -> None:
    found = _plane([(1e-3, 1.0), (1e-3, 2.0), (1.0, 1.0), (0.5, 1.0), (0.1, 1.5), (1e-3, 9.0)])
    assert np.isnan(found.grid.iloc[-1, -1])
    assert np.isfinite(found.grid.iloc[1, 1])


def test_points_on_a_line_have_no_surface() -> None:
    assert np.isnan(_plane([(10 ** (d - 4), float(2 * d)) for d in range(1, 8)]).grid).all(axis=None)


def test_trials_at_one_place_share_a_mean() -> None:
    points = [*itertools.product((1e-2, 0.1, 1.0), (1.0, 9.0)), (1.0, 9.0)]
    x, y = (list(values) for values in zip(*points, strict=True))
    table = _table({"objective.weight": x, "encoder.depth": y}, [1, 1, 1, 1, 1, 0.8, 1.2], WEIGHT, DEPTH)
    found = contour(table)
    assert isinstance(found, Contour)
    np.testing.assert_allclose(found.points["value"], 1.0)


def test_weight_and_temperature_of_one_part_are_the_default() -> None:
    found = contour(planted(), order=["head.weight"])
    assert isinstance(found, Contour)
    assert found.across.name == "objective.contrast.weight"
    assert found.up.name == "objective.contrast.temperature"


@pytest.mark.parametrize("trials", [0, 1])
def test_too_little_is_said_so(trials: int) -> None:
    table = planted(trials)
    assert isinstance(levels_shown(Results(table)), Missing)
    assert isinstance(cost_shown(Results(table)), Missing)
    assert isinstance(contour(table), Missing)
