"""What does a contrast add to a forecaster? ETTh1 and ETTh2, multivariate, seven horizons, three seeds.

One command makes ``docs/results/forecasting.md``; finished runs and scores are kept and used again::

    .venv/bin/python studies/forecasting.py --root DIR

``DIR`` holds ``ETTh1.csv`` and ``ETTh2.csv``. A small patch transformer is trained on the error alone and,
from the same start on the same batches, with a contrast beside it; which contrast, its weight and temperature
are chosen on the validation months of both series with a seed of their own. The published combination of
Informer's encoder and MoCo stands beside them, on a short budget. Test months choose nothing here; the page
says what was seen of them before. About two hours of one core.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from forecasting_page import Cell, Study, page
from kept_runs import kept_run
from results_page import write_page

from tsrep.evaluation.forecasts.direct import Forecast, FrozenFeatures, direct_scores
from tsrep.evaluation.forecasts.look_backs import forecast_of, frozen_features_of
from tsrep.evaluation.labels.scoring import RANDOM_INIT
from tsrep.evaluation.scores import Scores
from tsrep.runs.build import new_encoder
from tsrep.runs.config import Configuration, configure, merged
from tsrep.runs.folder import Run
from tsrep.runs.prepare_series import PreparedSeries
from tsrep.runs.task import prepare

SERIES = ("etth1", "etth2")
HORIZONS = (24, 48, 96, 168, 192, 336, 720)
LOOKBACK = 336
TUNING_SEED, TUNING_HORIZON = 100, 96
ALONE, JOINT, INFORMER = "patch transformer", "patch transformer + contrast", "informer + moco"
RANDOM_STARTS = 3  # of the untrained encoder

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
            "guard": 0,
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


def main() -> None:
    """Train what is missing, score all, write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, required=True, help="folder of the series")
    parser.add_argument("--runs", type=Path, default=Path("runs/forecasting"), help="folder of the runs")
    parser.add_argument("--out", type=Path, default=Path("docs/results/forecasting.md"), help="page to write")
    parser.add_argument("--series", nargs="+", default=list(SERIES), choices=SERIES)
    parser.add_argument("--horizons", nargs="+", type=int, default=list(HORIZONS), choices=HORIZONS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2, help="runs at a time, one thread each")
    options = parser.parse_args()
    with ProcessPoolExecutor(options.workers, get_context("spawn")) as pool:
        trials = _tune(options, pool)
        chosen = _best(trials)
        jobs = list(_jobs(options, CONTRASTS[chosen]))
        list(pool.map(_train, jobs))
        cells = list(pool.map(_score, _cells(options, jobs)))
    study = Study(
        settings={"patch": PATCH, "published": PUBLISHED, "tuning": TUNING_HORIZON},
        budget={name: _budget(jobs, name) for name in (ALONE, JOINT, INFORMER)},
        trials=trials,
        chosen=chosen,
        cells=tuple(cells),
        runs={
            (series, horizon): _folders(jobs, JOINT, series, horizon)
            for series in options.series
            for horizon in options.horizons
        },
        names=(ALONE, JOINT, INFORMER),
    )
    write_page(options.out, page(study))


def _tune(options: argparse.Namespace, pool: Executor) -> dict[str, dict[str, float]]:
    """Validation error of every candidate on every series; "none" is the error alone."""
    candidates = {"none": None} | CONTRASTS
    jobs = {
        (name, series): (
            options.runs / series / "tuning" / _plain(name),
            options.root.resolve(),
            series,
            TUNING_SEED,
            patched(TUNING_HORIZON, contrast),
        )
        for name, contrast in candidates.items()
        for series in options.series
    }
    list(pool.map(_train, jobs.values()))
    return {
        name: {series: validation(jobs[name, series][0]) for series in options.series} for name in candidates
    }


def _best(trials: Mapping[str, Mapping[str, float]]) -> str:
    """The contrast with the least geometric mean of validation errors; "none" is there to compare."""
    means = {name: sum(map(math.log, errors.values())) for name, errors in trials.items() if name != "none"}
    return min(means, key=means.__getitem__)


