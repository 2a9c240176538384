"""Sentences about forecasts follow from the numbers, and say no more than they do."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.report.series_folder import HORIZONS, make_forecasts, make_series_run
from tsrep.evaluation.bootstrap import Interval
from tsrep.evaluation.difference import Difference
from tsrep.evaluation.scores import Score, Scores
from tsrep.report import summarise
from tsrep.report.contents import Contents, read_run
from tsrep.report.rendering import render
from tsrep.report.series_figures import on_one_scale, origin_stamps
from tsrep.report.series_page import SeriesPage, every
from tsrep.report.verdicts import Significance, in_order, significance, verdicts


def contents(gains: tuple[float, ...] = (0.05,) * 5, rule: float = 0.08) -> Contents:
    found = make_forecasts(np.random.default_rng(0), ("OT",), dict(zip(HORIZONS, gains, strict=True)), rule)
    data = {"source": "ETTh1", "targets": ["OT"], "instances": 1}
    return Contents(
        Path("run"),
        config={"objective": {"name": "autotcl"}},
        provenance={"task": "series", "data": data},
        split={"counts": {"train": {"steps": 8640}}},
        scores=found,
    )


def changed(found: Contents, method: str, **changes: object) -> Contents:
    """The contents with each score of a method changed."""

    def change(score: Score) -> Score:
        return replace(score, **changes) if score.method == method else score  # type: ignore[arg-type]  # by name

    return replace(found, scores=replace(found.scores, scores=tuple(map(change, found.scores))))


def headline(found: Contents) -> str:
    return SeriesPage().headline(found)


def test_the_headline_names_data_target_horizons_and_what_stands_beside() -> None:
    text = headline(contents())
    for piece in ("trained by autotcl on 8,640 steps of ETTh1", "mean squared error of 0.1001",
                  "on forecasts of OT in the test part, mean over horizons of 24, 48, 168, 336 and 720 steps",
                  "random initialisation 0.1501",
                  "ridge-nlinear 0.2301", "seasonal-naive 0.6501"):  # fmt: skip
        assert piece in text


@pytest.mark.parametrize(
    ("gains", "tone", "words"),
    [
        ((0.05,) * 5, "better", "of its architecture: better at 5 of 5 horizons,"),
        ((-0.05,) * 5, "worse", "This encoder ends behind random initialisations of its"),
        ((0.01,) * 5, "open", "of its architecture: not significant at 5 of 5 horizons"),
        ((0.05, 0.0, 0.0, 0.0, 0.0), "open", "at some horizons only: better at 1 of 5 horizons (24) and not"),
        ((0.05, 0.05, 0.05, 0.0, 0.0), "better", "better at 3 of 5 horizons (24, 48, 168) and not"),
        ((0.05, 0.05, 0.05, 0.05, -0.05), "open", "of its architecture at some horizons and loses"),
        ((0.0, 0.0, 0.0, 0.0, -0.05), "open", "worse at 1 of 5 horizons (720) and not significant at 4"),
    ],
)  # fmt: skip
def test_the_verdict_counts_horizons(gains: tuple[float, ...], tone: str, words: str) -> None:
    (found,) = verdicts(contents(gains))
    assert found.tone == tone
    assert words in found.sentence


def test_an_interval_that_touches_zero_is_not_a_win() -> None:
    (own, *_) = contents().scores.where(method="autotcl")

    def word(*ends: float) -> Significance:
        return significance(replace(own, difference={"mse": Difference(*ends)}))

    assert word(-0.1, -0.2, 0.0) == "not significant"
    assert word(-0.1, -0.2, -0.01) == "better"
    assert word(0.1, 0.01, 0.2) == "worse"
    assert word(0.1, math.nan, math.nan) == "no interval"
    assert significance(replace(own, difference={})) == "no interval"


def test_a_baseline_that_is_better_is_said_plainly() -> None:
    trained, rule = verdicts(contents(rule=-0.08))
    assert trained.tone == "better"
    assert rule.tone == "worse"
    assert "lower mean test MSE: ridge-nlinear 0.0701, autotcl 0.1001" in rule.sentence
    assert "ridge-nlinear is lower at 5 of 5 horizons" in rule.sentence


def test_a_baseline_that_is_better_at_some_horizons_is_told_too() -> None:
    *_, found = verdicts(contents((0.15, 0.15, 0.0, 0.0, 0.0), rule=-0.04))
    assert found.tone == "open"
    assert "ridge-nlinear is lower at 3 of 5 horizons (168, 336, 720)" in found.sentence


def test_without_intervals_or_controls_nothing_is_claimed() -> None:
    nothing = {"mse": Difference(-0.1, math.nan, math.nan, against_seeds=3)}
    (found,) = verdicts(changed(contents(), "autotcl", difference=nothing))
    assert found.sentence == "No interval of the difference to random initialisation was computed."
    assert verdicts(changed(contents(), "autotcl", against="", difference={})) == []


def test_an_error_that_is_not_defined_is_a_dash_not_a_win() -> None:
    nan = Interval(math.nan, math.nan, math.nan)
    found = changed(contents(), "ridge-nlinear", metrics={"mse": nan, "mae": nan, "mase": nan})
    assert "ridge-nlinear –" in headline(found)
    assert len(verdicts(found)) == 1
    render(found, [])


def test_one_seed_and_the_validation_part_are_flagged() -> None:
    notes = " ".join(SeriesPage().caveats(contents()))
    assert "scores of one encoder" in notes
    assert "without a paired interval" in notes
    assert "validation" not in notes
    several = {"mse": Difference(-0.1, -0.2, -0.05, covers="blocks of time and training seeds", seeds=5)}
    chosen = replace(contents(), config={"training": {"keep": "score"}})
    found = changed(chosen, "autotcl", part="validation", seeds=5, difference=several)
    notes = " ".join(SeriesPage().caveats(found))
    assert "chosen too" in notes
    assert "of one encoder" not in notes


def test_notes_of_the_evaluation_such_as_few_blocks_are_passed_on() -> None:
    text = render(contents(), [])
    assert text.count("Intervals from few blocks of time are crude: 3 (horizon 720).") == 1


def test_what_was_trained_comes_first_then_the_control_then_baselines_by_error() -> None:
    found = contents().scores
    order = ["autotcl", "random initialisation", "ridge-nlinear", "seasonal-naive", "repeat-last"]
    assert in_order(found, "autotcl") == order
    shown, far = on_one_scale(found, order)
    assert shown == ["autotcl", "random initialisation", "ridge-nlinear"]
    assert far == ["seasonal-naive", "repeat-last"]


def test_a_forecast_with_controls_only_is_not_called_trained() -> None:
    found = contents()
    without = replace(found, scores=Scores(tuple(s for s in found.scores if s.method != "autotcl")))
    assert "not evaluated yet" in headline(without)
    assert verdicts(without) == []
    render(without, [])


def test_origins_have_time_stamps_where_the_folder_tells(tmp_path: Path) -> None:
    run = make_series_run(tmp_path / "run")
    assert origin_stamps(read_run(run), [0, 24]) == ["2016-07-01 00:00", "2016-07-02 00:00"]
    facts = json.loads((run / "provenance.json").read_text())
    del facts["data"]["first"]
    (run / "provenance.json").write_text(json.dumps(facts))
    assert origin_stamps(read_run(run), [1200]) == ["step 1,200"]


@pytest.mark.parametrize(
    ("freq", "words"),
    [("h", "one every hour"), ("1 h", "one every hour"), ("15min", "one every 15 minutes"),
     ("15 min", "one every 15 minutes"), ("W-SUN", "one every W-SUN"), ("", "spacing not given")],
)  # fmt: skip
def test_the_spacing_of_steps_is_in_words(freq: str, words: str) -> None:
    assert every(freq) == words


def test_the_summary_has_errors_differences_and_what_comes_next(tmp_path: Path) -> None:
    run = make_series_run(tmp_path / "run", rule=-0.08)
    text = summarise(run)
    assert "−0.0500 (−0.0700 to −0.0300)" in text
    assert "Baselines without an encoder have a lower mean test MSE" in text
    assert "ridge-nlinear" in text
    assert "1,234,567 parameters" in text
    for name in ("scores.json", "forecasts.npz"):
        (run / name).unlink()
    assert f"tsrep evaluate {run}" in summarise(run)
