"""How time, memory and report grow with the number of recordings, each as the exponent of a power law.

Run ``python benchmarks/scale.py --out DIR`` (one thread, most of an hour; ``--quick`` stops at 4,000
recordings). For 1,000, 10,000 and 100,000 simulated recordings of one lead and ten seconds at 100 Hz the
commands that a user would give run one after the other, each as a process of its own: the first check of the
data (conversion, quality, fingerprints), a second one on the warm store, the start on it (``tsrep.load``), an
epoch of SimCLR, evaluation by a linear probe and by nearest neighbours, and the report. Processor time and
the largest resident set are those that the kernel counts for the process. What a command takes for hardly
any recordings, a tenth of the least size, is taken off before the exponent is computed from the last two
sizes: ``log(t2 / t1) / log(n2 / n1)``. Finished measurements are kept in DIR; the last line is JSON. Four
classes differ by the rate of their pulses, one of them by its irregularity; ``--classes 3000`` takes as many
rates, in a DIR of its own.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import sys
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tsrep.files import write_text

SFREQ, SECONDS, RECORDS_A_PATIENT = 100, 10, 2
CLASSES, IRREGULAR = 4, 3
MB = 1 << 20
START = """\
import sys, tsrep
tsrep.load("arrays", sys.argv[1], sfreq=float(sys.argv[2]), unit="uV", progress=False)
"""
CONFIG = """\
version: 1
window: {seconds: 2.5}
split: {name: stratified}
encoder: {name: resnet1d, width: 8, dim: 16}
objective: {name: simclr}
training: {epochs: 1, batch_size: 256}
evaluation: {protocols: [probe], labels: [1.0], seeds: 2}
"""


@dataclass(frozen=True)
class Cost:
    """What one command took.

    Attributes
    ----------
    seconds : float
        Of processor time.
    megabytes : float
        Largest resident set.
    """

    seconds: float
    megabytes: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of data, runs and measurements")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--quick", action="store_true", help="1,000 and 4,000 recordings")
    parser.add_argument("--classes", type=int, default=CLASSES)
    options = parser.parse_args()
    sizes = [1_000, 4_000] if options.quick else sorted(set(options.sizes))
    if len(sizes) < 2 or sizes[0] < 1_000:
        parser.error("growth needs two sizes or more, of 1,000 recordings at least")
    found = {n: measured(options.out, n, options.classes) for n in [sizes[0] // 10, *sizes]}
    reports = {n: (folder(options.out, n) / "run" / "report.html").stat().st_size / MB for n in sizes}
    print("\n".join(table(found, reports)))
    print(json.dumps({"name": "scale", "classes": options.classes, **summary(found, reports)}))


def measured(out: Path, records: int, classes: int) -> dict[str, Cost]:
    """Costs of all commands at one size, those at hand from the file of measurements."""
    place = folder(out, records)
    place.mkdir(parents=True, exist_ok=True)
    known = place / "costs.json"
    try:
        kept: dict[str, Any] = json.loads(known.read_text()) if known.exists() else {}
    except ValueError:
        raise SystemExit(f"{known} is damaged; delete it to measure this size again") from None
    if kept.pop("classes", classes) != classes:
        raise SystemExit(f"{known} is of another number of classes; give --out another folder")
    costs = {name: Cost(**one) for name, one in kept.items()}
    if not (place / "data" / "records.csv").exists():
        # Apart, because the memory of what is started later counts that of this process too.
        apart = get_context("spawn").Process(target=simulate, args=(place / "data", records, classes))
        apart.start()
        apart.join()
        if apart.exitcode:
            raise SystemExit(f"the simulation of {records:,} recordings ended with {apart.exitcode}")
    (place / "config.yaml").write_text(CONFIG)
    for name, command in commands(place).items():
        if name not in costs:
            print(f"{records:,} recordings: {name}", flush=True)
            if name == "epoch":  # one that was interrupted would go on from where it stopped
                shutil.rmtree(place / "run", ignore_errors=True)
            costs[name] = cost(command, place)
            told = {"classes": classes} | {name: asdict(one) for name, one in costs.items()}
            write_text(known, json.dumps(told))
    return costs


def folder(out: Path, records: int) -> Path:
    return out / str(records)


def simulate(place: Path, records: int, classes: int) -> None:
    """Pulses whose rate and regularity tell the class, in noise of each recording's own."""
    place.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(records)
    label = rng.integers(0, classes, records)
    shape = (records, 1, SFREQ * SECONDS)
    array = np.lib.format.open_memmap(place / "records.npy", "w+", np.int16, shape)
    for first in range(0, records, 2_000):
        array[first : first + 2_000, 0] = pulses(rng, label[first : first + 2_000], classes)
    array.flush()
    patient = np.arange(records) // RECORDS_A_PATIENT
    names = [f"rhythm {k}" for k in label]
    pd.DataFrame({"patient": patient, "label": names}).to_csv(place / "records.csv", index=False)


