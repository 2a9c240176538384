"""How often verdicts are wrong: false positives, coverage, power and width of the intervals of differences.

Every encoder has random weights, so that each significant difference between two of them is false. In each
cell, a fraction of labels and a number of test patients, an evaluation is repeated many times with encoders,
draws of labels and test patients drawn anew. Three verdicts are looked at: one encoder against five random
initialisations, five encoders against five others on the same draws of labels, and the same with a gain
planted into the probabilities. Run from the repository root::

    python benchmarks/verdicts.py --root DIR --out FOLDER --workers 2
    python benchmarks/verdicts.py --config configs/demo.yaml --out FOLDER
    python benchmarks/verdicts.py --quick

``DIR`` is the folder of ``ptb-xl-panel``; a configuration gives data, split, encoder and fractions instead.
Embeddings, predictions and finished repetitions are kept in ``FOLDER`` and used again, so that an interrupted
run resumes. ``--quick`` takes simulated features and few repetitions.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy.special import expit, logit
from threadpoolctl import threadpool_limits

from tsrep.array_files import read_arrays, write_arrays
from tsrep.evaluation.bootstrap import Resampled, resample
from tsrep.evaluation.difference import difference_from_random, paired_difference
from tsrep.evaluation.labels.aggregate import by_record
from tsrep.evaluation.labels.label_fractions import subsample_labels
from tsrep.evaluation.labels.linear_probe import fit_probe
from tsrep.evaluation.labels.metrics import Scorer
from tsrep.evaluation.predictions import Predictions
from tsrep.files import replacing
from tsrep.rng import numpy_generator
from tsrep.signals import Panel

K, GAIN, METRIC = 5, 0.03, "auroc"
Parts = dict[str, np.ndarray]
Settings = dict[str, Any]
CHUNK = 10  # repetitions in a line of the file
CLASSES = ["NORM", "MI", "STTC", "CD", "HYP"]
SETTINGS: Settings = {
    "dataset": {
        "name": "arrays", "array": "ecg_100hz_int16_uV.npy", "table": "records.csv", "patient": "patient_id",
        "label": CLASSES, "sfreq": 100, "scale": 1e-3, "unit": "mV",
    },
    "device": "cpu",
    "split": {"name": "stratified", "validation": 0.1, "test": 0.4, "seed": 0},
    "encoder": {"name": "resnet1d", "width": 16},
    "objective": "simclr",
}  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """What is repeated how often."""

    fractions: tuple[float, ...]
    patients: tuple[int, ...]
    encoders: int
    label_draws: int
    repetitions: int
    n_bootstrap: int


FULL = Plan((1.0, 0.1, 0.01), (50, 150, 400), 100, 10, 1000, 300)
QUICK = Plan((1.0, 0.1), (50, 400), 20, 4, 20, 60)


@dataclass(frozen=True, eq=False)
class Bank:
    """Predictions of all encoders for all people of whom test patients are drawn, at one fraction of labels.

    Attributes
    ----------
    prob : float array, shape (encoder, label draw, record, class)
    target : bool array, shape (record, class)
    patient : int64 array, shape (record,)
    shift : float
        Of the logits towards the truth, which plants the gain.
    truth, raised : float arrays, shape (encoder, label draw)
        Metric over all people, without and with the gain.
    """

    prob: np.ndarray
    target: np.ndarray
    patient: np.ndarray
    shift: float
    truth: np.ndarray
    raised: np.ndarray


def main() -> None:
    """Repeat what is missing, print the table and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--root", type=Path, help="folder of ptb-xl-panel; without it features are simulated")
    parser.add_argument("--config", type=Path, help="file of a run whose data and encoder are taken instead")
    parser.add_argument("--out", type=Path, help="folder that keeps what is finished")
    parser.add_argument("--repetitions", type=int, help=f"of each cell, by default {FULL.repetitions}")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="simulated features, few repetitions")
    options = parser.parse_args()
    plan, settings = QUICK if options.quick else FULL, None
    if options.root and not options.quick:
        settings = SETTINGS | {"root": str(options.root)}
    elif options.config and not options.quick:
        settings = yaml.safe_load(options.config.read_text(encoding="utf-8"))
        plan = replace(plan, fractions=tuple(settings["evaluation"]["labels"]))
    with tempfile.TemporaryDirectory() as scratch:
        out = options.out or Path(scratch)
        out.mkdir(parents=True, exist_ok=True)
        make_banks(settings, out, plan, options.workers)
        repeat(out, plan, options.repetitions or plan.repetitions, options.workers)
        report(out, plan)


