"""What has come of a study so far: its table of trials, and the report written from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pandas as pd

from tsrep.registry import DATASETS
from tsrep.studies.confirm.confirmation import read_confirmation
from tsrep.studies.define.check import configuration, reference
from tsrep.studies.define.definition import Definition
from tsrep.studies.define.ranges import Range
from tsrep.studies.keep.tickets import progress
from tsrep.studies.page.page import write_study_report
from tsrep.studies.read.trial_table import Axis, TrialTable, trial_table
from tsrep.studies.study import Study

REPORT = "report"
N_BOOTSTRAP = 200


def report(study: Study) -> Path:
    """Write ``report/`` of a study's folder from what its storage says now; returns the page.

    Raises
    ------
    ConfigError, RunError
        When the storage cannot be opened, or the folder cannot be written.
    """
    with study.opened() as opened:
        table, total = table_of(study, opened), progress(opened).total
        found = read_confirmation(study.definition, study.folder, opened if table.count("complete") else None)
    return write_study_report(table, found, _facts(study, total), study.folder / REPORT)


def table_of(study: Study, opened: optuna.Study) -> TrialTable:
    """The trials as they are now; shares are as the configurations have them, and sum to one."""
    definition = study.definition
    axes = [_axis(name, parameter.range) for name, parameter in definition.space.parameters.items()]
    table = trial_table(
        opened,
        axes=axes,
        name=definition.study,
        question=definition.question,
        value_name=_value_name(study),
        baseline=None if study.maximises else 1.0,
    )
    drawn = {trial.number: trial.params for trial in opened.get_trials(deepcopy=False)}
    return replace(table, frame=_with_shares(table.frame, definition, drawn))


def _with_shares(
    frame: pd.DataFrame, definition: Definition, drawn: Mapping[int, Mapping[str, Any]]
) -> pd.DataFrame:
    shares = [name for name, p in definition.space.parameters.items() if p.range.kind == "share"]
    told = {number: definition.space.readable(drawn[number]) for number in frame["number"]}
    for name in shares:
        frame[name] = [told[number].get(name, float("nan")) for number in frame["number"]]
    return frame.astype(dict.fromkeys(shares, float))


def _axis(name: str, found: Range) -> Axis:
    if found.choices:
        return Axis(name, "categorical", found.choices)
    if found.kind == "share":
        return Axis(name, "float", low=0.0, high=1.0)
    return Axis(
        name, "int" if found.kind == "int" else "float", low=found.low, high=found.high, log=found.log
    )


def _value_name(study: Study) -> str:
    tasks, seeds = len(study.definition.tasks), study.definition.seeds
    over = [f"{tasks} tasks"] * (tasks > 1) + [f"{seeds} seeds"] * (seeds > 1)
    if study.maximises:
        return "validation probe AUROC" + (f", mean of {' and '.join(over)}" if over else "")
    return "validation MSE relative to ridge-nlinear" + (
        f", geometric mean of {' and '.join(over)}" if over else ""
    )


def _facts(study: Study, trials: int) -> dict[str, Any]:
    definition = study.definition
    examples = [configuration(definition, reference(definition), task) for task in definition.tasks]
    datasets = list(dict.fromkeys(example.dataset.name for example in examples))
    tasks = [name for name in definition.tasks if name]
    return {
        "definition": study.place.definition.read_text(encoding="utf-8"),
        "synthetic": any(DATASETS.entry(name).cls.about.synthetic for name in datasets),
        "n_bootstrap": N_BOOTSTRAP,
        "data": ", ".join(datasets),
        **({"tasks": ", ".join(tasks)} if tasks else {}),
        "storage": study.place.storage.split(":")[0],
        "sampler": f"{definition.sampler.name}, {definition.sampler.startup} random trials first"
        if definition.sampler.name in ("tpe", "gp")
        else definition.sampler.name,
        "pruner": definition.pruner.name,
        "seeds": f"{definition.seeds} a trial; {definition.confirmation.seeds} fresh ones for finalists",
        "budget": f"{trials} trials",
    }
