"""Figures work for every shape of input, keep no state, and have no labels on top of each other."""

from __future__ import annotations

import itertools
import json
import math
import sys
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from tsrep.evaluation.bootstrap import Interval
from tsrep.evaluation.labels.calibration import Reliability
from tsrep.evaluation.scores import Role, Score, Scores
from tsrep.inspect.curves import read_curves
from tsrep.inspect.figures.classes import (
    ClassCurves,
    class_curves,
    confusion,
    figure_class_areas,
    figure_confusion,
    figure_reliability,
    figure_roc,
    support,
)
from tsrep.inspect.figures.curves import figure_curves
from tsrep.inspect.figures.embedding_map import figure_map, main_class, project
from tsrep.inspect.figures.records import LEADS, figure_record, twelve_leads
from tsrep.inspect.figures.scores import figure_scores
from tsrep.inspect.figures.style import FLOOR, OTHER, class_colours, method_looks, png

RNG = np.random.default_rng(0)


def collisions(figure: Figure) -> list[tuple[str, str]]:
    """Pairs of tick labels of one axis that overlap by more than a pixel."""
    png(figure)
    found = []
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            shown = [t for t in axis.get_ticklabels() if t.get_text() and axes.get_visible()]
            at = [t.get_position()[0 if axis is axes.xaxis else 1] for t in shown]
            boxes = [
                (t.get_text(), t.get_window_extent())
                for t, x in zip(shown, at, strict=True)
                if low <= x <= high
            ]
            for (one, a), (two, b) in itertools.combinations(boxes, 2):
                if min(a.x1, b.x1) - max(a.x0, b.x0) > 1 and min(a.y1, b.y1) - max(a.y0, b.y0) > 1:
                    found.append((one, two))
    return found


def names(count: int) -> tuple[str, ...]:
    return tuple(f"a rather long diagnostic statement {i}" for i in range(count))


@pytest.mark.parametrize("classes", [2, 5, 20])
def test_confusion_has_room_for_its_labels(classes: int) -> None:
    target = RNG.integers(0, classes, 300)
    assert collisions(figure_confusion(confusion(RNG.random((300, classes)), target, names(classes)))) == []


def test_classes_that_are_frequent_in_the_test_part_alone_have_colours_of_their_own() -> None:
    classes, target = names(40), np.arange(200) % 40
    curves = class_curves(RNG.random((200, 40)), target, classes)
    colours = class_colours(classes, np.arange(40))  # in all data the last ones are the most frequent
    lines = figure_roc(curves, colours).axes[0].get_lines()[1:]
    assert len({line.get_color() for line in lines}) == len(lines) == 8


@pytest.mark.parametrize("classes", [2, 5, 30, 71])
def test_class_figures_have_room_for_their_labels(classes: int) -> None:
    target = RNG.random((200, classes)) < 0.2
    curves = class_curves(RNG.random((200, classes)), target, names(classes))
    colours = class_colours(names(classes), support(target, classes))
    assert collisions(figure_roc(curves, colours)) == []
    assert collisions(figure_class_areas(curves)) == []


def test_all_classes_with_both_outcomes_are_in_the_strip() -> None:
    target = RNG.random((200, 71)) < 0.2
    target[:, 5] = False
    figure = figure_class_areas(class_curves(RNG.random((200, 71)), target, names(71)))
    assert sum(len(axes.get_yticks()) for axes in figure.axes) == 70
    nothing = np.zeros(0)
    many = [ClassCurves(str(n), n, 9000, nothing, nothing, nothing, nothing, 0.6, 0.1) for n in range(3000)]
    figure = figure_class_areas(many)  # those with the most positives, on a page and not on metres of it
    assert figure.get_figheight() < 12
    assert figure.axes[0].get_yticklabels()[0].get_text() == "2999  (2,999)"


ROLES: dict[str, Role] = {"majority": "baseline", "random initialisation": "control"}


