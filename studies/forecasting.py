"""What does a contrast add to a forecaster? ETTh1 and ETTh2, multivariate, seven horizons, three seeds.

One command makes ``docs/results/forecasting.md``; finished runs and scores are kept and used again::

    .venv/bin/python studies/forecasting.py --root DIR

``DIR`` holds ``ETTh1.csv`` and ``ETTh2.csv``. A small patch transformer is trained on the error alone and,
from the same weights on the same batches, with a contrast beside it; which contrast, its weight and
temperature are chosen on the validation months of both series with a seed of their own. The published
combination of Informer's encoder and MoCo stands beside them, on a short budget. Test months choose nothing
here; the page says what was seen of them before. About two hours of one core.
"""

from __future__ import annotations

import math
from argparse import Namespace
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from typing import Any

from forecasting_page import Cell, Study, page
from kept_runs import command_line, folder_name, kept_run, kept_score, one_thread_workers
from results_page import write_page

from tsrep.evaluation.scores import Scores
from tsrep.runs.config import Configuration, configure, merged
from tsrep.runs.folder import Run
from tsrep.studies.confirm.final_scores import candidates

SERIES = ("etth1", "etth2")
HORIZONS = (24, 48, 96, 168, 192, 336, 720)
LOOKBACK = 336
TUNING_SEED, TUNING_HORIZON = 100, 96
ALONE, JOINT, INFORMER = "patch transformer", "patch transformer + contrast", "informer + moco"

PATCH: dict[str, Any] = {
    "encoder": {"name": "patch-transformer", "width": 64, "patch": 24, "stride": 24, "depth": 2, "heads": 4},
    "objective": {"name": "forecast", "lookback": LOOKBACK, "head": {"name": "flatten", "dropout": 0.4}},
    "window": {"hop_steps": 5},
    "training": {"epochs": 5, "batch_size": 32, "lr": 2e-3, "ema_decay": 0.95, "log_every": 25},
}
CONTRASTS: dict[str, dict[str, Any]] = {
    "moco, weight 0.1": {"contrast": {"name": "moco", "momentum": 0.99}, "weight": 0.1},
    "moco, weight 0.03": {"contrast": {"name": "moco", "momentum": 0.99}, "weight": 0.03},
    "moco, weight 0.1, temperature 0.5": {
        "contrast": {"name": "moco", "momentum": 0.99, "temperature": 0.5},
        "weight": 0.1,
    },
    "simclr, weight 0.03": {"contrast": "simclr", "weight": 0.03},
    "ts2vec, weight 0.03": {"contrast": "ts2vec", "weight": 0.03},
}
# Network, loss and rate as published. Not so: the number of steps, a cosine rate, no dropout, keys that are
# augmented for each sample; and the queue is normalised along the right axis and moves in training alone.
PUBLISHED: dict[str, Any] = {
    "encoder": {"name": "informer", "positions": "none", "measure": "published"},
    "objective": {
        "name": "forecast",
        "norm": "none",
        "mixing": "mixed",
        "head": "position-wise",
        "weight": 0.5,
        "contrast": {
            "name": "moco",
            "temperature": 1.0,
            "exclusion_zone": 0,
            "views": "key",
            "hidden": 320,
            "projection": 320,
        },
    },
    "training": {
        "epochs": 3,
        "batch_size": 16,
        "lr": 1e-3,
        "weight_decay": 0.0,
        "clip": None,
        "average": "none",
        "log_every": 25,
    },
}


# Look-back of the published runs at each horizon, and steps from one training window to the next, which keep
# a run to a few minutes.
LOOKBACKS = {
    "etth1": {24: 48, 48: 96, 168: 168, 336: 336, 720: 720},
    "etth2": {24: 48, 48: 96, 168: 336, 336: 336, 720: 720},
}
HOPS = {48: 13, 96: 13, 168: 23, 336: 31, 720: 47}  # by look-back
Job = tuple[Path, Path, str, int, Mapping[str, Any]]  # folder, data, series, seed, settings


