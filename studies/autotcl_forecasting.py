"""Does learned augmentation help? AutoTCL and what it must beat, on ETTh1 and ETTh2, univariate.

One command makes ``docs/results/autotcl.md``; finished runs are kept and used again::

    .venv/bin/python studies/autotcl_forecasting.py --root DIR

``DIR`` holds ``ETTh1.csv`` and ``ETTh2.csv``. All methods train the same encoder, of the published shape,
from the same random starts, on sections of the training year, and are judged by ridge forecasts. Settings of
``autotcl`` and the view of ``fixed-view`` are chosen on the validation months with a seed of their own; the
test months are scored once. About four hours of one core.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from autotcl_page import page
from kept_runs import kept_run
from results_page import write_page

from tsrep.evaluation.forecasts.representation import encode, forecast_scores
from tsrep.evaluation.labels.scoring import RANDOM_INIT
from tsrep.evaluation.scores import Scores
from tsrep.files import replacing
from tsrep.runs.build import new_encoder
from tsrep.runs.config import Configuration, configure, merged
from tsrep.runs.folder import Run
from tsrep.runs.prepare_series import PreparedSeries
from tsrep.runs.task import prepare

TUNING_SEED = 100
BASE: dict[str, Any] = {
    "device": "cpu",
    "encoder": {"name": "dilated-conv-ar"},
    "window": {"steps": 257},
    "training": {
        "epochs": 20,
        "batch_size": 32,
        "lr": 2e-4,
        "validate_every": 10,
        "log_every": 5,
        "average": "uniform",
    },
}
PAPER: dict[str, dict[str, Any]] = {
    "as it comes": {},
    "lr 5e-4": {"training": {"lr": 5e-4}},
    "temperature 0.2": {"objective": {"form": {"name": "paper", "temperature": 0.2}}},
}
VIEWS = ("jitter", "cut-out", "random-choice")
# The published configurations: one step an epoch, a uniform average that counts the random start, and the
# last weights. Their sections are as long as the training part allows for as many of them.
RELEASED: dict[str, dict[str, Any]] = {
    "etth1": {
        "window": {"steps": 261},
        "objective": {"name": "autotcl", "crop": 257, "form": {"name": "released"}},
        "training": {"epochs": 115, "lr": 3e-5, "batch_size": 32},
    },
    "etth2": {
        "window": {"steps": 540},
        "objective": {
            "name": "autotcl",
            "crop": 512,
            "form": {
                "name": "released",
                "hard_mask": False,
                "gamma_zeta": 0.02,
                "local_weight": 0.1,
                "sparseness": 0.1,
            },
        },
        "training": {"epochs": 80, "lr": 1e-5, "batch_size": 16},
    },
}
TRUNKS = {"etth1": 64, "etth2": 128}
AS_RELEASED: dict[str, Any] = {
    "training": {
        "schedule": "constant",
        "warmup": 0.0,
        "clip": None,
        "average": "uniform",
        "average_includes_init": True,
        "checkpoint": "last",
        "validate_every": 1000,
    }
}


def released(dataset: str, *, frozen: bool) -> dict[str, Any]:
    """Settings of the public code for a series."""
    trunk = {"name": "dilated-conv-ar", "hidden": TRUNKS[dataset], "dim": 16, "depth": 3}
    values = merged(merged(BASE, AS_RELEASED), RELEASED[dataset])
    return merged(values, {"objective": {"trunk": trunk, "frozen": frozen}})


def candidates(method: str) -> dict[str, dict[str, Any]]:
    """Settings among which the validation months choose, by what they are called."""
    if method == "autotcl":
        return {name: merged({"objective": {"name": "autotcl"}}, change) for name, change in PAPER.items()}
    return {view: {"objective": {"name": "fixed-view", "view": {"name": view}}} for view in VIEWS}


def methods(dataset: str, chosen: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Settings of every trained row of the table."""
    paper = candidates("autotcl")[chosen["autotcl"]]
    return {
        "autotcl": merged(BASE, paper),
        "autotcl, augmenter frozen": merged(BASE, merged(paper, {"objective": {"frozen": True}})),
        "released form": released(dataset, frozen=False),
        "released form, augmenter frozen": released(dataset, frozen=True),
        "ts2vec": merged(BASE, {"objective": "ts2vec"}),
        "fixed view": merged(BASE, candidates("fixed-view")[chosen["fixed-view"]]),
    }


