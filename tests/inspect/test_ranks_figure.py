"""The critical-difference plot shows every method and rank, with no two texts on top of each other."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tsrep.evaluation.friedman_ranks import Comparison, compare
from tsrep.inspect.figures.ranks import _levels, figure_ranks
from tsrep.inspect.figures.style import shorten

NAMES = (
    "autotcl", "ts2vec", "fixed-view (window-warp)", "random initialisation", "1-NN Euclid",
    "simclr with amplitude warping", "majority", "comet", "supervised, trained end to end",
)  # fmt: skip


def comparison(methods: int, sets: int, gap: float) -> Comparison:
    noise = 0.04 * np.random.default_rng(0).normal(size=(methods, sets))
    return compare(
        {m: {str(i): 0.8 - gap * j + noise[j, i] for i in range(sets)} for j, m in enumerate(NAMES[:methods])}
    )


@pytest.mark.parametrize("methods", [2, 3, 5, 8, 9])
@pytest.mark.parametrize(("sets", "gap"), [(1, 0.0), (8, 0.002), (30, 0.02), (30, 0.4)])
def test_texts_are_there_and_apart(methods, sets, gap):
    found = comparison(methods, sets, gap)
    figure = figure_ranks(found)
    figure.canvas.draw()
    (axes,) = figure.axes
    texts = [(t.get_text(), t.get_window_extent()) for t in axes.texts]
    written = [text for text, _ in texts]
    for method, rank in found.average_rank.items():
        assert shorten(method, 26) in written
        assert f"{rank:.2f}" in written
    canvas = figure.bbox
    for text, box in texts:
        assert box.x0 >= canvas.x0, text
        assert box.x1 <= canvas.x1, text
    for (one, a), (two, b) in itertools.combinations(texts, 2):
        apart = min(a.x1, b.x1) - max(a.x0, b.x0) <= 1 or min(a.y1, b.y1) - max(a.y0, b.y0) <= 1
        assert apart, f"{one} and {two}"


def test_bars_that_share_a_method_are_on_different_rows():
    found = comparison(9, 30, 0.02)
    assert len(found.cliques) > 3
    rows: dict[int, set[str]] = {}
    for level, clique in zip(_levels(found), found.cliques, strict=True):
        taken = rows.setdefault(level, set())
        assert not taken & set(clique)
        taken |= set(clique)
    assert len(rows) < len(found.cliques)
