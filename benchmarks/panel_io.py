"""Random batches of real PTB-XL from the converted memory map, beside reading WFDB each time.

    python benchmarks/panel_io.py [FOLDER]

Prints the time of the first conversion and of the second start, then reads the same random batches both
ways, alternating, in one process. The last line is JSON: time and peak memory of ours over theirs.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tsrep.datasets import load
from tsrep.rng import numpy_generator

BATCH = 64
ROUNDS = 8
MAPPED_PER_ROUND = 50


def timed(work: Callable[[], np.ndarray]) -> tuple[float, np.ndarray]:
    begin = time.perf_counter()
    result = work()
    return time.perf_counter() - begin, result


def peak(work: Callable[[], np.ndarray]) -> int:
    tracemalloc.start()
    work()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=Path("../shared/data/ptb-xl"))
    root = parser.parse_args().folder
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import wfdb

    with tempfile.TemporaryDirectory() as cache:

        def start():
            return load("ptb-xl", root, cache=cache, task="all", progress=False)

        first, panel = timed(start)
        second, panel = timed(start)
        print(f"{len(panel)} records: first start (conversion) {first:.2f} s, second start {second:.3f} s")
        stems = {
            trial: str(root / f"records100/{trial // 1000 * 1000:05d}/{trial:05d}_lr")
            for trial in panel.trial.tolist()
        }

        def from_files(index: np.ndarray) -> np.ndarray:
            signals = [wfdb.rdrecord(stems[trial]).p_signal.T for trial in panel.trial[index].tolist()]
            return np.asarray(signals, np.float32)

        ours, theirs, worst = [], [], 0.0
        for k in range(ROUNDS):
            rng = numpy_generator(0, "panel_io", k)
            batches = [np.sort(rng.choice(len(panel), BATCH, replace=False)) for _ in range(MAPPED_PER_ROUND)]
            seconds, read = timed(lambda b=batches[0]: from_files(b))
            theirs.append(seconds)
            worst = max(worst, float(np.abs(read - panel.take(batches[0])).max()))
            ours += [timed(lambda b=b: panel.take(b))[0] for b in batches]
        index = np.arange(BATCH)
        memory = peak(lambda: panel.take(index)) / peak(lambda: from_files(index))
    a, b = float(np.median(ours)), float(np.median(theirs))
    print(f"batches of {BATCH} x 12 x 1000 a second: {1 / a:,.0f} from the map, {1 / b:.1f} through wfdb")
    result = {"time_ratio": round(a / b, 5), "memory_ratio": round(memory, 3), "max_abs_diff": worst}
    print(json.dumps({"name": "panel_io", **result}))


if __name__ == "__main__":
    main()
