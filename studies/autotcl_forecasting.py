"""Does learned augmentation help? AutoTCL and what it must beat, on ETTh1 and ETTh2, univariate.

One command makes ``docs/results/autotcl.md``; finished runs are kept and used again, and so are the tables of
a finished series, in ``autotcl.json`` beside the page::

    .venv/bin/python studies/autotcl_forecasting.py --root DIR

``DIR`` holds ``ETTh1.csv`` and ``ETTh2.csv``. All methods train the same encoder, of the published shape,
from the same random initialisations, on windows of the training year, and are judged by ridge forecasts.
Settings of ``autotcl`` and the view of ``fixed-view`` are chosen on the validation months with a seed of
their own; the test months are scored once. The released form has three seeds, the other rows five. About
three hours of one core; ``--series etth1`` does one half.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from autotcl_page import METHOD, SeriesTables, page
from kept_runs import Kept, command_line, folder_name, kept_run, kept_score, one_thread_workers
from results_page import write_page

from tsrep.array_files import read_arrays, write_arrays
from tsrep.encoders.encoder import Encoder
from tsrep.evaluation.forecasts.features import encode
from tsrep.evaluation.forecasts.scoring import score_representations
from tsrep.evaluation.scores import RANDOM_INIT, Scores
from tsrep.registry import PROTOCOLS
from tsrep.runs.build import new_encoder
from tsrep.runs.config import Configuration, configure, merged
from tsrep.runs.folder import Run
from tsrep.runs.prepare_series import PreparedSeries
from tsrep.runs.task import prepare, task_of

TUNING_SEED, TUNED = 100, ("autotcl", "fixed-view")
FEATURES = "features.npz"
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
TRUNK = {"name": "dilated-conv", "hidden": 64, "dim": 16, "depth": 3}
VIEWS = ("jitter", "cut-out", "random-choice")
# The published configurations: one step an epoch, a uniform average that counts the random initialisation,
# and the last weights. Their windows are as long as the training part allows for as many of them.
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
RELEASED_SEEDS = 3  # at most; a run takes six times as long as one of the other rows
TRUNKS = {"etth1": 64, "etth2": 128}
Job = tuple[Path, Path, str, int, Mapping[str, Any]]  # folder, data, series, seed, settings
AS_RELEASED: dict[str, Any] = {
    "training": {
        "schedule": "constant",
        "warmup": 0.0,
        "clip": None,
        "average": "uniform-with-start",
        "keep": "last",
        "validate_every": 1000,
    }
}


def released(series: str, *, frozen: bool) -> dict[str, Any]:
    """Settings of the public code for a series."""
    trunk = {"name": "dilated-conv-ar", "hidden": TRUNKS[series], "dim": 16, "depth": 3}
    values = merged(merged(BASE, AS_RELEASED), RELEASED[series])
    return merged(values, {"objective": {"trunk": trunk, "frozen": frozen}})


def candidates(method: str) -> dict[str, dict[str, Any]]:
    """Settings among which the validation months choose, by what they are called."""
    if method == "autotcl":
        own = {"objective": {"name": "autotcl", "trunk": TRUNK}}
        return {name: merged(own, change) for name, change in PAPER.items()}
    return {view: {"objective": {"name": "fixed-view", "view": {"name": view}}} for view in VIEWS}


def methods(series: str, chosen: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Settings of every trained row of the table."""
    paper = candidates("autotcl")[chosen["autotcl"]]
    return {
        "autotcl": merged(BASE, paper),
        "autotcl, augmenter frozen": merged(BASE, merged(paper, {"objective": {"frozen": True}})),
        "released form": released(series, frozen=False),
        "released form, augmenter frozen": released(series, frozen=True),
        "ts2vec": merged(BASE, {"objective": "ts2vec"}),
        "fixed view": merged(BASE, candidates("fixed-view")[chosen["fixed-view"]]),
    }


def seeds(method: str, count: int) -> range:
    """Seeds of a row of the table."""
    return range(min(count, RELEASED_SEEDS) if method.startswith("released form") else count)


