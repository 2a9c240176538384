"""Trials, from a suggestion to a value, resumed and pruned; finalists with fresh seeds on the test part."""

from __future__ import annotations

import json
import math
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import optuna
import pytest
import torch

from tests.conftest import TINY
from tsrep.errors import ConfigError, RunError
from tsrep.runs.folder import Run
from tsrep.studies.conduct import report
from tsrep.studies.confirm.confirmation import confirm, finalists, read_confirmation
from tsrep.studies.define.definition import Definition, define
from tsrep.studies.study import Study, add_trials, begin, open_study
from tsrep.studies.work.trial import BASELINES, kept_score, records, run_seed, run_trial

CONFIG: dict[str, Any] = {
    "dataset": {"name": "seasonal-sim", "steps": 900, "noise": 1.0, "channels": 1},
    "window": {"hop_steps": 7},
    "encoder": {
        "name": "patch-transformer",
        "width": {"one_of": [8, 16]},
        "depth": 1,
        "heads": 2,
        "patch": 12,
    },
    "objective": {"name": "forecast", "lookback": 48, "horizon": 12},
    "training": {"epochs": 2, "batch_size": 16, "lr": {"float": [1e-3, 1e-2], "log": True}},
}


def study(**more: Any) -> Definition:
    told = {"study": "tiny", "question": "?", "config": CONFIG, "budget": {"trials": 3}, "sampler": "random"}
    return define({**told, "confirmation": {"finalists": 1, "seeds": 2}, **more}, "tiny")


class Asked:
    """What a trial needs of Optuna: fixed values, and a list of what was reported."""

    def __init__(self, *, ticket: int = 0, prune_at: int | None = None, **params: Any) -> None:
        self.params = {"encoder.width": 8, "training.lr": 0.004, **params}
        self.user_attrs: dict[str, Any] = {"ticket": ticket}
        self.reported: dict[int, float] = {}
        self.prune_at = prune_at

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        assert self.params[name] in choices
        return self.params[name]

    def suggest_float(self, name: str, low: float, high: float, **_: Any) -> float:
        assert low <= self.params[name] <= high
        return float(self.params[name])

    def set_user_attr(self, name: str, value: Any) -> None:
        self.user_attrs[name] = value

    def report(self, value: float, step: int) -> None:
        self.reported[step] = value

    def should_prune(self) -> bool:
        return self.prune_at is not None and max(self.reported) >= self.prune_at


def run(definition: Definition, trial: Any, folder: Path) -> Any:
    return run_trial(definition, folder, None, trial, folder / "trials" / str(trial.user_attrs["ticket"]))


def test_a_value_is_the_validation_error_over_that_of_a_ridge(tmp_path: Path) -> None:
    tasks = {"short": {}, "long": {"objective": {"horizon": 24}}}
    definition, trial = study(tasks=tasks, seeds=2), Asked()
    value = run(definition, trial, tmp_path)
    below = json.loads((tmp_path / BASELINES).read_text())
    ratios = {}
    for task in tasks:
        errors = [-kept_score(Run(tmp_path / "trials" / "0" / task / str(k))) for k in range(2)]
        ratios[task] = math.sqrt(math.prod(error / below[task] for error in errors))
    assert trial.user_attrs["tasks"] == pytest.approx(ratios)
    assert value == pytest.approx(math.sqrt(math.prod(ratios.values())))
    assert list(trial.reported) == [1, 2, 3, 4, 5, 6, 7, 8]  # two epochs of four runs
    assert trial.user_attrs["seconds"] > 0
    assert 0 <= trial.user_attrs["overhead"] < 30
    files = {path.name for path in (tmp_path / "trials" / "0" / "short" / "0").iterdir()}
    assert "intervals.npz" not in files  # what only a reader wants is not made for every trial


def test_a_trial_on_recordings_is_judged_by_the_probe_of_the_last_epoch(tmp_path: Path) -> None:
    config = {**TINY, "objective": "simclr", "encoder": {**TINY["encoder"], "hidden": {"one_of": [4, 8]}}}
    definition, trial = study(config=config), Asked(**{"encoder.hidden": 4})
    value = run(definition, trial, tmp_path)
    trained = Run(tmp_path / "trials" / "0" / "run" / "0")
    logged = {r["epoch"]: r["score"] for r in records(trained) if r["kind"] == "validation"}
    assert trained.config.training.keep == "last"
    assert value == trial.reported[2] == logged[2]  # no label chose an epoch, though trials are compared
    assert trial.reported == {1: logged[1], 2: logged[2]}


