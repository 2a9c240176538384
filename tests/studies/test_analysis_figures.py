"""Figures of a study show every trial, have room for their labels, and are made of whatever there is."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from tests.inspect.test_figures import collisions
from tests.studies.planted import confirmed, planted
from tests.studies.planted import levels as axis_of_levels
from tsrep.studies.analyses import Missing, Results, Shown, cost, history, levels, slices
from tsrep.studies.analyses import contour as contours
from tsrep.studies.analyses.contour import Contour, contour, figure_contour
from tsrep.studies.analyses.effects import Effect, figure_effects
from tsrep.studies.analyses.finalists import figure_finalists
from tsrep.studies.analyses.importance import Importances, figure_importance
from tsrep.studies.analyses.levels import figure_levels
from tsrep.studies.analyses.presentation import beyond_note
from tsrep.studies.analyses.slices import figure_slices
from tsrep.studies.confirm.finalists import Finalists
from tsrep.studies.keep.trial_table import TrialTable


def _shown(shown: Callable[[Results], Shown | Missing], table: TrialTable) -> Shown:
    found = shown(Results(table, n_bootstrap=1))
    assert isinstance(found, Shown)
    return found


def _figure(shown: Callable[[Results], Shown | Missing], table: TrialTable) -> Figure:
    figure = _shown(shown, table).figure
    assert figure is not None
    return figure


def dots(figure: Figure) -> int:
    return sum(len(c.get_offsets()) for axes in figure.axes for c in axes.collections if c.get_offsets().size)


def _upright(figure: Figure) -> Figure:
    """The figure with slanted labels taken out, whose boxes overlap where they do not."""
    figure.canvas.draw()
    for axes in figure.axes:
        if any(label.get_rotation() for label in axes.get_xticklabels()):
            axes.set_xticks([])
    return figure


def inside(figure: Figure) -> bool:
    """Whether all texts are on the canvas."""
    figure.canvas.draw()
    boxes = [
        text.get_window_extent()
        for axes in figure.axes
        if axes.get_visible()
        for text in (*axes.texts, axes.xaxis.label, axes.yaxis.label)
        if text.get_text()
    ]
    width, height = figure.canvas.get_width_height()
    return all(b.x0 >= -1 and b.y0 >= -1 and b.x1 <= width + 1 and b.y1 <= height + 1 for b in boxes)


def test_every_complete_trial_is_drawn_and_labels_have_room() -> None:
    table = planted(80)
    n = table.count("complete")
    categorical = sum(bool(axis.range.choices) and len(table.levels(axis)) > 1 for axis in table.axes)
    for figure, expected in (
        (_figure(history.shown_history, table), n),
        (figure_levels(table), n * categorical),
        (_figure(cost.shown, table), n),
    ):
        assert dots(figure) == expected
        assert collisions(figure) == []
        assert inside(figure)
    assert collisions(_upright(figure_slices(table))) == []


@pytest.mark.parametrize("maximise", [False, True])
def test_numbers_of_the_front_stay_inside_its_axes(maximise: bool) -> None:
    table = replace(planted(), maximise=maximise)
    figure = _figure(cost.shown, table)
    figure.canvas.draw()
    (axes,) = figure.axes
    assert axes.texts
    frame = axes.get_window_extent()
    for text in axes.texts:
        box = text.get_window_extent()
        assert frame.y0 < box.y0 < box.y1 < frame.y1


def test_the_best_so_far_only_gets_better() -> None:
    table = planted()
    best = _shown(history.shown_history, table).numbers[""]["best"].to_numpy(float)
    assert (np.diff(best) <= 0).all()
    assert best[-1] == table.best_first["value"].iloc[0]
    turned = _shown(history.shown_history, replace(table, maximise=True)).numbers[""]
    assert turned["best"].iloc[-1] == 3.7


def test_reports_end_in_a_cross_where_a_trial_was_pruned() -> None:
    table = planted()
    figure = _figure(history.shown_reports, table)
    crosses = [line for line in figure.axes[0].lines if line.get_marker() == "x"]
    assert len(crosses) == table.count("pruned")
    assert collisions(figure) == []


def test_a_diverged_trial_is_on_the_edge_and_counted() -> None:
    table = planted()
    scale = table.scale
    assert scale.high < 1.5
    assert scale.beyond == 1
    assert scale.place(np.array([3.7]))[0] < scale.high
    assert "1 value" in beyond_note(table)
    marks = _figure(history.shown_history, table).axes[0].collections
    assert sum(mark.get_paths()[0].vertices.shape == (4, 2) for mark in marks) == 1  # a triangle
    frame = table.frame.assign(value=-table.frame["value"])
    turned = replace(table, frame=frame, maximise=True, baseline=-1.0).scale
    assert (turned.low, turned.high, turned.beyond) == pytest.approx((-scale.high, -scale.low, 1))


def _effect(level: str, mean: float, p: float) -> Effect:
    spread = math.nan if math.isnan(p) else 1.0
    return Effect(
        "objective",
        level,
        "a reference with a long name",
        12,
        3,
        0.1,
        mean,
        mean - spread,
        mean + spread,
        p,
        p,
    )


def test_effects_have_a_row_each_with_their_numbers() -> None:
    effects = [
        _effect("a level with quite a long name", 3.0, 0.001),
        _effect("b", -2.0, 0.9),
        _effect("c", 0.0, math.nan),
    ]
    figure = figure_effects(effects, planted())
    written = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert written.count("12 (3)") == 3
    assert {"0.001", "0.900", "–"} <= set(written)
    assert collisions(figure) == []
    assert inside(figure)


def test_importance_names_every_axis() -> None:
    table = planted()
    shares = pd.DataFrame({"axis": [axis.name for axis in table.axes]}).assign(
        share=0.1, low=0.05, high=0.2, chance=0.12, trials=60
    )
    figure = figure_importance(Importances(shares, "PED-ANOVA"), table)
    assert len(figure.axes[0].get_yticks()) == len(table.axes)
    assert collisions(figure) == []


def test_contours_draw_with_and_without_a_surface() -> None:
    table = planted()
    found = contour(table)
    assert isinstance(found, Contour)
    assert collisions(figure_contour(found, table)) == []
    flat = replace(found, grid=found.grid * np.nan)
    assert collisions(figure_contour(flat, table)) == []


@pytest.mark.parametrize("tasks", [1, 2, 3])
def test_finalists_have_a_panel_for_each_task(tasks: int) -> None:
    rows = confirmed()
    rows = pd.concat([rows.assign(task=f"a task with quite a long name {i}") for i in range(tasks)])
    rows.loc[rows["finalist"] == "ridge-nlinear", ["interval_low", "interval_high"]] = math.nan
    figure = figure_finalists(Finalists(rows))
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert len({axes.get_title(loc="left") or axes.get_title() for axes in shown}) == tasks
    assert collisions(figure) == []


def _many_levels() -> TrialTable:
    names = tuple(f"a rather long name of level {i}" for i in range(12))
    axis = axis_of_levels("objective.name", *names)
    table = planted(90)
    frame = table.frame.assign(**{axis.name: pd.Series([names[i % 12] for i in range(90)], dtype=object)})
    return replace(table, axes=(axis,), frame=frame)


def test_many_long_levels_have_room() -> None:
    assert collisions(figure_levels(_many_levels())) == []
    assert inside(figure_slices(_many_levels()))


def test_equal_values_can_be_drawn() -> None:
    table = planted(30)
    same = replace(table, frame=table.frame.assign(value=table.frame["value"] * 0 + 0.8), baseline=None)
    for shown in (history.shown_history, levels.shown, slices.shown, cost.shown, contours.shown):
        assert inside(_figure(shown, same))
