"""Memory and time of predicting many short recordings, and one of a day.

Fifty recordings of one lead and ten seconds are linked into a folder, a thousand and then a hundred thousand
times, and each folder is predicted by a process of its own. A recording of three leads and 24 hours is
predicted beside one of an hour. Run from the repository root:

    python benchmarks/predict.py

``--quick`` links 2,000 at most, and records three hours. The last line is JSON: peak memory of the large job
over that of the small one, time per recording likewise, and the largest difference between the probabilities
that they give the same recording.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from tsrep.datasets.formats.wfdb_record import write_wfdb
from tsrep.evaluation.heads.facts import FittedOn
from tsrep.evaluation.heads.head import Head
from tsrep.evaluation.labels.linear_probe import fit_probe
from tsrep.registry import ENCODERS
from tsrep.runs.architecture import Architecture
from tsrep.runs.loaded_encoder import LoadedEncoder
from tsrep.runs.predict.output import Destination
from tsrep.runs.predict.predict import predict_to
from tsrep.runs.weights import weights_digest
from tsrep.signals.contract import SignalContract

MB = 1 << 20
SOURCES = 50
ROOM = 64  # megabytes that a job of any size may take beyond a small one


@dataclass(frozen=True)
class Cost:
    """Peak memory in megabytes, seconds, and the probabilities of some recordings by name."""

    megabytes: float
    seconds: float
    probabilities: dict[str, list[float]]


def predictor(leads: tuple[str, ...], rate: float) -> LoadedEncoder:
    """An encoder of random weights with a head."""
    settings = {"name": "dilated-conv", "hidden": 8, "dim": 32, "depth": 4}
    made = Architecture(ENCODERS.entry("dilated-conv").settings.model_validate(settings), len(leads))
    encoder = made.drawn(0).eval()
    contract = SignalContract.model_validate(
        {
            "modality": "ecg", "channels": leads, "sfreq": rate, "unit": "mV",
            "window": {"steps": round(2.5 * rate), "seconds": 2.5, "hop_seconds": 2.5},
            "standardise": {"how": "global", "mean": (0.0,), "std": (0.3,)},
        }
    )  # fmt: skip
    rng = np.random.default_rng(0)
    probe = fit_probe(rng.normal(size=(90, 64)), rng.integers(0, 3, 90), 3, C=(0.1,))
    weights = weights_digest(encoder.state_dict())
    fitted = FittedOn(
        weights=weights, protocol="probe", fraction=1.0, subsample_by="all", seed=0, labelled="", samples=90,
        records=90, patients=90, class_counts=(30, 30, 30),
    )  # fmt: skip
    head = Head("probe-1-0", probe, ("a", "b", "c"), False, "max-mean", fitted)
    return LoadedEncoder(encoder, contract, "random weights", weights, heads={"probe-1-0": head})


def signal(leads: int, seconds: float, rate: float, seed: int) -> np.ndarray:
    """Counts of a microvolt, int16, shape (lead, time)."""
    return np.random.default_rng(seed).integers(-900, 900, (leads, round(seconds * rate)), np.int16)


def linked(folder: Path, count: int) -> Path:
    """A folder of so many recordings, which are hard links to fifty."""
    sources = folder / "sources"
    if not sources.exists():
        sources.mkdir()
        for k in range(SOURCES):
            write_wfdb(sources / f"s{k:02d}", signal(1, 10, 100, k), sfreq=100.0, channels=("I",))
    place = folder / f"links-{count}"
    for k in range(count):
        of, inside = f"s{k % SOURCES:02d}", place / f"{k // 1000:03d}"
        if k % 1000 == 0:
            inside.mkdir(parents=True)
            for j in range(SOURCES):
                os.link(sources / f"s{j:02d}.dat", inside / f"s{j:02d}.dat")
        # the header names the signal file beside it, whatever the header itself is called
        os.link(sources / f"{of}.hea", inside / f"r{k % 1000:03d}.hea")
    return place


def long(folder: Path, hours: float) -> Path:
    """A folder with one recording of three leads at 250 Hz."""
    place = folder / f"hours-{hours:g}"
    place.mkdir()
    write_wfdb(place / "holter", signal(3, 3600 * hours, 250, 1), sfreq=250.0, channels=("I", "II", "V1"))
    return place


def measured(place: Path, leads: tuple[str, ...], rate: float, workers: int) -> Cost:
    """What it costs to predict a folder, in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(cost, (place, leads, rate, workers))


def cost(place: Path, leads: tuple[str, ...], rate: float, workers: int) -> Cost:
    """See :func:`measured`."""
    torch.set_num_threads(1)
    from tsrep.runs.predict.options import Options

    out = place.with_suffix(".csv")
    start = time.perf_counter()
    with threadpool_limits(1):
        predict_to(Destination(out), predictor(leads, rate), place, options=Options(workers=workers))
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Cost(peak / MB, seconds, some_of(out))


def some_of(table: Path) -> dict[str, list[float]]:
    """Probabilities of the first recordings of a table."""
    import csv

    with table.open(encoding="utf-8", newline="") as stream:
        rows = [row for _, row in zip(range(1000), csv.DictReader(stream), strict=False)]
    return {row["record"]: [float(row[f"p_{name}"]) for name in "abc"] for row in rows}


def difference(one: Cost, other: Cost) -> float:
    """Largest difference between probabilities of the same recordings."""
    shared = one.probabilities.keys() & other.probabilities.keys()
    return max(float(np.ptp([one.probabilities[k], other.probabilities[k]], axis=0).max()) for k in shared)


def main() -> None:
    """Run both comparisons."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="2,000 recordings and three hours")
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    few, many, hours = (200, 2_000, 3.0) if given.quick else (1_000, given.files, 24.0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small, large = (measured(linked(folder, n), ("I",), 100.0, given.workers) for n in (few, many))
        print(f"{few:,} files: {small.megabytes:.0f} MB, {1e3 * small.seconds / few:.2f} ms each")
        print(f"{many:,} files: {large.megabytes:.0f} MB, {1e3 * large.seconds / many:.2f} ms each")
        leads = ("I", "II", "V1")
        short, day = (measured(long(folder, h), leads, 250.0, given.workers) for h in (1.0, hours))
        print(
            f"1 hour: {short.megabytes:.0f} MB; {hours:g} hours: {day.megabytes:.0f} MB, {day.seconds:.0f} s"
        )
    result = {
        "name": "predict",
        "time_ratio": round(large.seconds / many * few / small.seconds, 3),
        "memory_ratio": round(large.megabytes / small.megabytes, 3),
        "max_abs_diff": difference(small, large),
        "megabytes_more": round(large.megabytes - small.megabytes, 1),
        "megabytes_more_of_a_day": round(day.megabytes - short.megabytes, 1),
        "room": ROOM,
    }
    print(json.dumps(result))
    if max(result["megabytes_more"], result["megabytes_more_of_a_day"]) > ROOM:
        sys.exit(f"more than {ROOM} MB beyond the small job")


if __name__ == "__main__":
    main()