def main() -> None:
    """Train what is missing, score all, write the page."""
    parser = command_line(__doc__, "autotcl", page="autotcl.md", seeds=5)
    parser.add_argument("--series", nargs="+", default=["etth1", "etth2"], choices=sorted(RELEASED))
    options = parser.parse_args()
    kept = Kept(options.out.with_suffix(".json"))
    kept.refuse_others("seeds", options.seeds)
    for series in options.series:
        kept.once(series, lambda name=series: asdict(_tables(options, name)))
    found = {series: SeriesTables(**kept.values[series]) for series in RELEASED if series in kept.values}
    write_page(options.out, page(found))


def _tables(options: Namespace, series: str) -> SeriesTables:
    """Tune, train and score the methods on one series."""
    with one_thread_workers(options.workers) as pool:
        tried = _tune(options, series, pool)
        chosen = {method: max(found, key=found.__getitem__) for method, found in tried.items()}
        rows = methods(series, chosen)
        folders = {
            name: [options.runs / series / folder_name(name) / str(s) for s in seeds(name, options.seeds)]
            for name in [RANDOM_INIT, *rows]
        }
        jobs = [
            (folder, options.root, series, seed, values)
            for name, values in rows.items()
            for seed, folder in enumerate(folders[name])
        ]
        list(pool.map(_train_and_encode, jobs))
        starts = [
            (folder, options.root, series, seed, BASE) for seed, folder in enumerate(folders[RANDOM_INIT])
        ]
        list(pool.map(_encode_start, starts))
    scores = _score(options.runs / series, _configuration(options.root, series, 0, BASE), folders)
    return SeriesTables.of(scores, chosen, tried, {name: list(map(Run, folders[name])) for name in rows})


def _tune(options: Namespace, series: str, pool: Executor) -> dict[str, dict[str, float]]:
    """Validation score of every candidate of each method that is tuned."""
    folders = {
        (method, name): options.runs / series / "tuning" / method / folder_name(name)
        for method in TUNED
        for name in candidates(method)
    }
    jobs = [
        (path, options.root, series, TUNING_SEED, merged(BASE, candidates(method)[name]))
        for (method, name), path in folders.items()
    ]
    list(pool.map(_train, jobs))
    return {
        method: {name: kept_score(Run(folders[method, name])) for name in candidates(method)}
        for method in TUNED
    }


def _configuration(root: Path, series: str, seed: int, values: Mapping[str, Any]) -> Configuration:
    told = {"dataset": {"name": series, "variables": "target"}, "root": str(root), "seed": seed}
    return configure(merged(values, told))


def _train(job: Job) -> None:
    path, *told = job
    kept_run(path, _configuration(*told))


def _train_and_encode(job: Job) -> None:
    path, *told = job
    run = kept_run(path, _configuration(*told))
    if not (path / FEATURES).exists():
        _encode(path, run.encoder(), run.config, prepare(run.config, progress=False))


def _encode_start(job: Job) -> None:
    path, *told = job
    if not (path / FEATURES).exists():
        config = _configuration(*told)
        prepared = prepare(config, progress=False)
        _encode(path, new_encoder(config, prepared.panel, config.seed), config, prepared)


def _encode(path: Path, encoder: Encoder, config: Configuration, prepared: PreparedSeries) -> None:
    """Representations of every step, kept beside the run since they take longest."""
    context, stop = config.evaluation.of("forecast").context, prepared.spans.test[1]
    write_arrays(path / FEATURES, z=encode(encoder, prepared.instances, context=context, stop=stop)[0])
    print(f"encoded {path}", flush=True)


def _score(folder: Path, config: Configuration, folders: Mapping[str, Sequence[Path]]) -> Scores:
    """Ridge forecasts from the representations of all methods; the scores are kept."""

    def features(paths: Sequence[Path]) -> Iterator[list[np.ndarray]]:
        for path in paths:
            yield [read_arrays(path / FEATURES)["z"]]

    task = task_of(config)
    evaluation = replace(task.evaluation(task.prepare(progress=False), print), control=METHOD)
    settings = PROTOCOLS.build(config.evaluation.of("forecast"))
    scores = score_representations(
        {name: features(paths) for name, paths in folders.items()}, evaluation, settings
    )
    scores.save(folder)
    return scores


if __name__ == "__main__":
    main()
