"""The gallery of views shows the numbers that it is given, each in its place, without collisions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tsrep.inspect.views.figure import ViewExample, figure_views


def example(
    name: str = "jitter", channels: int = 3, time: int = 50, maps: int = 0, key: int = 0
) -> ViewExample:
    rng = np.random.default_rng(key)
    x = rng.normal(size=(channels, time)).astype(np.float32)
    mask = rng.random((maps, time)) if maps else None
    gain = np.exp(rng.normal(size=(maps, time)) / 4) if maps else None
    names = tuple(f"channel {i}" for i in range(channels))
    return ViewExample(name, np.arange(time) / 10, "seconds", names, x, 2 * x, mask, gain)


def overlaps(figure: Figure) -> list[tuple[str, str]]:
    """Pairs of texts of a figure that overlap by more than a pixel."""
    figure.draw_without_rendering()
    texts = [*figure.texts, *(t for legend in figure.legends for t in legend.get_texts())]
    for axes in figure.axes:
        low, high = sorted(axes.get_ylim())
        ticks = zip(axes.get_yticks(), axes.get_yticklabels(), strict=True)
        texts += [label for at, label in ticks if low <= at <= high]
        texts += [axes.xaxis.label, axes.title, axes._left_title]  # type: ignore[attr-defined]  # no public way
    boxes = [(t.get_text(), t.get_window_extent()) for t in texts if t.get_text()]
    return [
        (one, two)
        for (one, a), (two, b) in itertools.combinations(boxes, 2)
        if min(a.x1, b.x1) - max(a.x0, b.x0) > 1 and min(a.y1, b.y1) - max(a.y0, b.y0) > 1
    ]


def line(axes: Axes, label: str) -> np.ndarray:
    (found,) = (one for one in axes.lines if one.get_label() == label)
    return np.asarray(found.get_xydata())


@pytest.mark.parametrize("rows", [1, 2, 12])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("maps", [0, 1])
def test_nothing_overlaps_or_leaves_the_figure(rows: int, channels: int, maps: int) -> None:
    names = ["frequency-dropout", "shift", "a rather long name of a sample"]
    rowed = [example(names[i % 3], channels, maps=maps, key=i) for i in range(rows)]
    figure = figure_views(rowed, title="Views")
    assert overlaps(figure) == []
    columns = min(2, channels)
    assert len(figure.axes) == rows * columns * (3 if maps else 1)
    for text in figure.texts:
        box = text.get_window_extent()
        assert box.x0 >= 0
        assert box.y0 >= 0
    for axes in figure.axes:
        assert 0 <= axes.get_position().y0 < axes.get_position().y1 <= 1


def test_lines_are_the_signal_and_its_view_over_time() -> None:
    shown = example()
    figure = figure_views([shown, example("scale", key=1)])
    for channel, axes in enumerate(figure.axes[:2]):
        np.testing.assert_array_equal(line(axes, "original"), np.c_[shown.time, shown.original[channel]])
        np.testing.assert_array_equal(line(axes, "view"), np.c_[shown.time, shown.view[channel]])
    assert {text.get_text() for text in figure.texts} == {"jitter", "scale", ""}


def test_strips_lie_under_their_signal_and_show_mask_and_gain() -> None:
    shown = example(maps=3)
    figure = figure_views([shown, example("scale")])
    signal, mask, gain, other = (*figure.axes[3:6], figure.axes[7])  # of the second channel
    assert signal.get_xlim() == mask.get_xlim() == gain.get_xlim()
    places = [axes.get_position() for axes in (signal, mask, gain, other)]
    assert len({(round(p.x0, 6), round(p.x1, 6)) for p in places}) == 1
    assert all(above.y0 > below.y1 for above, below in itertools.pairwise(places))
    assert shown.mask is not None
    assert shown.gain is not None
    corners = mask.collections[0].get_paths()[0].vertices
    assert mask.get_ylim() == (0, 1)
    assert corners[:, 1].max() == pytest.approx(shown.mask[1].max())
    np.testing.assert_array_equal(gain.lines[-1].get_ydata(), shown.gain[1])
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["original", "view", "mask h", "gain g"]


def test_one_map_serves_all_channels() -> None:
    figure = figure_views([example(maps=1)])
    upper_left, upper_right, _, gain_left, _, gain_right = (figure.axes[i] for i in (0, 3, 1, 2, 4, 5))
    assert upper_left.get_title("left") == "channel 0"
    assert upper_right.get_title("left") == "channel 1"
    np.testing.assert_array_equal(gain_left.lines[-1].get_ydata(), gain_right.lines[-1].get_ydata())


def test_rows_share_a_scale_and_time_is_labelled_once() -> None:
    figure = figure_views([example(channels=1, key=0), example(channels=1, key=1)])
    upper, lower = figure.axes
    assert upper.get_ylim() == lower.get_ylim()
    assert (upper.get_xlabel(), lower.get_xlabel()) == ("", "time (seconds)")


def test_rows_of_unequal_length_have_their_own_axes() -> None:
    figure = figure_views([example(channels=1, time=50), example(channels=1, time=80)])
    assert [axes.get_xlabel() for axes in figure.axes] == ["time (seconds)", "time (seconds)"]
    assert overlaps(figure) == []


def test_missing_and_constant_signals_are_plotted() -> None:
    nothing = np.full((1, 20), np.nan, np.float32)
    flat = np.zeros((1, 20), np.float32)
    rows = [
        ViewExample("nothing", np.arange(20), "steps", ("a",), nothing, nothing),
        ViewExample("flat", np.arange(20), "steps", ("a",), flat, flat, flat, flat + 1),
        ViewExample("step", np.arange(1), "steps", ("a",), flat[:, :1], flat[:, :1]),
    ]
    for row in rows:
        assert overlaps(figure_views([row])) == []


def test_a_row_that_changes_nothing_says_so() -> None:
    same = example()
    same = ViewExample(same.name, same.time, same.axis, same.channels, same.original, same.original)
    assert "unaltered" in {text.get_text() for text in figure_views([same]).texts}
    assert "unaltered" not in {text.get_text() for text in figure_views([example()]).texts}
