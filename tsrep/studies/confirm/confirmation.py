"""The best of a study once more: fresh seeds, and the test part, which no trial has seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import optuna
import pandas as pd

from tsrep.errors import RunError
from tsrep.files import write_json, write_text
from tsrep.reading import read_json, readable
from tsrep.rng import numpy_generator
from tsrep.runs.folder import Run
from tsrep.studies.confirm.final_scores import final_scores
from tsrep.studies.confirm.finalists import COLUMNS, Finalists
from tsrep.studies.define.configuration import configuration
from tsrep.studies.define.definition import Definition
from tsrep.studies.define.ranges import Scalar
from tsrep.studies.keep.trial_table import trial_table
from tsrep.studies.work.processes import pool
from tsrep.studies.work.trial import seeded, trained

FOLDER = "confirmation"
ROWS, CHOSEN = "scores.csv", "finalists.json"


@dataclass(frozen=True)
class Finalist:
    """A trial that is trained again.

    Attributes
    ----------
    label : str
        ``"trial 12"``, or the name of its preset.
    rank : int
        Among the complete trials, from 1, by validation.
    origin : str
    point : dict
        As drawn.
    value : float
        Of the study, on validation.
    """

    label: str
    rank: int
    origin: str
    point: dict[str, Scalar]
    value: float


Job = tuple[Finalist, str, int]  # with a task and the number of a seed


def finalists(definition: Definition, study: optuna.Study) -> list[Finalist]:
    """The best complete trials by validation, and the presets that ended, as far as confirmation wants them.

    Raises
    ------
    RunError
        When no trial is complete.
    """
    table, trials = trial_table(study, definition), study.get_trials(deepcopy=False)
    if table.best_first.empty:
        raise RunError(f"study {definition.study} has no complete trial to confirm; run it first")
    settings, chosen, seen = definition.confirmation, list[Finalist](), list[dict[str, Any]]()
    for rank, row in enumerate(table.best_first.to_dict("records"), start=1):
        origin, point = row["origin"], trials[row["number"]].params
        preset = origin.startswith("preset:")
        again = point in seen  # an adaptive sampler may come back to a point
        seen.append(point)
        if not again and (len(chosen) < settings.finalists or (preset and settings.presets)):
            label = origin.removeprefix("preset:") if preset else f"trial {row['ticket']}"
            chosen.append(Finalist(label, rank, origin, dict(point), row["value"]))
    return chosen


def confirm(
    definition: Definition, study: optuna.Study, folder: Path, *, root: Path | None, workers: int
) -> Finalists:
    """Train finalists from fresh seeds and score them on the test part, once.

    What was trained and scored is kept and not done again; a study whose finalists have changed since is
    confirmed anew.

    Parameters
    ----------
    definition : Definition
    study : optuna.Study
        Read only: no score of the test part goes into it.
    folder : Path
        Of the study; ``confirmation`` in it gets the runs, the scores of each task, and ``scores.csv``.
    root : Path or None
        Where the data are, instead of what the definition says.
    workers : int
        Runs at a time, one thread each.

    Raises
    ------
    RunError
        When no trial is complete.
    Interrupted
        When stopped by the user; what is trained is kept.
    """
    chosen = finalists(definition, study)
    place, known = folder / FOLDER, read_confirmation(definition, folder, study)
    if known is not None and known.current:
        return known
    jobs = list(product(chosen, definition.tasks, range(definition.confirmation.seeds)))
    with pool(workers) as processes:
        processes.map(partial(_train, definition, place, root), jobs)
        score = partial(_score, definition, chosen, place, root)
        tables = processes.map(score, list(definition.tasks))
    rows = pd.concat(tables, ignore_index=True)
    write_text(place / ROWS, rows.to_csv(index=False))
    rounds = 1 if known is None else known.rounds + 1
    write_json(place / CHOSEN, _note(definition, chosen) | {"rounds": rounds})
    return Finalists(rows, _settings(definition, chosen), rounds)


def read_confirmation(
    definition: Definition, folder: Path, study: optuna.Study | None = None
) -> Finalists | None:
    """What :func:`confirm` found; None before.

    Parameters
    ----------
    definition : Definition
    folder : Path
        Of the study.
    study : optuna.Study, optional
        As it is now, to tell whether its finalists are still these.
    """
    place = folder / FOLDER
    if not (place / ROWS).exists() or not (place / CHOSEN).exists():
        return None
    with readable(place / ROWS, "scores of finalists", f"remove {place} and confirm again"):
        rows = pd.read_csv(place / ROWS, keep_default_na=False, na_values=[""])
    with readable(place / CHOSEN, "the finalists of a study", f"remove {place} and confirm again"):
        told = read_json(place / CHOSEN)
        chosen = [Finalist(**finalist) for finalist in told["finalists"]]
    rounds = told.pop("rounds", 1)
    current = study is None or told == _note(definition, finalists(definition, study))
    rows["against"] = rows["against"].fillna("")
    return Finalists(
        rows.astype({"task": str, "against": str}), _settings(definition, chosen), rounds, current
    )


def _note(definition: Definition, chosen: Sequence[Finalist]) -> dict[str, Any]:
    """What a confirmation is of."""
    return {"finalists": [vars(finalist) for finalist in chosen], "seeds": definition.confirmation.seeds}


def _settings(definition: Definition, chosen: Sequence[Finalist]) -> dict[str, dict[str, Scalar]]:
    return {finalist.label: definition.space.readable(finalist.point) for finalist in chosen}


def _run(definition: Definition, place: Path, root: Path | None, job: Job) -> Run:
    """A finalist on a task with its k-th fresh seed."""
    finalist, task, k = job
    config = configuration(definition, finalist.point, task)
    seed = int(numpy_generator(definition.seed, "confirmation", k).integers(2**31))
    folder = place / finalist.label.replace(" ", "-") / (task or "run") / str(k)
    return trained(seeded(config, seed, root), folder)


def _train(definition: Definition, place: Path, root: Path | None, job: Job) -> None:
    _run(definition, place, root, job)


def _score(
    definition: Definition, chosen: Sequence[Finalist], place: Path, root: Path | None, task: str
) -> pd.DataFrame:
    """Rows of one task: finalists by seed, then controls."""
    seeds = range(definition.confirmation.seeds)
    runs = {f.label: [_run(definition, place, root, (f, task, k)) for k in seeds] for f in chosen}
    rows = final_scores(runs, place / (f"scores-{task}" if task else "scores"))
    rows["rank"] = rows["finalist"].map({f.label: f.rank for f in chosen})
    rows["origin"] = rows["finalist"].map({f.label: f.origin for f in chosen}).fillna("control")
    rows["task"] = task or runs[chosen[0].label][0].config.dataset.name
    return rows[list(COLUMNS)]