def patched(horizon: int, contrast: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Settings of the patch transformer."""
    return merged(PATCH, {"objective": {"horizon": horizon, **(contrast or {})}})


def published(series: str, horizon: int) -> dict[str, Any]:
    """Settings of Informer's encoder with MoCo."""
    lookback = LOOKBACKS[series][horizon]
    own = {"lookback": lookback, "horizon": horizon}
    return merged(PUBLISHED, {"objective": own, "window": {"hop_steps": HOPS[lookback]}})


def methods(series: str, horizon: int, contrast: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Settings of every trained row of a table, by name."""
    found = {ALONE: patched(horizon), JOINT: patched(horizon, contrast)}
    if horizon in LOOKBACKS[series]:
        found[INFORMER] = published(series, horizon)
    return found


def main() -> None:
    """Train what is missing, score all, write the page."""
    parser = command_line(__doc__, "forecasting", page="forecasting.md", seeds=3)
    parser.add_argument("--series", nargs="+", default=list(SERIES), choices=SERIES)
    parser.add_argument("--horizons", nargs="+", type=int, default=list(HORIZONS), choices=HORIZONS)
    options = parser.parse_args()
    longest_first = sorted(options.horizons, reverse=True)  # so that no worker is left with a long run
    with one_thread_workers(options.workers) as pool:
        trials = _tune(options, pool)
        chosen = _best(trials)
        settings = {
            (series, horizon): methods(series, horizon, CONTRASTS[chosen])
            for horizon in longest_first
            for series in options.series
        }
        folders = {cell: options.runs / cell[0] / str(cell[1]) for cell in settings}
        paths = {
            cell: {
                name: [folders[cell] / folder_name(name) / str(seed) for seed in range(options.seeds)]
                for name in of
            }
            for cell, of in settings.items()
        }
        jobs = [
            (path, options.root, cell[0], seed, settings[cell][name])
            for cell, of in paths.items()
            for name, each in of.items()
            for seed, path in enumerate(each)
        ]
        list(pool.map(_train, jobs))
        scores = list(pool.map(_score, folders.values(), paths.values()))
    cells = [
        Cell(*cell, *found, {name: list(map(Run, each)) for name, each in paths[cell].items()})
        for cell, found in zip(settings, scores, strict=True)
    ]
    study = Study(
        settings={"patch": PATCH, "published": PUBLISHED, "tuning": TUNING_HORIZON},
        trials=trials,
        chosen=chosen,
        cells=tuple(sorted(cells, key=lambda cell: cell.horizon)),
        names=(ALONE, JOINT, INFORMER),
    )
    write_page(options.out, page(study))


def _tune(options: Namespace, pool: Executor) -> dict[str, dict[str, float]]:
    """Validation error of every candidate on every series; "none" is the error alone."""
    jobs: dict[tuple[str, str], Job] = {
        (name, series): (
            options.runs / series / "tuning" / folder_name(name),
            options.root,
            series,
            TUNING_SEED,
            patched(TUNING_HORIZON, contrast),
        )
        for name, contrast in ({"none": None} | CONTRASTS).items()
        for series in options.series
    }
    list(pool.map(_train, jobs.values()))
    errors: dict[str, dict[str, float]] = {}
    for (name, series), job in jobs.items():
        errors.setdefault(name, {})[series] = -kept_score(Run(job[0]))
    return errors


def _best(trials: Mapping[str, Mapping[str, float]]) -> str:
    """The contrast with the least geometric mean of validation errors; "none" is there to compare."""
    means = {name: sum(map(math.log, errors.values())) for name, errors in trials.items() if name != "none"}
    return min(means, key=means.__getitem__)


def _score(folder: Path, paths: Mapping[str, Sequence[Path]]) -> tuple[Scores, Scores | None]:
    """Scores of one series at one horizon: at one look-back for all, and at the published one."""
    ours = _scores(folder / "scores", {name: paths[name] for name in (ALONE, JOINT)})
    theirs = _scores(folder / "scores-published", {INFORMER: paths[INFORMER]}) if INFORMER in paths else None
    return ours, theirs


def _scores(folder: Path, paths: Mapping[str, Sequence[Path]]) -> Scores:
    """Scores of runs, the first method being what others are compared with; made once."""
    finished = max((path / "encoder.safetensors").stat().st_mtime for each in paths.values() for path in each)
    stored, control = folder / "scores.json", next(iter(paths))
    if stored.exists() and stored.stat().st_mtime > finished:
        scores = Scores.load(folder)
        if next(iter(scores.where(method=control))).seeds == len(paths[control]):
            return scores
    runs = {name: list(map(Run, each)) for name, each in paths.items()}
    task = runs[control][0].task
    prepared = task.prepare(progress=False)
    evaluation = task.comparison(prepared, [run.config for each in runs.values() for run in each])
    compared = candidates(runs, prepared.panel)
    if control == INFORMER:
        compared = [each for each in compared if each.role == "method"]
    scores = task.score(compared, replace(evaluation, control=control))
    scores.save(folder)
    print(f"scored {folder}", flush=True)
    return scores


def _configuration(root: Path, series: str, seed: int, values: Mapping[str, Any]) -> Configuration:
    told = {"dataset": {"name": series, "calendar": False}, "root": str(root), "device": "cpu", "seed": seed}
    return configure(merged(values, told))


def _train(job: Job) -> None:
    path, *told = job
    kept_run(path, _configuration(*told))


if __name__ == "__main__":
    main()
