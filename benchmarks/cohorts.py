"""Index and sampling of a million recordings of several cohorts: time and memory, without their signals.

    python benchmarks/cohorts.py [--records 1000000] [--quick] [--folder DIR]

Three cohorts (80, 15 and 5 %) lie in sparse files, which take no room on a disk that knows such files. They
are joined into one panel, which is looked into for the memory that it keeps, and drawn from by the sampler
cohort-wise. Reading of batches from the files is timed beside the same from one array in memory, alternating.
The last line is JSON: time of a batch from the joined files over that from memory, and the memory of the
index over the 250 MB that it may have for a million recordings.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np

from tsrep.datasets.cohorts.joining import joined
from tsrep.sampling.cohort_wise import CohortWiseSampler
from tsrep.signals import Panel

LEADS, STEPS, CLASSES = 12, 1000, 26
SHARES = {"large": 0.8, "middle": 0.15, "small": 0.05}
BATCH, BATCHES = 256, 40
ALLOWED = 250e6  # bytes of the index of a million


def sparse(path: Path, records: int) -> Any:
    """A store of zeros that takes no room."""
    header = {"descr": "<i2", "fortran_order": False, "shape": (records, LEADS, STEPS)}
    with path.open("wb") as out:
        np.lib.format.write_array_header_1_0(out, header)
        out.truncate(out.tell() + 2 * records * LEADS * STEPS)
    return np.load(path, mmap_mode="c")


def cohort(name: str, records: int, store: Any) -> Panel:
    rng = np.random.default_rng(len(name))
    known = np.broadcast_to(rng.random(CLASSES) < 0.8, (records, CLASSES))
    return Panel.from_store(
        store,
        gain=0.001,
        label=rng.random((records, CLASSES)) < 0.05,
        known=known,
        patient=np.arange(records) // 2,
        trial=np.arange(records),
        fold=np.where(np.arange(records) % 10 == 0, 10, 1),
        sfreq=100.0,
        channels=tuple(f"ch{i}" for i in range(LEADS)),
        classes=tuple(f"class {i}" for i in range(CLASSES)),
        unit="mV",
        meta={"age": rng.normal(60, 15, records), "sex": rng.choice(["F", "M"], records)},
        digest=name,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--quick", action="store_true", help="50,000 recordings")
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    records = 50_000 if given.quick else given.records
    with tempfile.TemporaryDirectory(dir=given.folder) as place:
        parts = {
            name: cohort(
                name, int(share * records), sparse(Path(place) / f"{name}.npy", int(share * records))
            )
            for name, share in SHARES.items()
        }
        tracemalloc.start()
        started = time.perf_counter()
        panel = joined(parts, parts["large"].classes)
        seconds = time.perf_counter() - started
        held, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        n = len(panel)
        sizes = f"index {held / 1e6:.0f} MB, at most {most / 1e6:.0f} MB"
        print(f"{n:,} recordings joined in {seconds:.1f} s; {sizes}")
        for pure in (False, True):
            started = time.perf_counter()
            sampler = CohortWiseSampler(panel, BATCH, 0, share=0.5, pure=pure)
            batches = sampler.epoch(0)
            print(f"an epoch of {len(batches):,} batches, pure={pure}: {time.perf_counter() - started:.2f} s")
        inside = np.zeros((min(n, 20_000), LEADS, STEPS), np.int16)
        memory = Panel.from_arrays(
            inside, label=np.arange(len(inside)) % 2, patient=np.arange(len(inside)), sfreq=1.0
        )
        ours, theirs = timed(panel, memory, batches)
        print(f"{BATCH / ours:,.0f} recordings a second from files, {BATCH / theirs:,.0f} from memory")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        json.dumps(
            {
                "name": "cohorts",
                "time_ratio": ours / theirs,
                "memory_ratio": held / (ALLOWED * n / 1e6),
                "max_abs_diff": 0.0,
                "join_s": seconds,
                "index_MB": held / 1e6,
                "peak_GB": peak,
            }
        )
    )


def timed(panel: Panel, memory: Panel, batches: list[Any]) -> tuple[float, float]:
    """Median seconds of a batch from files and from memory, alternating."""
    took: list[list[float]] = [[], []]
    rng = np.random.default_rng(0)
    for k in range(BATCHES):
        index = batches[k % len(batches)]
        pairs = ((panel, index), (memory, rng.integers(0, len(memory), len(index))))
        for side, (of, at) in enumerate(pairs):
            started = time.perf_counter()
            of.take(at)
            took[side].append(time.perf_counter() - started)
    return float(np.median(took[0])), float(np.median(took[1]))


if __name__ == "__main__":
    main()