def score(
    method: str, protocol: str, fraction: float, by: str, low: float = 0.6, value: float = 0.7
) -> Score:
    return Score(
        method=method, role=ROLES.get(method, "method"), protocol=protocol, title=f"by {protocol}",
        rank=40 * (protocol == "knn"), metric="auroc", part="test", unit="record", fraction=fraction,
        subsample_by=by, seeds=1, n=10, patients=5, classes_scored=2,
        metrics={"auroc": Interval(value, low, 0.8)}, spread={},
    )  # fmt: skip


def test_scores_have_a_panel_for_each_protocol_and_unit_of_subsampling() -> None:
    rows = [
        score(m, p, fraction, by)
        for p in ("knn", "probe")
        for m in ("majority", "random initialisation", "comet")
        for fraction, by in [(1.0, "all"), (0.1, "sample"), (0.1, "patient")]
    ]
    figure = figure_scores(Scores(tuple(rows)))
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert len(titles) == 4
    assert titles[0] == "by probe · labels subsampled by patient"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "comet",
        "random initialisation",
        "majority",
    ]
    assert collisions(figure) == []


def test_each_panel_counts_the_labels_that_were_drawn_for_it() -> None:
    drawn = {"sample": 14.0, "patient": 65.0}
    rows = tuple(
        replace(score("comet", "probe", 0.01, by), details={"labelled": n}) for by, n in drawn.items()
    )
    shown = [axes.get_yticklabels()[0].get_text() for axes in figure_scores(Scores(rows)).axes]
    assert shown == ["1 %\nn = 65", "1 %\nn = 14"]


def test_scores_without_intervals_or_values_are_plotted_as_far_as_they_go() -> None:
    rows = (
        score("comet", "probe", 1.0, "all", math.nan),
        score("other", "probe", 1.0, "all", value=math.nan),
    )
    assert len(figure_scores(Scores(rows)).axes) == 1


def test_errors_in_years_lie_within_their_axes_which_say_what_is_better() -> None:
    years = replace(
        score("comet", "probe", 1.0, "all"), metric="mae", metrics={"mae": Interval(9.0, 5.5, 18)}
    )
    (axes,) = figure_scores(Scores((years,)), "mae", "mean absolute error").axes
    left, right = axes.get_xlim()
    assert left < 5.5
    assert right > 18
    assert "lower is better" in axes.get_xlabel()


@pytest.mark.parametrize("terms", [1, 4, 6])
def test_curves_have_a_panel_for_each_term(tmp_path: Path, terms: int) -> None:
    names = {f"term_{i}": 1.0 + i for i in range(terms)}
    lines = [
        {"kind": "train", "epoch": 1, "step": s, "loss": 1.0, "terms": names, "lr": 1e-3}
        for s in range(1, 99)
    ]
    checks = [
        {"kind": "validation", "epoch": e, "step": 50 * e, "loss": 1.0, "terms": names, "score": 0.5 + e / 10}
        for e in (0, 1)
    ]
    (tmp_path / "m").write_text("\n".join(json.dumps(x) for x in [*lines, *checks]))
    figure = figure_curves(read_curves(tmp_path / "m"))
    assert sum(axes.get_visible() for axes in figure.axes) == terms + 2
    assert any(axes.get_title(loc="right") == "kept: epoch 1, 0.600" for axes in figure.axes)
    assert collisions(figure) == []


def test_the_map_shows_each_row_once_in_each_panel() -> None:
    label, patient = RNG.integers(0, 12, 40), RNG.integers(0, 20, 40)
    colours = class_colours(names(12), support(label, 12))
    figure = figure_map(
        {"trained": project(RNG.normal(size=(40, 4)), "pca")}, label, patient, names(12), colours
    )
    for axes in figure.axes:
        assert sum(len(line.get_xdata()) for line in axes.lines) == 40


def test_a_row_with_several_classes_takes_the_rarest_coloured_one() -> None:
    label = np.array([[1, 1, 0], [1, 0, 1], [1, 0, 0], [0, 0, 1]], bool)
    colours = {"a": "#000000", "b": "#111111", "c": OTHER}
    np.testing.assert_array_equal(main_class(label, colours, ("a", "b", "c")), [1, 0, 0, -1])


