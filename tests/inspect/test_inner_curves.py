"""Terms of inner optimisations and diagnostics have panels of their own among the training curves."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.inspect.test_figures import collisions
from tsrep.inspect.curves import read_curves
from tsrep.inspect.figures.curves import figure_curves


@pytest.mark.parametrize(("terms", "diagnostics", "steps"), [(0, 1, 99), (1, 0, 5), (4, 5, 99)])
def test_each_has_a_titled_panel_between_losses_and_validation(
    tmp_path: Path, terms: int, diagnostics: int, steps: int
) -> None:
    lines = [
        {"kind": "train", "epoch": 1, "step": s, "loss": 1.0, "terms": {"global": 1.0}, "lr": 1e-3}
        for s in range(1, steps)
    ]
    for line in lines:
        step = int(str(line["step"]))
        if step % 2 and terms:
            line["inner"] = {"augmenter": {f"term_{i}": step + i for i in range(terms)}}
        line["diagnostics"] = {f"keep_rate_{i}": 1.0 for i in range(diagnostics)}
    (tmp_path / "m").write_text("\n".join(map(json.dumps, lines)))
    figure = figure_curves(read_curves(tmp_path / "m"))
    titles = [axes.get_title(loc="left") for axes in figure.axes if axes.get_visible()]
    expected = [f"augmenter: term {i}" for i in range(terms)] + [f"keep rate {i}" for i in range(diagnostics)]
    assert titles[1 : 1 + terms + diagnostics] == expected
    assert len(titles) == 1 + terms + diagnostics + 2
    assert collisions(figure) == []


def test_a_diagnostic_that_never_moves_is_plotted_in_the_middle_of_a_readable_axis(tmp_path: Path) -> None:
    lines = [
        {
            "kind": "train",
            "epoch": 1,
            "step": s,
            "loss": 1.0,
            "terms": {"a": 1.0},
            "diagnostics": {"saturated": v},
        }
        for s, v in enumerate([1.0] * 99, 1)
    ]
    (tmp_path / "m").write_text("\n".join(map(json.dumps, lines)))
    figure = figure_curves(read_curves(tmp_path / "m"))
    axes = next(axes for axes in figure.axes if axes.get_title(loc="left") == "saturated")
    low, high = axes.get_ylim()
    assert (low + high) / 2 == pytest.approx(1.0)
    assert high - low > 0.05


def test_an_inner_optimisation_that_steps_on_some_steps_only_is_one_line(tmp_path: Path) -> None:
    lines = [
        {
            "kind": "train",
            "epoch": 1,
            "step": s,
            "loss": 1.0,
            "terms": {"a": 1.0},
            "inner": {"p": {"t": s}},
        }
        if s % 3 == 0
        else {"kind": "train", "epoch": 1, "step": s, "loss": 1.0, "terms": {"a": 1.0}}
        for s in range(1, 40)
    ]
    (tmp_path / "m").write_text("\n".join(map(json.dumps, lines)))
    figure = figure_curves(read_curves(tmp_path / "m"))
    axes = next(axes for axes in figure.axes if axes.get_title(loc="left") == "p: t")
    np.testing.assert_array_equal(axes.lines[-1].get_xdata(), np.arange(3, 40, 3))
    assert np.isfinite(np.asarray(axes.lines[-1].get_ydata(), float)).all()
