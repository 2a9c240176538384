"""How heads do on patients that they were neither fitted nor calibrated on: calibration and prediction sets.

Patients are divided anew many times, half of them to fit on, a quarter to calibrate on and a quarter to
score. Each time a head is fitted on features of an encoder with random weights, with every kind of
calibration. The table has means over repetitions on the scored patients: expected calibration error before
and after, and how often prediction sets hold all classes of a record. Run from the repository root::

    python benchmarks/heads.py --root DIR
    python benchmarks/heads.py --quick

``DIR`` is the folder of ``ptb-xl-panel``; without it, and with ``--quick``, features are simulated.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from tsrep.evaluation.candidate import Candidate
from tsrep.evaluation.heads.settings import CalibrationKind, HeadSettings
from tsrep.evaluation.labels.evaluation import LabelEvaluation
from tsrep.evaluation.protocols.protocol import outcome, protocol_of
from tsrep.signals import Panel
from tsrep.splits.split import Split

CLASSES = ["NORM", "MI", "STTC", "CD", "HYP"]
SETTINGS: dict[str, Any] = {
    "dataset": {
        "name": "arrays", "array": "ecg_100hz_int16_uV.npy", "table": "records.csv", "patient": "patient_id",
        "label": CLASSES, "sfreq": 100, "scale": 1e-3, "unit": "mV",
    },
    "device": "cpu",
    "encoder": {"name": "resnet1d", "width": 16},
    "objective": "simclr",
}  # fmt: skip
KINDS: tuple[CalibrationKind, ...] = ("temperature", "vector", "isotonic")
COVERAGES = (0.8, 0.9)


def main() -> None:
    """Repeat, print the table and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--root", type=Path, help="folder of ptb-xl-panel; without it features are simulated")
    parser.add_argument("--repetitions", type=int, default=100)
    parser.add_argument("--quick", action="store_true", help="simulated features, few repetitions")
    options = parser.parse_args()
    real = options.root is not None and not options.quick
    panel, features = recorded(options.root) if real else simulated()
    repetitions = 4 if options.quick else options.repetitions
    rows = []
    with threadpool_limits(1):
        for targets, on, x in ((kind, *each) for kind, each in both_kinds(panel, features).items()):
            for protocol in ("probe", "knn"):
                found = [list(repetition(on, x, protocol, seed)) for seed in range(repetitions)]
                rows += [summary(targets, protocol, repeated) for repeated in zip(*found, strict=True)]
    report(rows, repetitions)


def both_kinds(panel: Panel, features: np.ndarray) -> dict[str, tuple[Panel, np.ndarray]]:
    """All records with all their classes, and those with one class."""
    one = np.flatnonzero(panel.label.sum(axis=1) == 1)
    single = panel.select(one)
    exclusive = replace(single, label=single.label.argmax(axis=1), known=None)
    return {"several classes": (panel, features), "exclusive": (exclusive, features[one])}


def repetition(panel: Panel, x: np.ndarray, protocol: str, seed: int) -> Iterator[dict[str, Any]]:
    """What heads of every calibration and coverage do, on one division of the patients."""
    split = divided(panel, seed)
    for kind, coverage in ((k, c) for k in KINDS for c in (COVERAGES if k == KINDS[0] else COVERAGES[-1:])):
        evaluation = LabelEvaluation(
            panel, split, fractions=(1.0,), seeds=1, n_bootstrap=20, heads=HeadSettings(kind, None, coverage)
        )
        scores = outcome(protocol_of({"name": protocol}), [Candidate.of_features("encoder", x)], evaluation)
        (score,) = scores.where(method="encoder", unit="record")
        values = {name: interval.value for name, interval in score.of_head.items()}
        yield values | {"calibration": kind, "stated": coverage}


def divided(panel: Panel, seed: int) -> Split:
    """Half of the patients to fit on, a quarter to calibrate on, a quarter to score."""
    people, at = np.unique(panel.patient, return_inverse=True)
    part = np.random.default_rng(seed).permutation(len(people))[at] * 4 // len(people)
    return Split.make(panel, part < 2, part == 2, part == 3, how="by hand")


def summary(targets: str, protocol: str, repeated: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    """Means over repetitions; of the coverage with its standard error."""
    names = ("ece", "ece_calibrated", "coverage", "set_size", "f1_decided")
    mean = {name: float(np.mean([each[name] for each in repeated])) for name in names}
    error = float(np.std([each["coverage"] for each in repeated], ddof=1) / np.sqrt(len(repeated)))
    said = {name: repeated[0][name] for name in ("calibration", "stated")}
    return {"targets": targets, "protocol": protocol} | said | mean | {"error of coverage": error}


def recorded(root: Path) -> tuple[Panel, np.ndarray]:
    """The real panel, and its features by an encoder with random weights."""
    from tsrep.encoders.pooling import POOLS
    from tsrep.evaluation.embedding import embed
    from tsrep.runs.build import new_encoder
    from tsrep.runs.config import configure
    from tsrep.runs.task import task_of

    config = configure(SETTINGS | {"root": str(root)})
    panel = task_of(config).prepare(progress=False).panel
    encoder = new_encoder(config, panel, 0)
    return panel, embed(encoder, panel, pool=POOLS[config.evaluation.pool])


def simulated() -> tuple[Panel, np.ndarray]:
    """Patients of one to four records, with up to three classes that features tell in part."""
    rng = np.random.default_rng(0)
    patient = np.repeat(np.arange(400), rng.integers(1, 5, 400))
    label = (rng.random((400, 3)) < 0.4)[patient] ^ (rng.random((len(patient), 3)) < 0.1)
    x = rng.normal(size=(400, 12))[patient] + rng.normal(size=(len(patient), 12))
    x[:, :3] += 2.5 * label
    signal = np.zeros((len(patient), 1, 2), np.float32)
    return Panel.from_arrays(signal, label=label, patient=patient, sfreq=1), x.astype(np.float32)


def report(rows: list[dict[str, Any]], repetitions: int) -> None:
    """The table, and the JSON line."""
    print("| " + " | ".join(rows[0]) + " |")
    print("| " + " | ".join(["---"] * len(rows[0])) + " |")
    for row in rows:
        cells = (f"{value:.3f}" if isinstance(value, float) else str(value) for value in row.values())
        print("| " + " | ".join(cells) + " |")
    worst = max(row["stated"] - row["coverage"] for row in rows)
    gain = float(np.mean([row["ece"] - row["ece_calibrated"] for row in rows]))
    found = {"name": "heads", "repetitions": repetitions, "worst_shortfall": worst, "mean_ece_gain": gain}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
