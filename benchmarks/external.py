"""Does a validation show what is planted between cohorts, and nothing where nothing is? Ten seeds.

    python benchmarks/external.py [--seeds 10] [--quick] [--folder DIR]

Cohorts of one simulator are written as arrays: ``same``; ``device`` with another frequency response and
gain; ``prevalence`` with half of the patients without an infarction; and ``tied``, whose infarctions come
with a slow wave on all leads. Heads on amplitude and spectrum are fitted on a cohort ``home`` and on
``tied``. Besides, drops between two groups of scores from one distribution say how often their interval
excludes zero. The last line is JSON: shares of seeds whose interval of the drop lies above zero, shares
whose predicted rate of infarction is off the prevalence, and the false-positive rate of drops.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import signal

import tsrep
from tsrep.evaluation.bootstrap import resample
from tsrep.evaluation.difference import difference_of_cohorts
from tsrep.evaluation.predictions import Predictions
from tsrep.rng import numpy_generator
from tsrep.runs.validate.validation import Validation
from tsrep.signals import Panel

PATIENTS, RATE = 300, 100
CONTROL = "simple:amplitude-and-spectrum"
CLASS = "MI"
DROPS = {
    "same": ("home", "same"),
    "device": ("home", "device"),
    "prevalence": ("home", "prevalence"),
    "shortcut": ("tied", "same"),
}


def main() -> None:
    """Simulate, validate, count, and print the line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--folder", type=Path, help="of the cohorts; kept, and used again")
    parser.add_argument("--quick", action="store_true", help="one seed and few repetitions")
    options = parser.parse_args()
    seeds, repetitions = (1, 50) if options.quick else (options.seeds, 1000)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        found = [shown(validated(folder / str(seed), seed)) for seed in range(seeds)]
    line: dict[str, Any] = {"name": "external", "seeds": seeds}
    for key in found[0]:
        line[key] = {name: float(np.mean([each[key][name] for each in found])) for name in found[0][key]}
    print(json.dumps(line | {"drop of nothing": false_drops(repetitions)}))


def validated(folder: Path, seed: int) -> Validation:
    """Heads of two cohorts on all, of one seed."""
    divided = {"split": {"name": "stratified", "validation": 0.1, "test": 0.45}}
    cohorts = {"home": divided, "tied": divided}
    cohorts |= {name: {"use": "test"} for name in ("same", "device", "prevalence")}
    for k, name in enumerate(cohorts):
        if not (folder / name).is_dir():
            write(folder / name, name, seed * len(cohorts) + k)
    entries = [
        {"name": "arrays", "root": folder / name, "title": name, "sfreq": RATE, "unit": "mV", **settings}
        | {"label": ["NORM", "MI", "STTC", "CD"]}
        for name, settings in cohorts.items()
    ]
    return tsrep.validate([CONTROL], entries, out=folder / "page", device="cpu", progress=False)


def write(folder: Path, name: str, seed: int) -> None:
    """A simulated cohort as an array and a table."""
    panel: Any = tsrep.load("ptb-xl-sim", patients=PATIENTS, records_per_patient=1.0, seed=seed)
    x, keep = planted(name, panel, numpy_generator("external", name, seed))
    folder.mkdir(parents=True)
    np.save(folder / "records.npy", x[keep].astype(np.float32))
    table = pd.DataFrame({"patient": [f"{name}-{p}" for p in panel.patient]})
    for k, of_class in enumerate(panel.classes):
        table[of_class] = panel.label[:, k].astype(int)
    table[keep].to_csv(folder / "records.csv", index=False)


def planted(name: str, panel: Panel, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Signals, shape (record, lead, time), and which records are kept."""
    x, ill = panel.x.astype(np.float64), panel.label[:, panel.classes.index(CLASS)]
    keep = np.ones(len(x), bool)
    if name == "device":
        band = signal.butter(2, (1.5, 12), "bandpass", fs=RATE, output="sos")
        x = 0.6 * signal.sosfiltfilt(band, x)
    if name == "prevalence":
        keep = ill | (rng.random(len(x)) < 0.5)
    if name == "tied":
        phase = rng.uniform(0, 2 * np.pi, (len(x), 1, 1))
        x += ill[:, None, None] * 0.3 * np.sin(2 * np.pi * 3 * np.arange(x.shape[-1]) / RATE + phase)
    return x, keep


def shown(found: Validation) -> dict[str, dict[str, bool]]:
    """Whether the drop of each kind lies above zero, and whether rates are off, by their intervals."""
    name = found.methods[0]
    drops = {(d.encoder, d.fitted_on, d.dataset): d.difference for d in found.drops}
    at = found.classes.index(CLASS)
    rates = {kind: found.by_class[name, *place][at].in_the_large for kind, place in DROPS.items()}
    return {
        "drop above zero": {kind: drops[name, *place].low > 0 for kind, place in DROPS.items()},
        "rate off": {kind: rate.low > 0 or rate.high < 0 for kind, rate in rates.items()},
    }


def false_drops(repetitions: int) -> Mapping[str, float]:
    """How often the interval of a drop excludes zero where both groups are of one distribution."""
    rng = numpy_generator("external", "nothing")
    found = {"one encoder": [], "five encoders": []}  # type: dict[str, list[bool]]
    for _ in range(repetitions):
        for name, encoders in (("one encoder", 1), ("five encoders", 5)):
            skill = 1 + 0.3 * rng.normal(size=encoders)  # an encoder is as good on both
            groups = [scored(rng, patients, skill) for patients in (150, 100)]
            one, two = (resample(group, n_bootstrap=200, names=["auroc"]) for group in groups)
            gap = difference_of_cohorts(one, two)["auroc"]
            found[name].append(gap.low > 0 or gap.high < 0)
    return {name: float(np.mean(each)) for name, each in found.items()}


def scored(rng: np.random.Generator, patients: int, skill: np.ndarray) -> list[Predictions]:
    """Predictions of some patients with one or two records each, by encoders of given skill."""
    ill = rng.random(patients) < 0.4
    patient = np.repeat(np.arange(patients), rng.integers(1, 3, patients))
    common = rng.normal(size=(patients, 1)) + rng.normal(size=(patients, len(skill))) * 0.5
    score = ill[:, None] * skill + common
    prob = 1 / (1 + np.exp(-score[patient] - 0.3 * rng.normal(size=(len(patient), len(skill)))))
    target = ill[patient][:, None]
    return [Predictions(prob[:, [k]], target, patient, np.arange(len(patient))) for k in range(len(skill))]


if __name__ == "__main__":
    main()
