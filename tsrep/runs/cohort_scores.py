"""Scores of each cohort of a run on several, beside those of all together."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from tsrep.errors import RunError
from tsrep.evaluation.bootstrap import resample
from tsrep.evaluation.labels.metrics import classes_scored
from tsrep.evaluation.scores import Scores
from tsrep.files import write_json
from tsrep.reading import read_json, readable
from tsrep.signals.panel import Panel

FILE = "cohorts.json"
METRICS = ("auroc", "auprc", "f1", "accuracy")
OF = ("method", "protocol", "fraction", "subsample_by", "part")


def cohort_scores(records: Panel, scores: Scores, n_bootstrap: int, seed: int) -> list[dict[str, Any]]:
    """Scores of the recordings of each cohort; empty where there is one cohort.

    Parameters
    ----------
    records : Panel
        Which says the cohort of each trial.
    scores : Scores
        With the predictions, averaged over seeds.
    n_bootstrap, seed : int
        Of the intervals, over the patients of the cohort.
    """
    if records.cohort is None or len(records.cohort_names) < 2:
        return []
    cohort_of = np.empty(len(records.trials), np.int64)
    cohort_of[np.searchsorted(records.trials, records.trial)] = records.cohort
    found = []
    for key, predictions in scores.predictions.items():
        cohort = cohort_of[np.searchsorted(records.trials, predictions.trial)]
        for c in np.unique(cohort).tolist():
            held = predictions.of(cohort == c)
            intervals = resample([held], n_bootstrap=n_bootstrap, seed=seed, names=METRICS).intervals()
            found.append(
                dict(zip(OF, key, strict=True))
                | {
                    "cohort": records.cohort_names[c],
                    "records": len(held),
                    "patients": len(np.unique(held.patient)),
                    "classes_scored": classes_scored(held.target, held.prob.shape[1], held.known),
                    "metrics": {name: _numbers(each) for name, each in intervals.items()},
                }
            )
    return found


def _numbers(interval: Any) -> list[float | None]:
    """Value and ends, None where undefined."""
    values = (interval.value, interval.low, interval.high)
    return [None if np.isnan(value) else float(value) for value in values]


def keep_cohort_scores(folder: Path, records: Panel, scores: Scores, n_bootstrap: int, seed: int) -> None:
    """Write them into a run's folder; what was scored before and is not scored now stays."""
    found = cohort_scores(records, scores, n_bootstrap, seed)
    if not found:
        return
    now, before = {tuple(each[name] for name in OF) for each in found}, folder / FILE
    kept: list[dict[str, Any]] = []
    try:
        if before.is_file():
            with readable(before, "scores of cohorts", "it is made again from what was scored now"):
                kept = [each for each in read_json(before)["scores"] if tuple(map(each.get, OF)) not in now]
    except RunError as damage:  # all that was scored now must not be lost to it
        print(f"tsrep: {damage}; score the other protocols again to have theirs", file=sys.stderr)
    write_json(before, {"scores": kept + found})