def test_seeds_differ_by_ticket_and_run_and_come_back(tmp_path: Path) -> None:
    definition = study()
    seeds = {(t, k): run_seed(definition, Asked(ticket=t), k) for t in range(3) for k in range(2)}  # type: ignore[arg-type]  # a stand-in
    assert len(set(seeds.values())) == 6
    assert run_seed(definition, Asked(ticket=1), 1) == seeds[1, 1]  # type: ignore[arg-type]  # a stand-in
    run(definition, Asked(ticket=1), tmp_path)
    assert Run(tmp_path / "trials" / "1" / "run" / "0").config.seed == seeds[1, 0]


def test_an_attempt_resumes_in_the_folder_of_the_one_before(tmp_path: Path) -> None:
    definition, first = study(), Asked()
    value = run(definition, first, tmp_path)
    folder = tmp_path / "trials" / "0" / "run" / "0"
    made = (folder / "encoder.safetensors").stat().st_mtime_ns
    again = Asked()
    assert run(definition, again, tmp_path) == value
    assert (folder / "encoder.safetensors").stat().st_mtime_ns == made
    assert again.reported == first.reported
    other = Asked(**{"encoder.width": 16})
    assert run(definition, other, tmp_path) != value
    assert Run(folder).config.encoder.width == 16


def test_a_trial_that_is_not_worth_its_end_stops(tmp_path: Path) -> None:
    definition = study(pruner="median")
    with pytest.raises(optuna.TrialPruned):
        run(definition, Asked(prune_at=1), tmp_path)
    wilcoxon = study(pruner="wilcoxon", tasks={"a": {}, "b": {}, "c": {}})
    trial = Asked(ticket=1, prune_at=1)
    with pytest.raises(optuna.TrialPruned):
        run(wilcoxon, trial, tmp_path)
    assert list(trial.reported) == [0, 1]  # a value for each task that ended


@pytest.mark.parametrize(("pruner", "last"), [("median", 4), ("wilcoxon", 1)])
def test_a_trial_that_came_to_its_end_is_not_thrown_away(pruner: str, last: int, tmp_path: Path) -> None:
    definition = study(pruner=pruner, tasks={"a": {}, "b": {}})
    trial = Asked(prune_at=last)
    assert math.isfinite(run(definition, trial, tmp_path))
    assert max(trial.reported) == last


def test_two_goals_are_the_score_and_the_seconds(tmp_path: Path) -> None:
    trial = Asked()
    score, seconds = run(study(goals=["score", "seconds"]), trial, tmp_path)
    assert seconds == trial.user_attrs["seconds"]
    assert math.isfinite(score)
    assert not trial.reported


def finished(tmp_path: Path, **more: Any) -> Study:
    """A study with made-up values and no runs."""
    begun = begin(
        study(presets={"plain": {"encoder.width": 8, "training.lr": 0.005}}, **more), folder=tmp_path / "s"
    )
    with begun.opened() as opened:
        for value in (0.9, 0.8, 0.7):
            trial = opened.ask()
            begun.definition.space.draw(
                lambda p, trial=trial: (
                    trial.suggest_categorical(p.name, p.range.choices)
                    if p.range.choices
                    else trial.suggest_float(p.name, p.range.low, p.range.high, log=p.range.log)
                )
            )
            opened.tell(trial, value)
    return begun


def test_a_study_whose_trials_would_see_some_hours_of_the_day_is_refused(tmp_path: Path) -> None:
    hourly = {**CONFIG, "window": {"hop_steps": 8}}
    with pytest.raises(ConfigError, match=r"at 3 of the 24 steps of a season .* window.hop_steps 7 begins"):
        begin(study(config=hourly), folder=tmp_path / "s")
    assert not (tmp_path / "s").exists()


def test_finalists_are_the_best_by_validation_and_the_presets(tmp_path: Path) -> None:
    begun = finished(tmp_path)
    with begun.opened() as opened:
        chosen = finalists(begun.definition, opened)
    assert [(f.label, f.rank, f.value) for f in chosen] == [("trial 2", 1, 0.7), ("plain", 3, 0.9)]


