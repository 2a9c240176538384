"""Processor seconds until commands answer, beside a Python that imports torch and nothing else.

Commands that list or help must stay below 0.6 s; a small run of a few steps shows what training, evaluation
and report cost before there is anything to compute. The best of five processes each, in turn. One thread:

    OMP_NUM_THREADS=1 python benchmarks/startup.py
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

LISTING = (("--help",), ("list",), ("list", "encoders"), ("data", "list"))
LIMIT = 0.6
SMALL = (
    "dataset={name: ptb-xl-sim, patients: 60, records_per_patient: 1.0}", "window.seconds=1.25",
    "encoder={name: dilated-conv, hidden: 4, dim: 8, depth: 3}", "training.epochs=1", "evaluation.seeds=1",
    "evaluation.labels=[1.0]", "evaluation.n_bootstrap=100",
)  # fmt: skip


def cost(*arguments: str) -> tuple[float, float]:
    """Processor seconds and largest memory in MB of a Python process."""
    process = subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"python {' '.join(arguments)} ended with exit code {process.returncode}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main() -> None:
    """Compare, and print one JSON line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"TSREP_DATA": f"{folder}/data", "TSREP_CACHE": f"{folder}/cache"}
        run = str(Path(folder) / "run")
        settings = [word for setting in SMALL for word in ("--set", setting)]
        fit = ("-m", "tsrep", "fit", *settings)
        commands = {f"tsrep {' '.join(words)}": ("-m", "tsrep", *words) for words in LISTING}
        cost(*fit, "--out", run)  # simulates the data
        commands["import torch"] = ("-c", "import torch")
        commands["tsrep show"] = ("-m", "tsrep", "show", run)
        commands["tsrep embed"] = ("-m", "tsrep", "embed", run, "--out", f"{folder}/x.npz", "--overwrite")
        commands["tsrep evaluate"] = ("-m", "tsrep", "evaluate", run, "--protocol", "knn")
        spent: dict[str, list[tuple[float, float]]] = {name: [] for name in commands} | {"tsrep fit": []}
        for k in range(rounds):
            for name, words in commands.items():
                spent[name].append(cost(*words))
            spent["tsrep fit"].append(cost(*fit, "--out", f"{run}-{k}"))
    seconds = {name: min(s for s, _ in each) for name, each in spent.items()}
    memory = {name: min(mb for _, mb in each) for name, each in spent.items()}
    for name, value in seconds.items():
        print(f"{name:<20}  {value:6.2f} s  {memory[name]:6.0f} MB")
    slowest = max((f"tsrep {' '.join(words)}" for words in LISTING), key=lambda name: seconds[name])
    print(f"the slowest that lists, {slowest}: {seconds[slowest]:.2f} s of at most {LIMIT} s")
    result = {
        "time_ratio": round(seconds[slowest] / seconds["import torch"], 3),
        "memory_ratio": round(memory[slowest] / memory["import torch"], 3),
        "max_abs_diff": None,
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
    }
    print(json.dumps({"name": "startup", **result}))


if __name__ == "__main__":
    main()
