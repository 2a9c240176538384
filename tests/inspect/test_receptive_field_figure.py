"""Figures of receptive fields show the numbers that they are given, each in its place."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

from tsrep.errors import ConfigError
from tsrep.inspect.figures.style import rendered
from tsrep.inspect.receptive_field.field import ReceptiveField
from tsrep.inspect.receptive_field.figure import figure_receptive_fields
from tsrep.inspect.receptive_field.samples_figure import MARK, Sample, figure_samples


def field(
    horizon: int = 12, lags: int = 60, channels: int = 2, seed: int = 0, first: int = 1
) -> ReceptiveField:
    each = np.random.default_rng(seed).dirichlet(np.ones(lags), size=(5, horizon)).astype(np.float32)
    mass = np.repeat(each.mean(axis=0)[:, None] / channels, channels, axis=1).astype(float)
    error = each.std(axis=0, ddof=1) / np.sqrt(5)
    ahead = np.arange(first, first + horizon)
    return ReceptiveField(mass, error, each, np.ones((5, horizon)), ahead, "planted")


def overlaps(figure: Figure) -> list[tuple[str, str]]:
    """Pairs of visible texts that overlap by more than a pixel."""
    figure.draw_without_rendering()
    texts = [*figure.texts, *(t for legend in figure.legends for t in legend.get_texts())]
    for axes in figure.axes:
        texts += [axes.xaxis.label, axes.yaxis.label, axes._left_title, *axes.texts]  # type: ignore[attr-defined]  # no public way
        for labels, at, (low, high) in (
            (axes.get_xticklabels(), 0, sorted(axes.get_xlim())),
            (axes.get_yticklabels(), 1, sorted(axes.get_ylim())),
        ):
            texts += [
                label for label in labels if label.get_visible() and low <= label.get_position()[at] <= high
            ]
    boxes = [(t.get_text(), t.get_window_extent()) for t in texts if t.get_text() and t.get_visible()]
    return [
        (one, two)
        for (one, a), (two, b) in itertools.combinations(boxes, 2)
        if min(a.x1, b.x1) - max(a.x0, b.x0) > 1 and min(a.y1, b.y1) - max(a.y0, b.y0) > 1
    ]


def mesh(axes: Axes) -> QuadMesh:
    (found,) = (c for c in axes.collections if isinstance(c, QuadMesh))
    return found


def meshes(figure: Figure) -> list[Axes]:
    figure.draw_without_rendering()
    bars = [axes for axes in figure.axes if axes.get_label() == "<colorbar>"]
    return [a for a in figure.axes if any(isinstance(c, QuadMesh) for c in a.collections) and a not in bars]


def test_the_map_is_the_mass_and_time_runs_to_the_right() -> None:
    one = field()
    figure = figure_receptive_fields({"a run": one}, period=24, notes={"a run": "width 3"})
    (axes,) = meshes(figure)
    np.testing.assert_allclose(mesh(axes).get_array(), 100 * one.curve)
    assert axes.get_xlim() == (59.5, -0.5)
    above = figure.axes[0]
    np.testing.assert_allclose(above.lines[0].get_ydata(), 100 * one.curve.mean(axis=0))
    below = figure.axes[-1]
    (curve,) = (line for line in below.lines if line.get_label() != "_child0" and len(line.get_xdata()) > 2)
    mass = one.by_distance()[1]
    np.testing.assert_allclose(curve.get_ydata(), 100 * mass)
    dotted = [line.get_xdata()[0] for line in below.lines if line.get_color() == MARK]
    assert dotted == [24, 48]
    assert overlaps(figure) == []


def test_two_runs_share_one_colour_scale() -> None:
    one, other = field(), field(lags=30, seed=1)
    notes = {"one": "a line of numbers " * 6, "other": "short"}
    figure = figure_receptive_fields({"one": one, "other": other}, notes=notes)
    left, right = meshes(figure)
    assert mesh(left).norm is mesh(right).norm
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()
    assert overlaps(figure) == []


def test_a_column_with_other_steps_ahead_names_its_own() -> None:
    _, right = meshes(figure_receptive_fields({"one": field(), "other": field(seed=1)}))
    assert right.get_ylabel() == ""
    figure = figure_receptive_fields({"one": field(horizon=4), "other": field(horizon=8, seed=1)})
    for axes, steps in zip(meshes(figure), (4, 8), strict=True):
        assert [label.get_text() for label in axes.get_yticklabels() if label.get_visible()] == [
            str(step + 1) for step in range(steps)
        ]
        assert axes.get_ylabel() == "steps ahead"
    assert overlaps(figure) == []


def test_the_band_is_the_error_of_windows_by_what_they_count() -> None:
    alike = field()
    heavier = replace(alike, weight=3 * alike.weight)
    more = replace(
        alike,
        each=np.concatenate([alike.each, np.zeros_like(alike.each[:2])]),
        weight=np.concatenate([alike.weight, np.zeros((2, 12))]),
    )
    error = 100 * alike.each.mean(axis=1).std(axis=0, ddof=1) / np.sqrt(5)
    for one in (alike, heavier, more):
        figure = figure_receptive_fields({"a run": one})
        (band,) = figure.axes[0].collections
        edge = band.get_paths()[0].vertices[:, 1]
        curve = 100 * alike.curve.mean(axis=0)
        np.testing.assert_allclose(edge.max(), (curve + error).max(), rtol=1e-5)


def test_a_note_breaks_between_scores_and_stays_on_its_column() -> None:
    score = "period 168: 12.3 × chance (p = 0.0012)".replace(" ", "\N{NO-BREAK SPACE}")
    for count in (1, 2):
        for scores in (3, 4):
            note = "\N{NO-BREAK SPACE}· ".join([score] * scores)
            fields = {f"run {i}": field(seed=i) for i in range(count)}
            figure = figure_receptive_fields(fields, notes=dict.fromkeys(fields, note))
            assert overlaps(figure) == []
            told = [t for axes in figure.axes for t in axes.texts if "chance" in t.get_text()]
            assert len(told) == count
            for text, axes in zip(told, figure.axes, strict=False):
                lines = text.get_text().split("\n")
                assert len(lines) == -(-scores // (3 if count == 1 else 1))
                assert all(line.startswith("period") for line in lines)
                assert text.get_window_extent().x1 <= axes.get_window_extent().x1


def test_arrows_meet_the_first_and_the_last_step() -> None:
    figure = figure_receptive_fields({"a": field()}, period=24)
    (axes,) = meshes(figure)
    arrows = {(t.get_text(), float(t.xy[0])) for t in axes.texts}  # type: ignore[attr-defined]  # annotations
    assert arrows == {("▲", 23), ("▲", 47), ("▼", 12), ("▼", 36)}


def test_a_single_step_shows_its_channels() -> None:
    one = field(horizon=1, channels=3, first=0)
    figure = figure_receptive_fields({"classifier": one}, channels=("I", "II", "III"), scale=0.01, axis="s")
    (axes,) = meshes(figure)
    np.testing.assert_allclose(mesh(axes).get_array(), 100 * one.mass[0])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["I", "II", "III"]
    assert axes.get_xlabel() == "lag (s)"
    assert axes.get_xlim()[0] == pytest.approx(0.595)
    with pytest.raises(ConfigError, match="a single output step, another several"):
        figure_receptive_fields({"one": one, "more": field()})
    with pytest.raises(ConfigError, match="no receptive field to plot"):
        figure_receptive_fields({})


def test_many_steps_and_channels_are_labelled_without_collisions() -> None:
    wide = field(horizon=1, channels=40)
    assert overlaps(figure_receptive_fields({"wide": wide}, channels=[str(i) for i in range(40)])) == []
    for horizon in (2, 8, 9, 96):
        assert overlaps(figure_receptive_fields({"long": field(horizon=horizon, lags=300)}, period=96)) == []


def test_overlay_has_the_mass_beneath_the_signal() -> None:
    rng = np.random.default_rng(0)
    signal, mass = rng.normal(size=(2, 30)), rng.random((2, 30)) / 60
    signal[0, 3] = np.nan
    ahead = rng.normal(size=(2, 6))
    figure = figure_samples(
        [Sample("first", ("a", "b"), signal, mass, {"truth": ahead, "forecast": ahead + 1}, 4)]
    )
    panels = meshes(figure)
    assert len(panels) == 2
    for c, axes in enumerate(panels):
        np.testing.assert_allclose(mesh(axes).get_array(), 100 * mass[c : c + 1])
        drawn, truth, forecast = (line for line in axes.lines if len(line.get_xdata()) > 2)
        np.testing.assert_array_equal(drawn.get_ydata(), signal[c])
        assert drawn.get_xdata()[-1] == 0
        np.testing.assert_array_equal(truth.get_ydata(), ahead[c])
        np.testing.assert_array_equal(forecast.get_xdata(), np.arange(1, 7))
        (mark,) = (line for line in axes.lines if len(line.get_xdata()) == 1)
        assert (mark.get_xdata()[0], mark.get_ydata()[0]) == (4, ahead[c, 3] + 1)
    alone = figure_samples(
        [Sample("first", ("a",), signal[:1], mass[:1]), Sample("next", ("a",), signal[1:], mass[1:])]
    )
    assert [t.get_text() for t in alone.legends[0].get_texts()] == ["input"]
    for drawn_figure in (figure, alone):
        assert overlaps(drawn_figure) == []
    with pytest.raises(ConfigError, match="no sample to plot"):
        figure_samples([])


@pytest.mark.parametrize("kind", ["png", "pdf"])
def test_the_same_numbers_give_the_same_file(kind: str) -> None:
    one, two = (rendered(figure_receptive_fields({"a": field()}, period=24), kind) for _ in range(2))
    assert one == two


def test_a_field_without_mass_is_plotted() -> None:
    one = field()
    nothing = ReceptiveField(
        0 * one.mass, one.error + np.nan, 0 * one.each, 0 * one.weight, one.ahead, "planted"
    )
    rendered(figure_receptive_fields({"nothing": nothing}, period=24), "png")
