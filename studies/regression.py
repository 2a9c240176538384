"""Age and heart rate predicted from real ECG, on patients that no encoder has seen.

One command makes ``docs/results/regression.md``; finished runs are kept and used again, so that it may be
stopped and started at any time (about twenty minutes of one core)::

    .venv/bin/python studies/regression.py --root DIR

``DIR`` holds ``ecg_100hz_int16_uV.npy`` and ``records.csv`` as for ``ecg_methods.py``. Ages are those of the
table. Heart rates are derived here by a detector of R peaks on the leads II, V1 and V5, each by itself, and
are taken as known where at least two of the three agree. Ridges on frozen features of encoders stand beside
the mean, a ridge on amplitudes and spectrum, one on a count of R peaks, and networks trained end to end on
the numbers. ``--quick`` runs all of it small, on a simulated cohort whose heart rates are known.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from ecg_methods import PANEL
from kept_runs import command_line, kept_run, one_thread_workers
from regression_page import Findings, write_results

from tsrep.datasets.tables.own_metadata import OLDEST
from tsrep.encoders.encoder import Encoder
from tsrep.evaluation.arrays import Array
from tsrep.evaluation.candidate import Candidate
from tsrep.evaluation.protocols.protocol import outcome, protocol_of
from tsrep.evaluation.scores import Scores
from tsrep.files import write_text
from tsrep.runs.build import new_encoder
from tsrep.runs.config import Configuration, configure, merged
from tsrep.runs.config_files import read_config
from tsrep.runs.folder import Run
from tsrep.runs.prepared import Prepared
from tsrep.runs.task import task_of
from tsrep.signals.beats import find_r_peaks, median_rr
from tsrep.signals.hand_features import amplitude_and_spectrum
from tsrep.signals.names import TWELVE
from tsrep.signals.panel import Panel
from tsrep.studies.confirm.final_scores import candidates

LEADS, COUNTED = ("II", "V1", "V5"), "I"
TOLERANCE = 0.05  # share by which two leads may differ
HAND, PEAKS, SUPERVISED = "amplitude and spectrum", "R-peak count", "supervised"
METHODS: dict[str, dict[str, Any]] = {
    "simclr": {"objective": {"name": "simclr"}},
    "comet": {"objective": {"name": "comet"}},
}
REAL: dict[str, Any] = merged(
    dict(read_config(PANEL)),
    {
        "device": "cpu",
        "dataset": {
            "targets": ["age", "heart_rate"], "target_units": ["years", "1/min"], "channel_names": TWELVE,
        },
        "split": {"name": "stratified", "validation": 0.2, "test": 0.2, "seed": 0},
        "encoder": {"name": "resnet1d", "width": 24, "dim": 64},
        "training": {"epochs": 5, "batch_size": 128, "lr": 1e-3},
        "evaluation": {
            "protocols": ["regression"],
            "labels": [1.0],
            "regression-finetune": {"epochs": 5, "min_steps": 120, "lr": 1e-3},
        },
    },
)  # fmt: skip
QUICK: dict[str, Any] = {
    "device": "cpu",
    "dataset": {
        "name": "ptb-xl-sim", "patients": 60, "records_per_patient": 1.0, "targets": ["age", "heart_rate"],
    },
    "window": {"seconds": 2.5},
    "encoder": {"name": "dilated-conv", "hidden": 4, "dim": 8, "depth": 3},
    "training": {"epochs": 1, "batch_size": 64},
    "evaluation": {
        "protocols": ["regression"],
        "labels": [1.0],
        "n_bootstrap": 100,
        "regression-finetune": {"epochs": 1, "min_steps": 2},
    },
}  # fmt: skip


@dataclass(frozen=True)
class Study:
    """What is compared, and where its runs lie.

    Attributes
    ----------
    base : dict
        Settings that all runs share.
    folder : Path
    seeds : int
    """

    base: dict[str, Any]
    folder: Path
    seeds: int

    def configuration(self, method: str, seed: int) -> Configuration:
        """Of a run."""
        return configure(merged(self.base, METHODS[method] | {"seed": seed}))

    def train(self, job: tuple[str, int]) -> None:
        """A run of a method and a seed, where it is missing."""
        kept_run(self.folder / "-".join(map(str, job)), self.configuration(*job), illustrate=False)

    def supervised(self, target: str) -> Scores:
        """Scores of encoder and head trained on a number of the labelled patients only."""
        config = self.configuration("simclr", 0)
        task = task_of(config)
        prepared = task.prepare(progress=False)

        def start(seed: int) -> tuple[Encoder, None]:
            return new_encoder(config, prepared.panel, seed), None

        evaluation = task.evaluation(prepared, print, self.folder / SUPERVISED)
        evaluation = replace(evaluation, seeds=self.seeds, heads=None)
        candidate = Candidate(SUPERVISED, "method", [partial(start, seed) for seed in range(self.seeds)])
        settings = config.evaluation.of("regression-finetune")
        protocol = protocol_of(settings.model_copy(update={"targets": (target,)}))
        return outcome(protocol, [candidate], evaluation)

    def frozen(self) -> tuple[Prepared, Scores]:
        """Scores of ridges on encoders and on what needs none, beside random initialisations and the mean."""
        task = task_of(self.configuration("simclr", 0))
        prepared = task.prepare(progress=False)
        runs = {name: [Run(self.folder / f"{name}-{k}") for k in range(self.seeds)] for name in METHODS}
        by_hand = {HAND: amplitude_and_spectrum(prepared.panel), PEAKS: peak_counts(prepared.panel)}
        compared = [
            *candidates(runs, prepared.panel),
            *(Candidate.of_features(name, features) for name, features in by_hand.items()),
        ]
        evaluation = replace(task.evaluation(prepared, print), seeds=self.seeds, heads=None)
        return prepared, task.score(compared, evaluation)


def derived_table(root: Path, folder: Path) -> Path:
    """The table of the recordings with ages that are numbers of years, and heart rates; absolute path."""
    path = (folder / "records.csv").resolve()
    with (root / "records.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    signals = np.load(root / "ecg_100hz_int16_uV.npy", mmap_mode="r")
    at = [TWELVE.index(lead) for lead in LEADS]
    lines = [",".join([*rows[0], "heart_rate"])]
    for row, record in zip(rows, signals, strict=True):
        # the publisher writes 300 for ages above 89
        row["age"] = row["age"] if float(row["age"] or "inf") <= OLDEST else ""
        lines.append(",".join([*row.values(), agreed_rate(np.asarray(record[at], np.float64), 100.0)]))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, "\n".join(lines) + "\n")
    return path


def agreed_rate(leads: Array, sfreq: float) -> str:
    """Heart rate in 1/min that at least two leads, shape (lead, time), agree on; empty where none do."""
    rates = np.array([60 * sfreq / median_rr(find_r_peaks(lead[None], sfreq)) for lead in leads])
    middle = np.median(rates)
    near = np.abs(rates - middle) <= TOLERANCE * middle
    return f"{rates[near].mean():.2f}" if middle > 0 and near.sum() > 1 else ""


def peak_counts(panel: Panel) -> Array:
    """R peaks per minute that one lead shows in each window, shape (window, 1)."""
    at, minutes = panel.channels.index(COUNTED), panel.x.shape[-1] / panel.sfreq / 60
    counts = [
        len(find_r_peaks(np.asarray(window[at : at + 1], np.float64), panel.sfreq)) / minutes
        for x in _chunks(panel)
        for window in x
    ]
    return np.array(counts)[:, None]


def _chunks(panel: Panel) -> Iterator[Array]:
    for begin in range(0, len(panel), 512):
        yield panel.select(np.arange(begin, min(begin + 512, len(panel)))).x


def options() -> argparse.Namespace:
    """What the command line asks for."""
    parser = command_line(__doc__, "regression", page="regression.md", seeds=5)
    parser.add_argument("--quick", action="store_true", help="small, on a simulated cohort; needs no --root")
    next(action for action in parser._actions if action.dest == "root").required = False
    asked = parser.parse_args()
    if asked.root is None and not asked.quick:
        parser.error("--root is the folder with the recordings; or give --quick")
    return asked


def main() -> None:
    """Train what is missing, score all, write the page."""
    asked = options()
    base = QUICK
    if not asked.quick:
        table = derived_table(asked.root, asked.runs)
        base = merged(REAL, {"root": str(asked.root), "dataset": {"table": str(table)}})
    study = Study(base, asked.runs, asked.seeds)
    jobs = [(name, seed) for seed in range(asked.seeds) for name in METHODS]
    with one_thread_workers(asked.workers) as pool:
        trained = pool.map(study.train, jobs)
        supervised = list(pool.map(study.supervised, base["dataset"]["targets"]))
        list(trained)
    prepared, frozen = study.frozen()
    write_results(Findings(prepared, study.configuration("simclr", 0), sum(supervised, frozen)), asked.out)


if __name__ == "__main__":
    main()
