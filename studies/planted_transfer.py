"""Is a planted transfer found? Two simulated cohorts that share what decides their labels.

Cohort A has many labels and cohort B few. In both, a label says whether three short waves in a noisy signal
of two channels rise or fall in frequency; the noise, the drift and the size of the waves are a cohort's own.
For each seed an encoder is trained on A, and two on the few labels of B: from the weights of A, and from
random initialisation. Patients of B that nothing has seen are scored. One command says how large the
difference is, with its interval over patients and training seeds, and the same for a cohort A whose labels
were shuffled, where there is nothing to transfer::

    .venv/bin/python studies/planted_transfer.py

Seventeen minutes on two busy cores; finished runs are kept and used again.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from kept_runs import kept_run

from tsrep.evaluation.comparison import Comparison, compare_methods
from tsrep.evaluation.predictions import Predictions
from tsrep.rng import numpy_generator
from tsrep.runs.config import configure
from tsrep.runs.folder import Run

CHANNELS, STEPS, WAVE, WAVES = 2, 160, 20, 3
FRESH, PLANTED, SHUFFLED = "random initialisation", "from A", "from A with shuffled labels"


@dataclass(frozen=True)
class Size:
    """How much is simulated and trained.

    Attributes
    ----------
    patients : mapping of str to int
        Of each cohort that is simulated, with two recordings each.
    seeds : int
    epochs : mapping of str to int
        Of training on each.
    """

    patients: Mapping[str, int]
    seeds: int
    epochs: Mapping[str, int]


FULL = Size({"a": 600, "shuffled": 600, "b": 400}, 5, {"a": 15, "shuffled": 15, "b": 25})
QUICK = Size({"a": 150, "b": 100}, 3, {"a": 22, "b": 6})
NOISE = {"a": 0.4, "shuffled": 0.4, "b": 0.8}
FEW = 40  # patients of B whose labels are known


def main() -> None:
    """Simulate, train, compare, and say what was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=Path, default=Path("runs/planted-transfer"), help="folder of the runs")
    parser.add_argument("--quick", action="store_true", help="less of everything, to see that it works")
    options = parser.parse_args()
    for found in transfer(options.runs, QUICK if options.quick else FULL):
        gap = found.difference
        print(
            f"{found.one} - {found.two}: AUROC {gap.value:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}] over "
            f"{gap.covers}, p {found.adjusted_p:.4f}"
        )


def transfer(folder: Path, size: Size) -> list[Comparison]:
    """Differences of both starts from random initialisation, the planted one first.

    Parameters
    ----------
    folder : Path
        Gets the cohorts and the runs; what is finished there is used again.
    size : Size
    """
    for name, patients in size.patients.items():
        _write(folder / name, name, patients)
    sources = {PLANTED: "a", SHUFFLED: "shuffled"}
    starts = {FRESH: None} | {method: name for method, name in sources.items() if name in size.patients}
    found: dict[str, list[Predictions]] = {method: [] for method in starts}
    for seed in range(size.seeds):
        for method, name in starts.items():
            start = None if name is None else _trained(folder, f"{name}-{seed}", name, seed, size)
            run = _trained(folder, f"b-after-{name or 'none'}-{seed}", "b", seed, size, start)
            found[method].append(_predictions(run))
    contrasts = [(method, FRESH) for method in starts if method != FRESH]
    return compare_methods(found, contrasts, primary=(PLANTED, FRESH))


def cohort(name: str, patients: int) -> tuple[np.ndarray, pd.DataFrame]:
    """Signals, shape (recording, channel, time), and a table of their patients, labels and folds."""
    rng = numpy_generator("planted", name)
    patient = np.repeat(np.arange(patients), 2)
    label = rng.integers(0, 2, patients)[patient]
    t = np.linspace(-1, 1, WAVE)
    rising = np.exp(-3 * t**2) * np.sin(np.pi * (4 * t + 2.5 * t**2))
    waves = np.stack([rising, rising[::-1]])  # of one spectrum, so that only their order in time tells them
    mixture = 1 + 0.3 * rng.normal(size=CHANNELS)
    x = NOISE[name] * rng.normal(size=(len(label), CHANNELS, STEPS))
    x += np.cumsum(0.1 * rng.normal(size=x.shape), axis=-1)  # a slow drift
    for record, kind in enumerate(label):
        for at in rng.choice(STEPS // WAVE - 1, WAVES, replace=False) * WAVE + rng.integers(0, WAVE):
            x[record, :, at : at + WAVE] += mixture[:, None] * waves[kind] * rng.uniform(0.7, 1.3)
    said = rng.permutation(label) if name == "shuffled" else label
    # folds 1 train, 2 validate, 3 test
    fold = np.select([patient < _training(name, patients), patient % 4 == 0], [1, 2], 3)
    table = pd.DataFrame({"patient": patient, "label": np.array(["down", "up"])[said], "fold": fold})
    return x.astype(np.float32), table


def _training(name: str, patients: int) -> int:
    """Patients whose labels are trained on: the first."""
    return FEW if name == "b" else round(0.7 * patients)


def _write(folder: Path, name: str, patients: int) -> None:
    if (folder / "records.csv").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    x, table = cohort(name, patients)
    np.save(folder / "records.npy", x)
    table.to_csv(folder / "records.csv", index=False)


def _trained(folder: Path, run: str, data: str, seed: int, size: Size, start: Run | None = None) -> Run:
    """The run of a seed on a cohort, from the weights of another or from none."""
    settings: dict[str, Any] = {
        "seed": seed,
        "device": "cpu",
        "dataset": {"name": "arrays", "sfreq": 100, "fold": "fold", "channels": ["a", "b"]},
        "root": str(folder / data),
        "window": {"seconds": None, "standardise": "channel"},
        "split": {"name": "official", "train": [1], "validation": [2], "test": [3]},
        "objective": {"name": "supervised", "pooling": "max"},
        "training": {"epochs": size.epochs[data], "batch_size": 32, "lr": 3e-3, "average": "none"},
        "evaluation": {"protocols": ["probe"], "labels": [1.0], "seeds": 1, "n_bootstrap": 100},
    }
    encoder = {"name": "resnet1d", "width": 16, "dim": 32}
    # mine: the statistics of B, whose amplitudes are others
    more = {"encoder": encoder} if start is None else {"init": {"from": str(start.path), "contract": "mine"}}
    return kept_run(folder / "runs" / run, configure(settings | more), illustrate=False)


def _predictions(run: Run) -> Predictions:
    """Of the scored recordings, by a probe of the trained encoder."""
    task = run.task
    prepared = task.prepare(progress=False)
    scores = task.score(task.candidates(run, prepared)[:1], task.evaluation(prepared, lambda _: None))
    return next(each for key, each in scores.predictions.items() if key[0] == run.config.objective.name)


if __name__ == "__main__":
    main()