def test_the_ten_most_frequent_of_many_classes_have_a_colour() -> None:
    colours = class_colours(names(30), np.arange(30))
    assert [name for name in names(30) if colours[name] != OTHER] == list(names(30)[20:])
    assert len(set(class_colours(names(10)).values())) == 10


def test_trained_methods_differ_in_colour_and_controls_are_not_filled() -> None:
    looks = method_looks(
        {"random-crop": "method", "start": "control", "ts2vec": "method", "last": "baseline"}
    )
    assert looks["random-crop"]["color"] != looks["ts2vec"]["color"]
    assert looks["start"]["mfc"] == "white"
    assert looks["last"]["color"] == FLOOR


@pytest.mark.parametrize(("seconds", "traces"), [(10, 13), (2.5, 12), (1, 12)])
def test_twelve_leads_are_drawn_on_paper(seconds: float, traces: int) -> None:
    x = RNG.normal(0, 0.2, (12, int(100 * seconds)))
    figure = figure_record(x, 100.0, LEADS[::-1], "mV")
    (axes,) = figure.axes
    assert sum(len(line.get_xdata()) > 20 for line in axes.lines) == traces
    assert axes.get_aspect() == "auto"
    box, (left, right), (low, high) = axes.get_window_extent(), axes.get_xlim(), axes.get_ylim()
    millimetre_per_second = box.width / (right - left) / 25
    millimetre_per_millivolt = box.height / (high - low) / 10
    assert millimetre_per_second == pytest.approx(millimetre_per_millivolt, rel=1e-6)


def test_microvolts_are_drawn_as_the_same_millivolts() -> None:
    x = RNG.normal(0, 0.2, (12, 300))
    one, two = figure_record(x, 100.0, LEADS, "mV"), figure_record(1000 * x, 100.0, LEADS, "uV")
    np.testing.assert_allclose(one.axes[0].lines[0].get_ydata(), two.axes[0].lines[0].get_ydata())


def test_leads_are_found_in_any_order_and_only_all_twelve() -> None:
    shuffled = [LEADS[i].upper() for i in (3, 0, 1, 2, *range(4, 12))]
    assert twelve_leads(shuffled, "mV") == [1, 2, 3, 0, *range(4, 12)]
    assert twelve_leads(LEADS[:11], "mV") is None
    assert twelve_leads(LEADS, "") is None


@pytest.mark.parametrize("channels", [1, 3, 40])
def test_other_channels_are_stacked_and_missing_values_left_blank(channels: int) -> None:
    x = RNG.normal(size=(channels, 200))
    x[0] = np.nan
    figure = figure_record(x, 128.0, [f"a channel {i}" for i in range(channels)], "uV", "title")
    assert len(figure.axes[0].lines) == min(channels, 32)
    assert collisions(figure) == []


def test_a_dead_lead_is_named_as_not_recorded() -> None:
    x = RNG.normal(0, 0.2, (12, 300))
    x[4] = np.nan
    texts = [t.get_text() for t in figure_record(x, 100.0, LEADS, "mV").axes[0].texts]
    assert "aVL  not recorded" in texts


def reliability_of(observed: list[float], count: list[int]) -> Reliability:
    values = np.array(observed)
    edges = np.linspace(0, 1, len(count) + 1)
    return Reliability(
        edges, values, values, values - 0.1, values + 0.1, np.array(count), Interval(0.1, 0.0, 0.2)
    )


def test_empty_bins_of_a_reliability_curve_are_left_out() -> None:
    figure = figure_reliability(reliability_of([0.1, np.nan, 0.8], [5, 0, 5]))
    assert len(figure.axes[0].lines[1].get_xdata()) == 2


def test_figures_leave_no_state_behind() -> None:
    pyplot = sys.modules.get("matplotlib.pyplot")
    open_before = [] if pyplot is None else pyplot.get_fignums()  # of other tests
    with mpl.rc_context({"font.size": 33}):
        before = dict(mpl.rcParams)
        one = png(figure_reliability(reliability_of([0.5], [3])))
        assert dict(mpl.rcParams) == before
    assert one == png(figure_reliability(reliability_of([0.5], [3])))
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or pyplot.get_fignums() == open_before
