"""Importance finds the planted axis, sees conditional ones, and says what is missing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import optuna
import pandas as pd
import pytest

from tests.studies.planted import NAMED, planted
from tsrep.studies.analyses import Missing
from tsrep.studies.analyses.importance import MIN_TRIALS, Importances, importances
from tsrep.studies.keep.trial_table import TrialTable


def _with_values(table: TrialTable, values: np.ndarray) -> TrialTable:
    frame = table.complete.copy()
    frame["value"] = values
    return replace(table, frame=frame)


def _found(table: TrialTable, n_bootstrap: int = 8) -> Importances:
    found = importances(table, n_bootstrap=n_bootstrap)
    assert isinstance(found, Importances)
    return found


def test_the_axis_that_decides_leads_and_the_others_stay_below_chance() -> None:
    table = planted(100, seed=3)
    level = table.labels(NAMED["strategy"]) == "joint"
    found = _found(_with_values(table, np.where(level, 0.8, 1.0) + 0.001 * np.arange(len(level))), 20)
    first, others = found.shares.iloc[0], found.shares.iloc[1:]
    assert first["axis"] == "strategy"
    assert first["share"] > first["chance"]
    assert first["low"] > others["share"].max()
    assert found.shares["share"].sum() == pytest.approx(1.0)
    assert (found.shares["low"] <= found.shares["high"]).all()


def test_a_larger_value_is_better_where_it_is_maximised() -> None:
    table = planted(100, seed=3)
    level = table.labels(NAMED["strategy"]) == "joint"
    values = np.where(level, 0.8, 1.0) + 0.001 * np.arange(len(level))
    turned = replace(_with_values(table, -values), maximise=True)
    pd.testing.assert_frame_equal(_found(turned, 2).shares, _found(_with_values(table, values), 2).shares)


def test_a_conditional_axis_is_judged_where_it_is_active() -> None:
    table = planted(100, seed=4)
    queue = table.numbers(NAMED["objective.queue"])
    values = np.where(np.isfinite(queue), np.where(queue > 300, 0.7, 1.3), 1.0) + 0.0001 * np.arange(
        len(queue)
    )
    first = _found(_with_values(table, values)).shares.iloc[0]
    assert first["axis"] == "objective.queue"
    assert first["trials"] == np.isfinite(queue).sum()
    assert first["share"] > first["chance"]


def test_the_same_seed_gives_the_same_intervals() -> None:
    pd.testing.assert_frame_equal(_found(planted(60), 3).shares, _found(planted(60), 3).shares)


def test_logging_is_as_loud_afterwards_as_before() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    _found(planted(60), 1)
    assert optuna.logging.get_verbosity() == optuna.logging.WARNING


@pytest.mark.parametrize("trials", [0, 5, MIN_TRIALS])
def test_too_few_trials_are_said_so(trials: int) -> None:
    found = importances(planted(trials), n_bootstrap=1)
    assert isinstance(found, Missing)
    assert f"{len(planted(trials).complete)}." in found.sentence


def test_equal_values_and_equal_settings_are_said_so() -> None:
    table = planted(60)
    equal = importances(_with_values(table, np.ones(len(table.complete))), n_bootstrap=1)
    assert isinstance(equal, Missing)
    assert "same value" in equal.sentence
    frame = table.complete.copy()
    for axis in table.axes:
        frame[axis.name] = [frame[axis.name].iloc[0]] * len(frame)
    one_setting = importances(replace(table, frame=frame), n_bootstrap=1)
    assert isinstance(one_setting, Missing)
    assert "different values" in one_setting.sentence


def test_a_preset_outside_the_range_is_taken_in() -> None:
    table = planted(60)
    frame = table.frame.copy()
    frame.loc[0, "objective.contrast.weight"] = 5.0
    assert len(_found(replace(table, frame=frame), 1).shares) == len(table.axes)
