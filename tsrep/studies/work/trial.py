"""One trial: a run for every task and seed, judged on validation alone."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import optuna

from tsrep.errors import RunError
from tsrep.files import expanded
from tsrep.reading import read_lines
from tsrep.rng import numpy_generator
from tsrep.runs.config import Configuration
from tsrep.runs.fit import fit
from tsrep.runs.folder import Run
from tsrep.studies.define.check import reference
from tsrep.studies.define.configuration import configuration
from tsrep.studies.define.definition import Definition
from tsrep.studies.work.baseline import baseline
from tsrep.training.hooks import Hook, Plan

BASELINES = "baselines.json"


def mean_score(scores: Sequence[float], *, maximise: bool) -> float:
    """Of several runs: AUROCs are averaged; errors, each divided by its task's baseline, geometrically."""
    # as scipy.stats.gmean, which takes every worker half a second to import
    return float(np.mean(scores) if maximise else np.exp(np.log(scores).mean()))


@dataclass
class Watch(Hook):
    """Reports every validation to the study, and stops a trial that is not worth its end.

    A run that is resumed where another worker was stopped reports first what that one had seen.
    """

    trial: optuna.Trial
    done: Sequence[float]  # scores of the runs before this one
    baseline: float | None
    first: int  # steps reported by the runs before this one
    by_epoch: bool
    until: int  # epoch from which on stopping saves nothing
    seen: set[int] = field(default_factory=set)
    seconds: float = 0.0

    def on_start(self, _plan: Plan) -> None:
        """Note the time."""
        self._began = time.monotonic()

    def on_end(self) -> None:
        """Add up the time, of pre-training too."""
        self.seconds += time.monotonic() - self._began

    def on_record(self, record: dict[str, Any]) -> None:
        """Report a validation.

        Raises
        ------
        optuna.TrialPruned
            When the pruner says so.
        """
        if record["kind"] != "validation" or "score" not in record or record["epoch"] == 0:
            return
        if not self.by_epoch or record["epoch"] in self.seen:
            return
        self.seen.add(record["epoch"])
        score = relative(record["score"], self.baseline)
        value = mean_score([*self.done, score], maximise=self.baseline is None)
        self.trial.report(value, self.first + record["epoch"])
        if record["epoch"] < self.until and self.trial.should_prune():
            raise optuna.TrialPruned


def relative(score: float, below: float | None) -> float:
    """A validation score as a study counts it: as it is, or an error over that of the baseline."""
    return score if below is None else -score / below


def run_trial(
    definition: Definition, study: Path, root: Path | None, trial: optuna.Trial, folder: Path
) -> float | tuple[float, ...]:
    """Train and judge what a trial suggests.

    Parameters
    ----------
    definition : Definition
    study : Path
        Folder of the study, which keeps the baselines.
    root : Path or None
        Where the data are, instead of what the definition says.
    trial : optuna.Trial
        Its user attributes gain ``seconds`` of training, ``overhead`` in seconds, ``parameters`` and
        ``tasks``.
    folder : Path
        Of this trial; unfinished runs in it are resumed.

    Returns
    -------
    float or tuple of float
        The score, and with two goals the seconds of training.

    Raises
    ------
    optuna.TrialPruned
    RunError
        When training diverged.
    Interrupted
        When stopped by the user; the state is saved.
    """
    began = time.monotonic()
    point = definition.space.draw(lambda parameter: parameter.range.suggest(trial, parameter.name))
    single, wilcoxon = len(definition.goals) == 1, definition.pruner.name == "wilcoxon"
    scores: list[float] = []
    told: dict[str, list[float]] = {}
    seconds, spent, step = 0.0, 0.0, 0
    runs = list(product(definition.tasks, range(definition.seeds)))
    for task, k in runs:
        example = seeded(configuration(definition, reference(definition), task), definition.seed, root)
        below = baseline(study / BASELINES, task, example)
        config = judged(seeded(configuration(definition, point, task), run_seed(definition, trial, k), root))
        last = len(scores) == len(runs) - 1
        until = config.training.epochs + (not last)
        watch = Watch(trial, tuple(scores), below, step, single and not wilcoxon, until)
        run = trained(config, folder / (task or "run") / str(k), watch)
        scores.append(relative(kept_score(run), below))
        told.setdefault(task or config.dataset.name, []).append(scores[-1])
        seconds, step = seconds + run.provenance["seconds"], step + config.training.epochs
        spent += watch.seconds
        if single and wilcoxon:
            trial.report(scores[-1], len(scores) - 1)
            if not last and trial.should_prune():
                raise optuna.TrialPruned
    mean = partial(mean_score, maximise=below is None)
    trial.set_user_attr("seconds", seconds)
    trial.set_user_attr("overhead", time.monotonic() - began - spent)
    trial.set_user_attr("parameters", run.provenance["parameters"])
    trial.set_user_attr("tasks", {name: mean(values) for name, values in told.items()})
    return mean(scores) if single else (mean(scores), seconds)


def run_seed(definition: Definition, trial: optuna.Trial, k: int) -> int:
    """Seed of the k-th run of a trial, a function of the study's seed and the ticket."""
    key = (definition.seed, "trial", int(trial.user_attrs["ticket"]), k)
    return int(numpy_generator(*key).integers(2**31))


def seeded(config: Configuration, seed: int, root: Path | None) -> Configuration:
    """The configuration with another seed, and its data where they are for every process."""
    root = root or config.root
    root = None if root is None else expanded(root).resolve()
    return config.model_copy(update={"seed": seed, "root": root})


def judged(config: Configuration) -> Configuration:
    """The configuration with a score at every validation, by which a trial is compared with others."""
    training = config.training.model_copy(update={"log_score": True})
    return config.model_copy(update={"training": training})


def trained(config: Configuration, folder: Path, *hooks: Hook) -> Run:
    """The run of a configuration in a folder: finished, resumed, or made.

    What an attempt with other settings left there, or one that was stopped before it began, is removed.
    """
    run = Run(folder) if (folder / "config.yaml").exists() else None
    if run is None or run.config != config:
        shutil.rmtree(folder, ignore_errors=True)
        return fit(config, out=folder, progress=False, hooks=hooks, illustrate=False)
    for record in records(run):
        for hook in hooks:
            hook.on_record(record)
    return run if run.finished else fit(resume=folder, progress=False, hooks=hooks, illustrate=False)


def records(run: Run) -> list[dict[str, Any]]:
    """Lines of a run's log that are whole."""
    path = run.path / "metrics.jsonl"
    return read_lines(path)[0] if path.exists() else []


def kept_score(run: Run) -> float:
    """Validation score of the weights that a run kept.

    Raises
    ------
    RunError
        When the run was never validated.
    """
    epoch = run.provenance["training"]["epoch"]
    for record in records(run):
        if record["kind"] == "validation" and record["epoch"] == epoch and "score" in record:
            return float(record["score"])
    raise RunError(f"{run.path} has no validation score of epoch {epoch}; remove it and resume the study")
