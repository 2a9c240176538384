"""The page of a run whose numbers are predicted: their unit, both targets, and no panel of classes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.evaluation.test_regression import ages, scored
from tests.report.run_folder import make_run
from tsrep.report.contents import read_run
from tsrep.report.panel_figures import _scores, _values, value_figure
from tsrep.report.rendering import render


def test_numbers_are_told_with_their_target_and_nothing_is_said_of_classes(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", 2)
    (run / "predictions.npz").unlink()
    scored(*ages(), targets=None).save(run)
    contents = read_run(run)
    figures = [*_scores(contents), *_values(contents)]
    names = {figure.name for figure in figures}
    assert {"scores-test-age-years", "values-regression-age-years", "values-regression-double"} <= names
    assert "Predicted against true age (years)" in figures[-2].caption
    assert "means over the" not in figures[-2].caption  # of one seed
    (score, *_), (values, *_) = (
        contents.scores.where(role="method", unit="record"),
        contents.scores.values.values(),
    )
    several = value_figure(values, replace(score, seeds=3), "encoder on the test part").caption
    assert "Predictions are means over the 3 seeds" in several
    text = render(contents, figures)
    assert "mean absolute error" in text
    assert "ridge on frozen features for age (years)" in text
    assert "mean value" in text
    assert 'id="targets"' in text
    assert 'id="classes"' not in text
    assert "0 classes" not in text
    assert "Macro averages are over" not in text