def make_banks(settings: Settings | None, out: Path, plan: Plan, workers: int) -> None:
    """Write the predictions of every encoder at each fraction, as far as they are missing."""
    missing = [f for f in plan.fractions if not (out / f"bank-{f:g}.npz").exists()]
    if not missing:
        return
    panel, parts, features = simulated(plan) if settings is None else recorded(settings, out, plan, workers)
    for fraction in missing:
        jobs = product(range(plan.encoders), [fraction])
        fits = partial(encoder_predictions, panel=panel, parts=parts, features=features, plan=plan)
        with ProcessPoolExecutor(workers) as pool:
            found = list(pool.map(fits, *zip(*jobs, strict=True)))
        prob = np.stack([[p.prob for p in row] for row in found]).astype(np.float32)
        one = found[0][0]
        patient = np.unique(one.patient, return_inverse=True)[1]
        shift = shift_of_gain(prob, one.target)
        raised = over_all(planted(prob, one.target, shift), one.target)
        truth = {"truth": over_all(prob, one.target), "raised": raised}
        arrays = {"prob": prob, "target": one.target, "patient": patient, "shift": np.array(shift)}
        write_arrays(out / f"bank-{fraction:g}.npz", **arrays, **truth)


def encoder_predictions(
    encoder: int, fraction: float, *, panel: Panel, parts: Parts, features: Any, plan: Plan
) -> list[Predictions]:
    """Records of all test patients by probes on every draw of labels."""
    x, test = features[encoder], parts["test"]
    held = x[parts["validation"]], panel.label[parts["validation"]]
    found = []
    for draw in range(plan.label_draws if fraction < 1 else 1):
        at = subsample_labels(panel, parts["train"], fraction, "patient", seed=draw)
        with threadpool_limits(1):
            probe = fit_probe(
                x[at], panel.label[at], len(panel.classes), validation=held, tolerance=1e-3, dtype=np.float32
            )
            prob = probe.predict(x[test])
        found.append(by_record(Predictions(prob, panel.label[test], panel.patient[test], panel.trial[test])))
    return found


class Embedded(Sequence[np.ndarray]):
    """Embeddings by the encoder of each seed, read when they are wanted."""

    def __init__(self, folder: Path, encoders: int) -> None:
        self.folder, self.encoders = folder, encoders

    def __len__(self) -> int:
        return self.encoders

    def __getitem__(self, seed: Any) -> Any:
        return np.load(self.folder / f"{seed}.npy")


def recorded(settings: Settings, out: Path, plan: Plan, workers: int) -> tuple[Panel, Parts, Embedded]:
    """The real panel without its signals, its parts, and embeddings by random encoders."""
    from tsrep.runs.config import configure
    from tsrep.runs.task import task_of

    prepared = task_of(configure(settings)).prepare(progress=False)
    (out / "embeddings").mkdir(exist_ok=True)
    missing = [s for s in range(plan.encoders) if not (out / "embeddings" / f"{s}.npy").exists()]
    with ProcessPoolExecutor(workers) as pool:
        list(pool.map(partial(embed_by_random, settings, out), [missing[w::workers] for w in range(workers)]))
    split = prepared.split
    parts = {"train": split.train, "validation": split.validation, "test": split.test}
    panel = prepared.panel
    labels = Panel.from_arrays(
        np.zeros((len(panel), 1, 2), np.float32),
        label=panel.label,
        patient=panel.patient,
        trial=panel.trial,
        sfreq=panel.sfreq,
        classes=panel.classes,
    )
    return labels, parts, Embedded(out / "embeddings", plan.encoders)


def embed_by_random(settings: Settings, out: Path, seeds: Sequence[int]) -> None:
    """Write the embeddings of the panel by the random encoders of some seeds."""
    import torch

    from tsrep.encoders.pooling import POOLS
    from tsrep.evaluation.embedding import embed
    from tsrep.runs.build import new_encoder
    from tsrep.runs.config import configure
    from tsrep.runs.task import task_of

    torch.set_num_threads(1)
    config = configure(settings)
    panel = task_of(config).prepare(progress=False).panel
    for seed in seeds:
        found = embed(new_encoder(config, panel, seed), panel, pool=POOLS[config.evaluation.pool])
        with replacing(out / "embeddings" / f"{seed}.npy") as path, path.open("wb") as stream:
            np.save(stream, found)


