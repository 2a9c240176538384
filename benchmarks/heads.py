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
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from tsrep.evaluation.heads.calibration import fit_calibration
from tsrep.evaluation.heads.prediction_sets import by_patient, fit_sets
from tsrep.evaluation.heads.settings import CalibrationKind
from tsrep.evaluation.labels.aggregate import by_record
from tsrep.evaluation.labels.metrics import Scorer, positives
from tsrep.evaluation.predictions import Predictions
from tsrep.evaluation.protocols.knn import NearestNeighbours
from tsrep.evaluation.protocols.labels import FrozenFeatureProtocol
from tsrep.evaluation.protocols.probe import LinearProbe
from tsrep.signals import Panel
from tsrep.splits.split import Split

PANEL = Path(__file__).parents[1] / "configs" / "ptb-xl-panel.yaml"
SETTINGS: dict[str, Any] = {
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
        for targets, (on, x) in both_kinds(panel, features).items():
            for protocol in (LinearProbe(), NearestNeighbours()):
                found = [repetition(on, x, protocol, seed) for seed in range(repetitions)]
                rows.append({"targets": targets, "protocol": protocol.name} | means(found))
    report(rows, repetitions)


def both_kinds(panel: Panel, features: np.ndarray) -> dict[str, tuple[Panel, np.ndarray]]:
    """All records with all their classes, and those with one class."""
    one = np.flatnonzero(panel.label.sum(axis=1) == 1)
    single = panel.select(one)
    exclusive = replace(single, label=single.label.argmax(axis=1), known=None)
    return {"several classes": (panel, features), "exclusive": (exclusive, features[one])}


def repetition(panel: Panel, x: np.ndarray, protocol: FrozenFeatureProtocol, seed: int) -> dict[str, float]:
    """What the head does with every calibration and coverage, on one division of the patients."""
    split = divided(panel, seed)
    held, group = split.validation, panel.patient[split.train]
    model = protocol.fit(
        x[split.train], panel.label[split.train], len(panel.classes), group=group,
        validation=(x[held], panel.label[held]),
    )  # fmt: skip
    calibration, scored = (
        by_record(Predictions(model.predict(x[at]), panel.label[at], panel.patient[at], panel.trial[at]))
        for at in (held, split.test)
    )
    found = {"error before": calibration_error(scored)}
    for kind in KINDS:
        fitted = fit_calibration(kind, calibration)
        assert fitted is not None
        found[kind] = calibration_error(replace(scored, prob=fitted(scored.prob)))
    for coverage in COVERAGES:
        sets = fit_sets(calibration, coverage)
        assert sets is not None
        flags = sets(scored.prob)
        right = (flags | ~positives(scored.target, len(panel.classes))).all(axis=1)
        found[f"coverage {coverage:g}"] = float(by_patient(right, scored.patient).mean())
        found[f"size {coverage:g}"] = float(by_patient(flags.sum(axis=1), scored.patient).mean())
    return found


def calibration_error(records: Predictions) -> float:
    """Expected calibration error."""
    return float(Scorer(records.prob, records.target, names=("ece",))(np.ones((len(records), 1)))["ece"][0])


def divided(panel: Panel, seed: int) -> Split:
    """Half of the patients to fit on, a quarter to calibrate on, a quarter to score."""
    people, at = np.unique(panel.patient, return_inverse=True)
    part = np.random.default_rng(seed).permutation(len(people))[at] * 4 // len(people)
    return Split.make(panel, part < 2, part == 2, part == 3, how="by hand")


def means(found: list[dict[str, float]]) -> dict[str, float]:
    """Over repetitions; of coverages with their standard error."""
    row = {}
    for name in found[0]:
        values = [each[name] for each in found]
        row[name] = float(np.mean(values))
        if name.startswith("coverage"):
            row[f"± {name}"] = float(np.std(values, ddof=1) / np.sqrt(len(values)))
    return row


def recorded(root: Path) -> tuple[Panel, np.ndarray]:
    """The real panel, and its features by an encoder with random weights."""
    from tsrep.encoders.pooling import POOLS
    from tsrep.evaluation.embedding import embed
    from tsrep.runs.build import new_encoder
    from tsrep.runs.config import configure
    from tsrep.runs.config_files import read_config
    from tsrep.runs.task import task_of

    config = configure(read_config(PANEL) | SETTINGS | {"root": str(root)})
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
    worst = max(stated - row[f"coverage {stated:g}"] for row in rows for stated in COVERAGES)
    gain = float(np.mean([row["error before"] - row["temperature"] for row in rows]))
    found = {"name": "heads", "repetitions": repetitions, "worst_shortfall": worst, "mean_ece_gain": gain}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