def _jobs(options: argparse.Namespace, contrast: Mapping[str, Any]) -> Iterator[Job]:
    root = options.root.resolve()
    for horizon in sorted(options.horizons, reverse=True):  # the longest first, so that no worker is idle
        for series in options.series:
            found = {ALONE: patched(horizon), JOINT: patched(horizon, contrast)}
            if horizon in LOOKBACKS[series]:
                found[INFORMER] = published(series, horizon)
            for name, values in found.items():
                for seed in range(options.seeds):
                    folder = options.runs / series / str(horizon) / _plain(name) / str(seed)
                    yield folder, root, series, seed, values


def _folders(jobs: Sequence[Job], name: str, series: str, horizon: int) -> list[Path]:
    """Runs of all seeds."""
    wanted = _plain(name), str(horizon)
    return [job[0] for job in jobs if job[2] == series and (job[0].parts[-2], job[0].parts[-3]) == wanted]


def _cells(
    options: argparse.Namespace, jobs: Sequence[Job]
) -> Iterator[tuple[str, int, Path, dict[str, list[Path]]]]:
    for horizon in sorted(options.horizons):
        for series in options.series:
            runs = {name: _folders(jobs, name, series, horizon) for name in (ALONE, JOINT, INFORMER)}
            yield series, horizon, options.runs / series / str(horizon), runs


def _score(told: tuple[str, int, Path, dict[str, list[Path]]]) -> Cell:
    """Scores of one series at one horizon, made once."""
    series, horizon, folder, runs = told
    torch.set_num_threads(1)
    ours = _scores(folder / "scores", {name: runs[name] for name in (ALONE, JOINT)}, random=True)
    theirs = _scores(folder / "scores-published", {INFORMER: runs[INFORMER]}) if runs[INFORMER] else None
    return Cell(series, horizon, ours, theirs)


def _scores(folder: Path, runs: Mapping[str, Sequence[Path]], *, random: bool = False) -> Scores:
    finished = max((path / "encoder.safetensors").stat().st_mtime for each in runs.values() for path in each)
    seeds = max(map(len, runs.values()))
    stored = folder / "forecast.json"
    if stored.exists() and stored.stat().st_mtime > finished:
        scores = Scores.load(folder)
        if max(score.seeds for score in scores) == seeds:
            return scores
    first = Run(next(iter(runs.values()))[0])
    prepared = prepare(first.config, progress=False)
    assert isinstance(prepared, PreparedSeries)
    device, instances = torch.device("cpu"), prepared.instances
    forecaster = first.forecaster()

    def said(paths: Sequence[Path]) -> Iterator[Forecast]:
        for path in paths:
            yield forecast_of(Run(path).forecaster(), instances, device)

    def starts() -> Iterator[FrozenFeatures]:
        for seed in range(RANDOM_STARTS):
            start = new_encoder(first.config, prepared.panel, seed)  # where the runs of that seed started
            yield frozen_features_of(start, forecaster.objective, instances, device)

    scores = direct_scores(
        {name: said(paths) for name, paths in runs.items()},
        {RANDOM_INIT: starts()} if random else {},
        instances,
        prepared.spans,
        first.config.evaluation.forecast,
        horizon=forecaster.horizon,
        lookback=forecaster.lookback,
        control=next(iter(runs)),
    )
    scores.save(folder)
    print(f"scored {folder}", flush=True)
    return scores


def _plain(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-." else "_" for c in name)


def _configuration(root: Path, dataset: str, seed: int, values: Mapping[str, Any]) -> Configuration:
    told = {"dataset": {"name": dataset, "calendar": False}, "root": str(root), "device": "cpu", "seed": seed}
    return configure(merged(values, told))


def _train(job: Job) -> None:
    path, root, dataset, seed, values = job
    torch.set_num_threads(1)
    kept_run(path, _configuration(root, dataset, seed, values))


def validation(path: Path) -> float:
    """Least validation error of a run, that of the kept weights."""
    records = map(json.loads, (path / "metrics.jsonl").read_text(encoding="utf-8").splitlines())
    return min(-r["score"] for r in records if r["kind"] == "validation" and r["epoch"] > 0)


def _budget(jobs: Sequence[Job], name: str) -> dict[str, float]:
    """Steps and minutes of the runs of a method."""
    found = [Run(job[0]).provenance for job in jobs if job[0].parts[-2] == _plain(name)]
    steps = [facts["training"]["steps"] for facts in found]
    if not steps:
        return {}
    return {
        "runs": len(found),
        "least": min(steps),
        "most": max(steps),
        "minutes": sum(facts["seconds"] for facts in found) / 60,
    }


if __name__ == "__main__":
    main()
