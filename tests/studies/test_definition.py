"""Study files: those that ship, grids, digests, and checks before the first trial."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
import pytest

from tsrep.errors import ConfigError
from tsrep.runs.task import task_of
from tsrep.studies.define.check import check_study, points, reference
from tsrep.studies.define.configuration import configuration
from tsrep.studies.define.definition import Pruning, Sampling, define, read_definition
from tsrep.studies.study import new_pruner, new_sampler

STUDIES = sorted((Path(__file__).parents[2] / "studies").glob("*.yaml"))
CONFIG: dict[str, Any] = {
    "dataset": {"name": "seasonal-sim", "steps": 900},
    "encoder": {"name": "patch-transformer", "width": {"one_of": [8, 16]}, "depth": 1, "heads": 2},
    "objective": {"name": "forecast", "lookback": 48, "horizon": 12, "weight": {"float": [0.0, 0.5]}},
}


def values(**more: Any) -> dict[str, Any]:
    return {"study": "s", "question": "?", "config": CONFIG, **more}


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_every_study_that_ships_is_valid_and_says_question_and_cost(path: Path) -> None:
    definition = read_definition(path)
    check_study(definition)
    assert definition.study == path.stem
    assert definition.cost
    head = path.read_text(encoding="utf-8").splitlines()
    assert head[0].startswith("# Question: ")
    assert any(line.startswith("# Cost: ") for line in head)
    assert any("tsrep study run" in line for line in head)


def test_every_value_and_both_ends_are_checked_on_every_task() -> None:
    definition = define(values(tasks={"a": {}, "b": {"objective": {"horizon": 24}}}), "s")
    found = [point for _, point in points(definition)]
    assert {point["encoder.width"] for point in found} == {8, 16}
    assert {0.0, 0.5} <= {point["objective.weight"] for point in found}
    assert configuration(definition, reference(definition), "b").objective.horizon == 24


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"encoder": {"widht": {"int": [1, 2]}}}, "encoder.widht; did you mean 'width'"),
        ({"training": {"lr": {"float": [-1.0, 1.0]}}}, "training.lr"),
        ({"objective": {"weight": {"float": [0.5, 1.0]}}}, "no forecast is trained"),
    ],
)
def test_a_point_that_is_no_configuration_is_refused_before_any_trial(
    change: dict[str, Any], told: str
) -> None:
    definition = define(
        values(config={**CONFIG, **{k: {**CONFIG.get(k, {}), **v} for k, v in change.items()}}), "s"
    )
    with pytest.raises(ConfigError, match=told) as caught:
        check_study(definition)
    assert "\n" not in str(caught.value)


def test_what_is_judged_in_two_ways_is_not_compared() -> None:
    objective = {"choose": {"direct": {"name": "forecast"}, "represented": {"name": "ts2vec"}}}
    definition = define(values(config={"dataset": "seasonal-sim", "objective": objective}), "s")
    with pytest.raises(ConfigError, match="judged by its own forecasts and by a ridge"):
        check_study(definition)


def test_a_panel_is_judged_by_a_probe() -> None:
    config = {"dataset": "ptb-xl-sim", "objective": {"name": "comet", "temperature": {"float": [0.1, 0.5]}}}
    definition = define(values(config=config), "s")
    task = task_of(configuration(definition, reference(definition), ""))
    assert task.judged_by == "a probe of the representation"


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"smapler": "tpe"}, "did you mean 'sampler'"),
        ({"sampler": "cmaes"}, "sampler.name"),
        ({"goals": ["score", "seconds"], "pruner": "median"}, "two goals"),
        ({"sampler": "grid"}, "objective.weight is continuous"),
        ({"presets": {"p": {"encoder.width": 9}}}, "outside its range"),
        ({"budget": {"trials": 0}}, "budget.trials"),
        ({"study": "a b"}, "study"),
    ],
)
def test_a_broken_study_file_is_one_sentence(more: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told) as caught:
        define(values(**more), "mine.yaml")
    assert str(caught.value).startswith("study mine.yaml: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"goals": ["score", "minutes"]}, r"goals is .*write \[score\] or \[score, seconds\]"),
        ({"goals": "score"}, r"goals is 'score'; write \[score\]"),
        ({"presets": {"a": None}}, "presets.a is None"),
        ({"factors": {"x": [1]}}, r"factors.x is \[1\]"),
        ({"study": ".."}, "study is '..'"),
        ({"tasks": {"../../elsewhere": {}}}, "task '../../elsewhere' cannot be the name of a folder"),
        ({"presets": {"a/b": {"encoder.width": 8}}}, "preset 'a/b' cannot be the name of a folder"),
        ({"presets": {"": {"encoder.width": 8}}}, "preset '' cannot"),
        ({"presets": {"a b": {"encoder.width": 8}, "a-b": {"encoder.width": 16}}}, "would share a folder"),
    ],
)
def test_names_and_shapes_that_would_do_harm_later_are_refused(more: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told) as caught:
        define(values(**more), "mine.yaml")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["random initialisation", "ridge-nlinear", "trial 3"])
def test_a_preset_is_not_called_like_another_finalist(name: str) -> None:
    definition = define(values(presets={name: {"encoder.width": 8}}), "s")
    with pytest.raises(ConfigError, match=f"preset {name} would stand beside another"):
        check_study(definition)


def test_a_pruner_that_can_never_stop_a_trial_is_refused() -> None:
    tasks = {name: {} for name in "abcd"}
    with pytest.raises(ConfigError, match="after 4 runs at the earliest, and a trial has 4"):
        check_study(define(values(pruner="wilcoxon", tasks=tasks), "s"))
    check_study(define(values(pruner="wilcoxon", tasks=tasks | {"e": {}}), "s"))


def test_the_earliest_stop_of_wilcoxon_is_that_of_optuna() -> None:
    """Worse in each of four runs is enough at 10 %, in each of three it is not."""
    study = optuna.create_study(pruner=new_pruner(Pruning(name="wilcoxon"), 5))
    for value in (0.5, 0.9):
        trial, stops = study.ask(), []
        for step in range(5):
            trial.report(value + 0.01 * step, step)
            stops.append(trial.should_prune())
        study.tell(trial, value)
    assert stops == [False, False, False, True, True]


def test_points_of_qmc_differ_in_what_counts_under_a_condition_only() -> None:
    study = optuna.create_study()
    drawn = []
    for ticket in range(8):
        study.sampler = new_sampler(Sampling(name="qmc"), 0, ticket)
        trial = study.ask()
        trial.suggest_float("always", 0, 1)
        if ticket % 2:
            drawn.append(trial.suggest_float("sometimes", 0, 1))
        study.tell(trial, 0.0)
    assert len(set(drawn)) == len(drawn)


def test_a_grid_has_every_point_once_after_the_presets() -> None:
    config = {
        "encoder": {"choose": {"a": {"name": "gru", "layers": {"int": [1, 3]}}, "b": {"name": "causal-tcn"}}},
        "training": {"lr": {"float": [0.1, 0.3], "step": 0.1}},
    }
    given = values(config=config, sampler="grid", presets={"p": {"encoder": "b", "training.lr": 0.1}})
    found = define(given, "s").beginnings()
    assert found[0] == ("preset:p", {"encoder": "b", "training.lr": 0.1})
    assert len(found) == 3 * 3 + 3
    assert len({tuple(sorted((k, str(v)) for k, v in point.items())) for _, point in found}) == len(found)
    assert found == define(given, "s").beginnings()


def test_the_digest_is_of_what_makes_trials_comparable() -> None:
    one = define(values(), "s")
    same = define(values(budget={"trials": 7}, sampler="random", question="why?"), "s")
    other = define(values(seed=1), "s")
    assert one.digest == same.digest != other.digest