@pytest.mark.long
def test_confirmation_uses_fresh_seeds_and_the_test_part_and_is_made_once(tmp_path: Path) -> None:
    begun = finished(tmp_path)
    with begun.opened() as opened:
        found = confirm(begun.definition, opened, begun.folder, root=None, workers=1)
        again = confirm(begun.definition, opened, begun.folder, root=None, workers=1)
        assert [trial.values for trial in opened.trials] == [[0.9], [0.8], [0.7]]  # nothing is returned
    rows = found.rows
    controls = {f"random initialisation of {name}" for name in ("trial 2", "plain")}  # of other widths
    assert set(rows["finalist"]) >= {"trial 2", "plain", "ridge-nlinear", *controls}
    own = rows[(rows["finalist"] == "trial 2") & (rows["metric"] == "mse")]
    assert len(own) == 2
    assert own["test"].nunique() == 2
    assert (own["interval_low"] < own["test"].mean()).all()
    assert own["validation"].notna().all()
    assert set(own["against"]) == {"random initialisation of trial 2"}
    start = rows[(rows["finalist"] == own["against"].iloc[0]) & (rows["metric"] == "mse")]
    paired = own["minus_random"]
    assert paired.tolist() == pytest.approx([own["test"].mean() - start["test"].mean()] * 2)
    assert (own["minus_random_low"] <= paired).all()
    assert (paired <= own["minus_random_high"]).all()
    assert start["minus_random"].isna().all()
    seeds = {Run(path.parent).config.seed for path in begun.folder.glob("confirmation/*/run/*/config.yaml")}
    assert len(seeds) == 2
    assert not seeds & {run_seed(begun.definition, Asked(ticket=t), 0) for t in range(3)}  # type: ignore[arg-type]  # a stand-in
    assert again.rows["test"].tolist() == pytest.approx(rows["test"].tolist())
    assert read_confirmation(begun.definition, begun.folder) is not None


class Here:
    """Stands in for a pool of processes."""

    def map(self, job: Any, given: Any) -> list[Any]:
        return [job(one) for one in given]


def test_a_confirmation_that_the_study_has_left_behind_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tsrep.studies.confirm.confirmation.pool", lambda _workers: nullcontext(Here()))
    begun = finished(tmp_path, confirmation={"finalists": 1, "seeds": 1, "presets": False})
    with begun.opened() as opened:
        confirm(begun.definition, opened, begun.folder, root=None, workers=1)
        note = begun.folder / "confirmation" / "finalists.json"
        told = json.loads(note.read_text())
        assert told.pop("rounds") == 1
        note.write_text(json.dumps(told))  # as earlier versions wrote it
        found = read_confirmation(begun.definition, begun.folder, opened)
        assert found is not None
        assert (found.rounds, found.current) == (1, True)
        add_trials(begun, 4)
        trial = opened.ask()
        trial.suggest_categorical("encoder.width", [8, 16])
        trial.suggest_float("training.lr", 1e-3, 1e-2, log=True)
        opened.tell(trial, 0.6)
    text = report(begun).with_name("report.md").read_text()
    assert "(trial 3)" in text
    assert "On test, trial 2 (first by validation when finalists were confirmed)" in text
    assert "finalists of the study are others by now" in text
    with begun.opened() as opened:
        again = confirm(begun.definition, opened, begun.folder, root=None, workers=1)
    assert (again.rounds, again.current) == (2, True)
    text = report(begun).with_name("report.md").read_text()
    assert "On test, trial 3 (first by validation) reaches" in text
    assert "test was scored 2 times" in text


def test_a_study_without_a_complete_trial_has_no_finalists(tmp_path: Path) -> None:
    begun = begin(study(), folder=tmp_path / "s")
    with begun.opened() as opened, pytest.raises(RunError, match="no complete trial"):
        finalists(begun.definition, opened)


def test_a_name_clash_is_one_sentence_in_folder_and_storage(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/db.sqlite"
    begin(study(), folder=tmp_path / "one", storage=storage)
    joined = begin(study(budget={"trials": 5}), folder=tmp_path / "two", storage=storage)
    with joined.opened() as opened:
        assert len(opened.trials) == 5
    other = study(seed=1)
    for folder in ("one", "three"):
        with pytest.raises(ConfigError, match="has a study tiny with other ranges"):
            begin(other, folder=tmp_path / folder, storage=storage)
    assert not (tmp_path / "three").exists()


def test_a_folder_that_is_taken_leaves_nothing_in_the_storage(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/db.sqlite"
    (tmp_path / "notes.txt").touch()
    with pytest.raises(RunError, match="is taken"):
        begin(study(), folder=tmp_path, storage=storage)
    assert not (tmp_path / "db.sqlite").exists()


def test_a_study_is_opened_again_as_it_was_begun(tmp_path: Path) -> None:
    begun = begin(study(), folder=tmp_path / "s")
    found = open_study(tmp_path / "s")
    assert found.definition.digest == begun.definition.digest
    with pytest.raises(RunError, match="not the folder of a study"):
        open_study(tmp_path / "elsewhere")


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