def simulated(plan: Plan) -> tuple[Panel, Parts, list[np.ndarray]]:
    """A panel of people with three diagnoses, and features by random networks of one layer."""
    rng = np.random.default_rng(0)
    n = 1000
    hidden = rng.normal(size=(n, 12))
    label = hidden[:, :3] + rng.normal(size=(n, 3)) > [0.3, 0.8, 1.2]
    seen = hidden @ rng.normal(size=(12, 20)) + 1.5 * rng.normal(size=(n, 20))
    features = [
        np.tanh(seen @ rng.normal(size=(20, 16)) / 5 + rng.normal(size=16)) for _ in range(plan.encoders)
    ]
    panel = Panel.from_arrays(
        np.zeros((n, 1, 2), np.float32), label=label, patient=np.arange(n), sfreq=1, classes=tuple("abc")
    )
    parts = np.split(np.arange(n), [300, 400])
    return panel, dict(zip(("train", "validation", "test"), parts, strict=True)), features


def planted(prob: np.ndarray, target: np.ndarray, shift: float) -> np.ndarray:
    """Probabilities with their logits moved towards the truth."""
    moved = logit(np.clip(prob, 1e-6, 1 - 1e-6)) + shift * (2 * target - 1)
    return np.asarray(expit(moved))


def over_all(prob: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Metric over all people, shape (encoder, label draw)."""
    one = np.ones((len(target), 1))
    return np.array([[Scorer(p, target, names=[METRIC])(one)[METRIC][0] for p in row] for row in prob])


def shift_of_gain(prob: np.ndarray, target: np.ndarray) -> float:
    """The shift of logits that adds the gain to the mean metric, by bisection over some encoders."""
    some, low, high = prob[:10], 0.0, 2.0
    mean = over_all(some, target).mean()
    for _ in range(12):
        middle = (low + high) / 2
        gain = over_all(planted(some, target, middle), target).mean() - mean
        low, high = (middle, high) if gain < GAIN else (low, middle)
    return (low + high) / 2


def repeat(out: Path, plan: Plan, repetitions: int, workers: int) -> None:
    """Append the repetitions that are missing to the file, some in a line, in the order of their cells."""
    done = {(line["fraction"], line["patients"], line["first"]) for line in lines(out)}
    starts = range(0, repetitions, CHUNK)
    missing = [job for job in product(plan.fractions, plan.patients, starts) if job not in done]
    missing.sort(key=lambda job: job[2])  # all cells advance together
    run = partial(repetitions_of, out, plan.n_bootstrap)
    with ProcessPoolExecutor(workers) as pool, (out / "repetitions.jsonl").open("a") as file:
        for line in pool.map(run, *zip(*missing, strict=True)) if missing else ():
            file.write(json.dumps(line) + "\n")
            file.flush()


def lines(out: Path) -> list[dict[str, Any]]:
    """What is finished."""
    path = out / "repetitions.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def repetitions_of(out: Path, n_bootstrap: int, fraction: float, patients: int, first: int) -> dict[str, Any]:
    """Some repetitions of a cell."""
    bank = Bank(**read_arrays(out / f"bank-{fraction:g}.npz"))
    with threadpool_limits(1):
        found = [
            dict(one_repetition(bank, patients, n_bootstrap, (f"{fraction:g}", patients, at)))
            for at in range(first, first + CHUNK)
        ]
    return {"fraction": fraction, "patients": patients, "first": first, "found": found}


def one_repetition(
    bank: Bank, patients: int, n_bootstrap: int, key: tuple[Any, ...]
) -> Iterator[tuple[str, list[float]]]:
    """Verdicts on encoders, label draws and patients drawn anew.

    Yields
    ------
    name, [value, low, high, truth, variance over patients]
    """
    rng = numpy_generator(*key)
    encoders = rng.choice(len(bank.prob), 2 * K, replace=False)
    draws = rng.integers(bank.prob.shape[1], size=K)
    people = rng.integers(bank.patient.max() + 1, size=patients)
    score = partial(resampled, bank, people, n_bootstrap)
    own, inits, others = encoders[0], encoders[1 : K + 1], encoders[K:]

    once = draws if bank.prob.shape[1] > 1 else draws[:1]
    single = score([(own, draw) for draw in once])
    control = score(list(product(inits, once))).crossed(len(once))
    found = difference_from_random(single.averaged(len(once)), control)[METRIC]
    expected = float(bank.truth[own].mean() - bank.truth.mean())
    yield "single", [found.value, found.low, found.high, expected, found.resampled]
    yield "value of one", ends(single, float(bank.truth[own].mean()))
    yield "value of five", ends(control, float(bank.truth.mean()))

    first, second = (list(product(side, once)) for side in (encoders[:K], others))
    one, two = (score(side).crossed(len(once)) for side in (first, second))
    found = paired_difference(one, two)[METRIC]
    yield "method", [found.value, found.low, found.high, 0.0, found.resampled]
    gain = float((bank.raised - bank.truth).mean())
    found = paired_difference(score(first, raised=True).crossed(len(once)), two)[METRIC]
    yield "planted", [found.value, found.low, found.high, gain, found.resampled]


def ends(found: Resampled, truth: float) -> list[float]:
    """Value, interval, truth, and variance over patients."""
    interval = found.intervals()[METRIC]
    return [interval.value, interval.low, interval.high, truth, found.variance(METRIC).resampled]


def resampled(
    bank: Bank,
    people: np.ndarray,
    n_bootstrap: int,
    pairs: Sequence[tuple[int, int]],
    *,
    raised: bool = False,
) -> Resampled:
    """Records of the people drawn, each draw as another patient, by encoders on draws of labels."""
    rows = [np.flatnonzero(bank.patient == person) for person in people]
    at, patient = np.concatenate(rows), np.repeat(np.arange(len(people)), list(map(len, rows)))
    trial = np.arange(len(at))
    target, shift = bank.target[at], raised * float(bank.shift)
    probs = (bank.prob[pair][at] for pair in pairs)
    predictions = [Predictions(planted(p, target, shift), target, patient, trial) for p in probs]
    return resample(predictions, n_bootstrap=n_bootstrap, names=[METRIC])


def report(out: Path, plan: Plan) -> None:
    """Print a row for each cell and the line of the whole."""
    cells = [cell(out, *key) for key in product(plan.fractions, plan.patients)]
    for row in [
        list(cells[0]),
        ["---"] * len(cells[0]),
        *(list(map(shown, each.values())) for each in cells),
    ]:
        print("| " + " | ".join(row) + " |")
    largest = [each for each in cells if each["patients"] == max(plan.patients)]
    line = {
        "name": "verdicts",
        "repetitions": min(each["repetitions"] for each in cells),
        "false_positive_max": max(max(each["one encoder"], each["five"]) for each in cells),
        "coverage_min": min(value for each in cells for name, value in each.items() if "coverage" in name),
        "power": {each["labels"]: each["power"] for each in largest},
        "power_lost_max": max(each["power, known variance"] - each["power"] for each in largest),
        "width_max": max(each["width"] for each in cells),
    }
    print(json.dumps(line))


def cell(out: Path, fraction: float, patients: int) -> dict[str, Any]:
    """Rates over the repetitions of a cell."""
    all_lines = [line for line in lines(out) if (line["fraction"], line["patients"]) == (fraction, patients)]
    found = [each for line in all_lines for each in line["found"]]
    value, low, high, truth, variance = (
        {name: np.array([each[name][i] for each in found]) for name in found[0]} for i in range(5)
    )

    def significant(name: str) -> float:
        return float(((low[name] > 0) | (high[name] < 0)).mean())

    def by_patients_only(name: str) -> float:
        return float((np.abs(value[name]) > 1.96 * np.sqrt(variance[name])).mean())

    def covered(name: str) -> float:
        return float(((low[name] <= truth[name]) & (truth[name] <= high[name])).mean())

    known = 2 * 1.96 * value["method"].std(ddof=1)
    return {
        "labels": f"{100 * fraction:g} %",
        "patients": patients,
        "repetitions": len(found),
        "one encoder: patients only": by_patients_only("single"),
        "one encoder": significant("single"),
        "five: patients only": by_patients_only("method"),
        "five": significant("method"),
        "coverage, one value": covered("value of one"),
        "coverage, mean value": covered("value of five"),
        "coverage, gain": covered("planted"),
        "power": float((low["planted"] > 0).mean()),
        "power, known variance": float((value["planted"] > known / 2).mean()),
        "width": float((high["method"] - low["method"]).mean() / known),
    }


def shown(value: Any) -> str:
    """A rate with three decimals."""
    return f"{value:.3f}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