def main() -> None:
    """Train what is missing, score all, write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, required=True, help="folder of the series")
    parser.add_argument("--runs", type=Path, default=Path("runs/autotcl"), help="folder of the runs")
    parser.add_argument("--out", type=Path, default=Path("docs/results/autotcl.md"), help="page to write")
    parser.add_argument("--series", nargs="+", default=["etth1", "etth2"], choices=sorted(RELEASED))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2, help="runs at a time, one thread each")
    options = parser.parse_args()
    root = options.root.resolve()
    with ProcessPoolExecutor(options.workers, get_context("spawn")) as pool:
        trials = [
            (options.runs / dataset / "tuning" / method / _plain(name), root, dataset, TUNING_SEED, values)
            for dataset in options.series
            for method in ("autotcl", "fixed-view")
            for name, values in candidates(method).items()
        ]
        list(pool.map(_train, [(*job[:4], merged(BASE, job[4])) for job in trials]))
        chosen = {dataset: _choices(options.runs / dataset / "tuning") for dataset in options.series}
        jobs = [
            (options.runs / dataset / _plain(name) / str(seed), root, dataset, seed, values)
            for seed in range(options.seeds)
            for dataset in options.series
            for name, values in methods(dataset, chosen[dataset]).items()
        ]
        list(pool.map(_train_and_encode, jobs))
        starts = [
            (options.runs / dataset / RANDOM_INIT / str(seed), root, dataset, seed)
            for dataset in options.series
            for seed in range(options.seeds)
        ]
        list(pool.map(_encode_start, starts))
    results = {
        dataset: _score(
            options.runs / dataset, root, dataset, list(methods(dataset, chosen[dataset])), options
        )
        for dataset in options.series
    }
    trials = {dataset: _trials(options.runs / dataset / "tuning") for dataset in options.series}
    folders = {
        dataset: {
            name: [options.runs / dataset / _plain(name) / str(s) for s in range(options.seeds)]
            for name in methods(dataset, chosen[dataset])
        }
        for dataset in options.series
    }
    write_page(options.out, page(results, chosen, trials, folders))


def _plain(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-." else "_" for c in name)


def _configuration(root: Path, dataset: str, seed: int, values: Mapping[str, Any]) -> Configuration:
    told = {"dataset": {"name": dataset, "variables": "target"}, "root": str(root), "seed": seed}
    return configure(merged(values, told))


def _train(job: tuple[Path, Path, str, int, Mapping[str, Any]]) -> Run:
    path, root, dataset, seed, values = job
    torch.set_num_threads(1)
    return kept_run(path, _configuration(root, dataset, seed, values))


def _train_and_encode(job: tuple[Path, Path, str, int, Mapping[str, Any]]) -> None:
    path, run = job[0], _train(job)
    if not (path / "features.npy").exists():
        _encode(path, run.encoder(), prepare(run.config, progress=False))


def _encode_start(job: tuple[Path, Path, str, int]) -> None:
    path, root, dataset, seed = job
    torch.set_num_threads(1)
    if not (path / "features.npy").exists():
        config = _configuration(root, dataset, seed, BASE)
        prepared = prepare(config, progress=False)
        path.mkdir(parents=True, exist_ok=True)
        _encode(path, new_encoder(config, prepared.panel, seed), prepared)


def _encode(path: Path, encoder: Any, prepared: Any) -> None:
    """Representations of every step, kept beside the run since they take longest."""
    assert isinstance(prepared, PreparedSeries)
    context = 200
    features = encode(encoder, prepared.instances, context=context, stop=prepared.spans.test[1])
    with replacing(path / "features.npy") as temporary, temporary.open("wb") as file:
        np.save(file, features[0])
    print(f"encoded {path}", flush=True)


def _trials(folder: Path) -> dict[str, dict[str, float]]:
    """Validation score of every candidate of each method that is tuned."""
    return {
        method: {name: validation(folder / method / _plain(name)) for name in candidates(method)}
        for method in ("autotcl", "fixed-view")
    }


def _choices(folder: Path) -> dict[str, str]:
    """The candidate of each method with the best validation score."""
    return {method: max(found, key=found.__getitem__) for method, found in _trials(folder).items()}


def validation(path: Path) -> float:
    """Best validation score of a run, that of the kept weights."""
    records = map(json.loads, (path / "metrics.jsonl").read_text(encoding="utf-8").splitlines())
    return max(r["score"] for r in records if r["kind"] == "validation" and r["epoch"] > 0)


def _score(
    folder: Path, root: Path, dataset: str, names: list[str], options: argparse.Namespace
) -> Scores:
    config = _configuration(root, dataset, 0, BASE)
    prepared = prepare(config, progress=False)
    assert isinstance(prepared, PreparedSeries)
    features = {
        name: [[np.load(folder / _plain(name) / str(s) / "features.npy")] for s in range(options.seeds)]
        for name in [RANDOM_INIT, *names]
    }
    settings = config.evaluation.forecast
    scores = forecast_scores(
        features, prepared.instances, prepared.spans, settings, control="autotcl", on_step=print
    )
    scores.save(folder)
    return scores


if __name__ == "__main__":
    main()
