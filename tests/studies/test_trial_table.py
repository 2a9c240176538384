"""One row a ticket, whatever happened to the ticket's trials."""

from __future__ import annotations

import math
from typing import Any

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from tsrep.studies.define.definition import define
from tsrep.studies.define.ranges import level_name
from tsrep.studies.keep.trial_table import TrialTable, trial_table

CONFIG = {
    "strategy": {"one_of": ["joint", "frozen"]},
    "weight": {"float": [1e-3, 1.0], "log": True},
    "queue": {"one_of": [None, 64, 256]},
}
DEFINITION = define({"study": "s-1", "question": "Which?", "config": CONFIG}, "s-1")


def _trial(state: str, value: float | None = None, params: dict[str, Any] | None = None, **told: Any) -> Any:
    params = {"strategy": "joint", "weight": 0.1} if params is None else params
    return create_trial(
        state=TrialState[state],
        value=value,
        params=params,
        distributions={name: DEFINITION.space.parameters[name].range.distribution for name in params},
        user_attrs=told,
        intermediate_values={1: 0.9, 2: 0.8} if state != "FAIL" else {},
    )


def _table(*trials: FrozenTrial) -> TrialTable:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(study_name="s-1")
    study.add_trials(trials)
    return trial_table(study, DEFINITION)


def test_every_ticket_has_one_row_and_complete_wins() -> None:
    table = _table(
        _trial("FAIL", ticket=0, why="killed"),
        _trial("PRUNED", ticket=1),
        _trial("COMPLETE", 0.7, ticket=0, seconds=3.0, overhead=0.1, tasks={"a": 0.6, "b": 0.8}),
        _trial("FAIL", ticket=1, why="killed"),
        _trial("COMPLETE", 0.9, ticket=2, duplicate=True),
        _trial("COMPLETE", 0.5, ticket=2),
        _trial("FAIL", ticket=3, why="first"),
        _trial("FAIL", ticket=3, why="last"),
        _trial("RUNNING", ticket=4),
        _trial("WAITING"),
    )
    frame = table.frame
    assert frame["ticket"].tolist() == [0, 1, 2, 3]
    assert frame["state"].tolist() == ["complete", "pruned", "complete", "failed"]
    assert frame["number"].tolist() == [2, 1, 5, 7]
    assert frame["why"].tolist() == ["", "", "", "last"]
    assert frame["value"].tolist()[::2] == [0.7, 0.5]
    assert frame["value"].isna().tolist() == [False, True, False, True]
    assert frame.loc[0, ["seconds", "overhead", "task:a", "task:b"]].tolist() == [3.0, 0.1, 0.6, 0.8]
    assert table.tasks == ("a", "b")
    assert [table.count(s) for s in ("complete", "pruned", "failed")] == [2, 1, 1]
    assert table.best_first["ticket"].tolist() == [2, 0]


def test_a_ticket_that_was_put_back_has_not_failed() -> None:
    """As `progress` counts it; one that was given up for good has a reason."""
    table = _table(
        _trial("FAIL", ticket=0), _trial("WAITING", ticket=0),
        _trial("FAIL", ticket=1), _trial("RUNNING", ticket=1),
        _trial("FAIL", ticket=2),
        _trial("FAIL", ticket=3), _trial("FAIL", ticket=3, why="its worker died, 3 times"),
        _trial("FAIL", ticket=4), _trial("COMPLETE", 0.4, ticket=4),
    )  # fmt: skip
    assert table.frame[["ticket", "state"]].values.tolist() == [[3, "failed"], [4, "complete"]]


def test_intermediate_values_are_those_of_the_trial_that_counts() -> None:
    table = _table(_trial("PRUNED", ticket=7), _trial("COMPLETE", 0.5, ticket=7))
    assert table.intermediate.values.tolist() == [[7, 1, 0.9], [7, 2, 0.8]]


def test_a_value_that_is_not_finite_is_a_failure() -> None:
    table = _table(_trial("COMPLETE", math.inf, ticket=0))
    assert table.frame.loc[0, ["state", "why"]].tolist() == ["failed", "the value is inf"]
    assert table.complete.empty


def test_a_choice_of_none_is_a_level_and_an_inactive_axis_is_not() -> None:
    table = _table(
        _trial("COMPLETE", 0.1, {"queue": None}, ticket=0),
        _trial("COMPLETE", 0.2, {"queue": 256}, ticket=1),
        _trial("COMPLETE", 0.3, {"weight": 0.5}, ticket=2),
    )
    queue, weight = DEFINITION.space.parameters["queue"], DEFINITION.space.parameters["weight"]
    assert table.labels(queue).tolist() == ["none", "256", ""]
    assert table.levels(queue) == ["none", "256"]
    assert table.active(queue).tolist() == [True, True, False]
    assert table.active(weight).tolist() == [False, False, True]


def test_trials_of_another_program_are_their_own_tickets() -> None:
    assert _table(_trial("COMPLETE", 0.4), _trial("FAIL")).frame["ticket"].tolist() == [0, 1]
    mixed = _table(_trial("FAIL"), _trial("COMPLETE", 0.4, ticket=0))
    assert mixed.frame["state"].tolist() == ["complete"]


def test_the_first_of_two_objectives_is_the_value() -> None:
    study = optuna.create_study(directions=["maximize", "minimize"])
    study.add_trial(
        create_trial(
            values=[0.8, 12.0],
            params={"weight": 0.5},
            distributions={"weight": DEFINITION.space.parameters["weight"].range.distribution},
            user_attrs={"ticket": 0},
        )
    )
    table = trial_table(study, DEFINITION)
    assert table.maximise
    assert not table.relative
    assert table.frame["value"].tolist() == [0.8]
    assert (table.study, table.question, table.baseline) == ("s-1", "Which?", None)
    assert table.value_name == "validation probe AUROC"


def test_errors_are_relative_to_the_baseline() -> None:
    table = _table(_trial("COMPLETE", 0.4, ticket=0))
    assert table.relative
    assert table.baseline == 1.0
    assert table.value_name == "validation MSE relative to ridge-nlinear"
    several = define(
        {"study": "s", "question": "", "config": CONFIG, "tasks": {"a": {}, "b": {}}, "seeds": 3}, "s"
    )
    named = trial_table(optuna.create_study(), several).value_name
    assert named.endswith(", geometric mean of 2 tasks and 3 seeds")


def test_shares_sum_to_one() -> None:
    shares = define({"study": "s", "question": "", "config": {"a": {"share": "g"}, "b": {"share": "g"}}}, "s")
    study = optuna.create_study()
    trial = study.ask()
    drawn = shares.space.draw(lambda parameter: parameter.range.suggest(trial, parameter.name))
    study.tell(trial, 0.5)
    row = trial_table(study, shares).frame.iloc[0]
    assert row["a"] + row["b"] == pytest.approx(1.0, abs=1e-5)
    assert row["a"] / row["b"] == pytest.approx(math.log(drawn["a"]) / math.log(drawn["b"]), rel=1e-4)


def test_a_study_without_trials_has_all_columns() -> None:
    table = _table()
    assert {"ticket", "value", "strategy"} <= set(table.frame.columns)
    assert table.best_first.empty
    assert table.intermediate.empty


@pytest.mark.parametrize(
    ("value", "name"), [(None, "none"), (True, "on"), (0.10000000001, "0.1"), (64, "64"), ("b4", "b4")]
)
def test_names_of_levels(value: Any, name: str) -> None:
    assert level_name(value) == name