def pulses(rng: np.random.Generator, label: NDArray[np.int64], classes: int = CLASSES) -> NDArray[np.int16]:
    """Recordings of some classes in microvolts, shape (record, time)."""
    rates = np.array([1.1, 0.8, 1.7, 1.1]) if classes == CLASSES else np.geomspace(0.7, 2.0, classes)
    irregular = (label == IRREGULAR) & (classes == CLASSES)
    steps = np.arange(SFREQ * SECONDS) / SFREQ
    rate = rates[label, None] * rng.uniform(0.9, 1.1, (len(label), 1))
    wander = np.where(irregular, 0.25, 0.02)[:, None] * np.sin(2 * np.pi * 0.3 * steps)
    phase = rate * steps + wander + rng.uniform(0, 1, (len(label), 1))
    shape = 900 * np.exp(-(((phase % 1 - 0.5) / 0.04) ** 2))
    return (shape + rng.normal(0, 60, shape.shape)).round().astype(np.int16)


def commands(place: Path) -> dict[str, list[str]]:
    """What is measured, in the order in which it runs."""
    tsrep, run = ["-m", "tsrep"], str(place / "run")
    data = ["--root", str(place / "data"), "--config", str(place / "config.yaml")]
    data += ["--set", f"dataset.sfreq={SFREQ}", "--set", "dataset.unit=uV"]
    return {
        "conversion": [*tsrep, "data", "check", "arrays", *data],
        "warm check": [*tsrep, "data", "check", "arrays", *data],
        "start": ["-c", START, str(place / "data"), str(SFREQ)],
        "epoch": [*tsrep, "fit", "--dataset", "arrays", *data, "--no-evaluate", "--out", run],
        "linear probe": [*tsrep, "evaluate", run, "-p", "probe"],
        "nearest neighbours": [*tsrep, "evaluate", run, "-p", "knn"],
        "report": [*tsrep, "show", run],
    }


def cost(command: list[str], place: Path) -> Cost:
    """Run a program and ask the kernel what it took.

    Raises
    ------
    SystemExit
        When the command fails.
    """
    log = place / "log.txt"
    environment = os.environ | {"TSREP_CACHE": str(place / "cache"), "OMP_NUM_THREADS": "1"}
    with log.open("a") as file:
        actions = [(os.POSIX_SPAWN_DUP2, file.fileno(), 1), (os.POSIX_SPAWN_DUP2, file.fileno(), 2)]
        arguments = [sys.executable, *command]
        process = os.posix_spawn(sys.executable, arguments, environment, file_actions=actions)
        _, status, used = os.wait4(process, 0)
    if status:
        raise SystemExit(f"python {' '.join(command)} failed; see {log}")
    return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def exponents(found: dict[int, dict[str, Cost]]) -> dict[str, float]:
    """Growth of time from the last size but one to the last, without what no recording costs."""
    least, *sizes = sorted(found)
    small, large = sizes[-2:]
    grown = {}
    for name, none in found[least].items():
        times = [found[n][name].seconds - none.seconds for n in (small, large)]
        # Below a twentieth of a second the difference of two processes is noise.
        ratio = times[1] / max(times[0], 0.05)
        grown[name] = math.log(ratio) / math.log(large / small) if times[1] > 0.5 else 0.0
    return grown


def table(found: dict[int, dict[str, Cost]], reports: dict[int, float]) -> list[str]:
    sizes = sorted(found)[1:]
    grown = exponents(found)
    head = ["", *(f"{n:,} recordings" for n in sizes), "exponent of time"]
    rows = []
    for name, exponent in grown.items():
        costs = (found[n][name] for n in sizes)
        told = (f"{one.seconds:.1f} s, {one.megabytes:.0f} MB" for one in costs)
        rows.append([name, *told, f"{exponent:.2f}"])
    rows.append(["size of the report", *(f"{reports[n]:.1f} MB" for n in sizes), ""])
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]


def summary(found: dict[int, dict[str, Cost]], reports: dict[int, float]) -> dict[str, object]:
    least, *_, large = sorted(found)
    start = found[large]["start"].seconds - found[least]["start"].seconds
    return {
        "records": large,
        "exponents": {name: round(value, 2) for name, value in exponents(found).items()},
        "megabytes": {name: round(one.megabytes) for name, one in found[large].items()},
        "warm_start_seconds": round(start, 2),
        "report_megabytes": round(reports[large], 2),
    }


if __name__ == "__main__":
    main()
