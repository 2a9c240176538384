"""Learned augmentation on nine UCR and UEA problems, beside fixed views and what was never trained.

One command makes ``docs/results/ucr.md`` and its plots; finished runs are kept and used again::

    .venv/bin/python studies/ucr_classification.py --root DIR

``DIR`` holds a folder for each problem with its train and test file. Every method trains the same small
encoder from the same random initialisations for the same number of steps on the official train part, without
labels; an SVM and a logistic regression on its frozen features are then fitted on that part and scored on the
official test part. A fifth of the train part chooses the checkpoint and the fixed view, and is given back to
both.

Cost: with three seeds about 110 runs and 20 to 35 minutes of two cores, one thread a worker.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from kept_runs import command_line, kept_run, kept_score, one_thread_workers
from sklearn.neighbors import KNeighborsClassifier
from ucr_page import NEIGHBOUR, write_page

from tsrep.evaluation.labels.evaluation import LabelEvaluation
from tsrep.evaluation.labels.scoring import Scoring
from tsrep.evaluation.scores import Scores
from tsrep.runs.config import Configuration, configure, merged
from tsrep.runs.folder import Run
from tsrep.runs.task import prepare, task_of
from tsrep.signals import Panel
from tsrep.studies.confirm.final_scores import candidates

# the slowest first, so that no worker is left with a long run at the end
SETS = (
    "AtrialFibrillation",
    "OSULeaf",
    "ArrowHead",
    "Epilepsy",
    "GunPoint",
    "BasicMotions",
    "ECG200",
    "JapaneseVowels",
    "ItalyPowerDemand",
)
STEPS = 200
VALIDATIONS = 6
BASE: dict[str, Any] = {
    "device": "cpu",
    "encoder": {"name": "dilated-conv", "hidden": 32, "dim": 128, "depth": 6},
    "training": {"batch_size": 8, "lr": 1e-3, "log_every": 50, "keep": "probe"},
    "evaluation": {"protocols": ["svm", "logistic"], "labels": [1.0]},
}
METHODS: dict[str, dict[str, Any]] = {
    "autotcl": {"objective": "autotcl"},
    "ts2vec": {"objective": "ts2vec"},
}
VIEWS = ("jitter", "cut-out", "window-warp", "random-choice")
FIXED = "fixed-view"
Job = tuple[Path, Path, str, str, int]  # runs, data, problem, method, seed


def main() -> None:
    """Train what is missing, choose the fixed views, score all, write the page."""
    parser = command_line(__doc__, "ucr", page="ucr.md", seeds=3)
    parser.add_argument("--sets", nargs="+", default=SETS, choices=SETS, help="problems, by default all nine")
    parser.add_argument("--methods", nargs="+", default=[*METHODS, FIXED], choices=[*METHODS, FIXED])
    parser.add_argument("--views", nargs="+", default=VIEWS, help="fixed views to choose from")
    options = parser.parse_args()
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ[f"{library}_NUM_THREADS"] = "1"  # of the workers, which start afresh
    began, sets = time.monotonic(), list(options.sets)
    with one_thread_workers(options.workers) as pool:

        def train(methods: Iterable[str], seeds: Iterable[int], of: Iterable[str]) -> None:
            chosen = [(options.runs, options.root, p, m, s) for p in of for m in methods for s in seeds]
            list(pool.map(_train, chosen))

        train([m for m in options.methods if m in METHODS], range(options.seeds), sets)
        views: dict[str, str] = {}
        if FIXED in options.methods:
            train([f"{FIXED}-{view}" for view in options.views], [0], sets)
            views = {p: _best_view(options.runs, p, options.views) for p in sets}
            for problem, view in views.items():
                train([f"{FIXED}-{view}"], range(1, options.seeds), [problem])
        jobs = [
            (options.runs, options.root, p, _folders(options.methods, views.get(p)), options.seeds)
            for p in sets
        ]
        scores = dict(zip(sets, pool.map(_score, jobs), strict=True))
    stems = [f"{p}-{m}-" for p in sets for m in (*METHODS, *(f"{FIXED}-{view}" for view in options.views))]
    files = sorted(options.runs.glob("*/encoder.safetensors"))
    runs = [Run(file.parent) for file in files if file.parent.name.startswith(tuple(stems))]
    write_page(options.out, scores, views, runs, seeds=options.seeds, steps=STEPS)
    print(f"{(time.monotonic() - began) / 60:.1f} minutes")


def _configuration(root: Path, problem: str, method: str, seed: int) -> Configuration:
    """As many epochs as make ``STEPS`` steps of the train part."""
    own = METHODS.get(method) or {"objective": {"name": FIXED, "view": method.removeprefix(f"{FIXED}-")}}
    data = {"dataset": {"name": "ucr-uea", "problem": problem}, "root": str(root), "seed": seed}
    values = merged(merged(BASE, own), data)
    config = configure(values)
    steps = -(-len(prepare(config, progress=False).split.train) // config.training.batch_size)
    epochs = -(-STEPS // steps)
    changed = {"epochs": epochs, "validate_every": max(1, epochs // VALIDATIONS)}
    return configure(merged(values, {"training": changed}))


def _train(job: Job) -> None:
    folder, root, problem, method, seed = job
    kept_run(folder / f"{problem}-{method}-{seed}", _configuration(root, problem, method, seed))


def _best_view(folder: Path, problem: str, views: Iterable[str]) -> str:
    """By the validation probe of the kept checkpoint, seed 0; of equals the first."""
    return max(views, key=lambda view: kept_score(Run(folder / f"{problem}-{FIXED}-{view}-0")))


def _folders(methods: Iterable[str], view: str | None) -> dict[str, str]:
    """Method as it is called on the page, and as its folders are."""
    return {method: f"{FIXED}-{view}" if method == FIXED else method for method in methods}


def _score(job: tuple[Path, Path, str, Mapping[str, str], int]) -> Scores:
    folder, root, problem, folders, seeds = job
    began = time.monotonic()
    runs = {
        name: [Run(folder / f"{problem}-{stem}-{seed}") for seed in range(seeds)]
        for name, stem in folders.items()
    }
    task = task_of(_configuration(root, problem, "ts2vec", 0))
    prepared = task.prepare(progress=False)
    evaluation = task.comparison(prepared, [run.config for of in runs.values() for run in of])
    scores = task.score(candidates(runs, prepared.panel), evaluation)
    scores += _nearest_neighbour(prepared.records, evaluation)
    print(f"scored {problem} in {time.monotonic() - began:.0f} s", flush=True)
    return scores


def _nearest_neighbour(records: Panel, evaluation: LabelEvaluation) -> Scores:
    """What the nearest series of the train part is, without an encoder."""
    labelled = evaluation.labelled(1.0, "all", validation=True)[:1]
    raw, label = _znormalised(records.x), records.label
    nearest = KNeighborsClassifier(1).fit(raw[labelled[0]], label[labelled[0]])
    prob = np.eye(len(records.classes))[nearest.predict(raw[evaluation.scored])]
    scoring = Scoring(evaluation, NEIGHBOUR, "accuracy", 1.0, "all", labelled)
    return scoring.of(NEIGHBOUR, "baseline", [evaluation.predictions(prob)])


def _znormalised(x: np.ndarray) -> np.ndarray:
    """Each channel of each series with mean 0 and deviation 1, its missing end 0; shape (sample, feature)."""
    mean, deviation = np.nanmean(x, axis=2, keepdims=True), np.nanstd(x, axis=2, keepdims=True)
    filled: np.ndarray = np.nan_to_num((x - mean) / np.where(deviation > 0, deviation, 1))
    return filled.reshape(len(x), -1)


if __name__ == "__main__":
    main()
