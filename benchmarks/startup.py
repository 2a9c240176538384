"""Processor seconds until commands answer, beside a Python that imports torch and nothing else.

Commands that list, show, help or refuse must stay below 0.6 s; those that read data must speak within 2 s
where the cache is warm; a small run shows what training, evaluation and report cost before there
is anything to compute. The best of five processes each, in turn. One thread:

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
from typing import NamedTuple

LISTING = (
    ("--help",), ("--version",), ("list",), ("list", "encoders"), ("data", "list"), ("fit", "--bogus"),
    ("frob",),
)  # fmt: skip
LIMIT, SPOKEN_WITHIN = 0.6, 2.0
SMALL = (
    "dataset={name: ptb-xl-sim, patients: 60, records_per_patient: 1.0}", "window.seconds=1.25",
    "encoder={name: dilated-conv, hidden: 4, dim: 8, depth: 3}", "training.epochs=1", "evaluation.seeds=1",
    "evaluation.labels=[1.0]", "evaluation.n_bootstrap=100",
)  # fmt: skip


class Cost(NamedTuple):
    """Processor seconds, also until the first line was printed, and largest memory in MB."""

    seconds: float
    spoke: float
    memory: float


def cost(*arguments: str, code: int = 0) -> Cost:
    """Of a Python process that must end with an exit code."""
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    process.stdout.readline()
    spoke = _spent(process.pid)
    process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != code:
        raise SystemExit(f"python {' '.join(arguments)} ended with exit code {process.returncode}")
    total = used.ru_utime + used.ru_stime
    return Cost(total, min(spoke, total), used.ru_maxrss / 1024)


def _spent(process: int) -> float:
    """Processor seconds so far; of one that has ended nothing is known, so that its total stands for it."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return float("inf")
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Compare, and print one JSON line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"TSREP_DATA": f"{folder}/data", "TSREP_CACHE": f"{folder}/cache"}
        run, typo = str(Path(folder) / "runs" / "run"), Path(folder) / "typo.yaml"
        typo.write_text("training: {epocs: 3}\n", encoding="utf-8")
        settings = [word for setting in SMALL for word in ("--set", setting)]
        fit = ("-m", "tsrep", "fit", *settings)
        commands = {f"tsrep {' '.join(words)}": ("-m", "tsrep", *words) for words in LISTING}
        commands["tsrep runs"] = ("-m", "tsrep", "runs", f"{folder}/runs")
        commands["tsrep show"] = ("-m", "tsrep", "show", run)
        commands["tsrep fit -c typo.yaml"] = ("-m", "tsrep", "fit", "-c", str(typo))
        quick = list(commands)
        cost(*fit, "--out", run)  # simulates the data
        commands["import torch"] = ("-c", "import torch")
        commands["tsrep fit --resume"] = ("-m", "tsrep", "fit", "--resume", run)
        commands["tsrep data check"] = ("-m", "tsrep", "data", "check", "ptb-xl-sim", *settings[:2])
        commands["tsrep embed"] = ("-m", "tsrep", "embed", run, "--overwrite", "--out", f"{folder}/x.npz")
        commands["tsrep evaluate"] = ("-m", "tsrep", "evaluate", run, "--protocol", "knn")
        spent: dict[str, list[Cost]] = {name: [] for name in commands} | {"tsrep fit": []}
        refused = {"tsrep fit --bogus", "tsrep frob", "tsrep fit -c typo.yaml"}
        for k in range(rounds):
            for name, words in commands.items():
                spent[name].append(cost(*words, code=2 if name in refused else 0))
            spent["tsrep fit"].append(cost(*fit, "--out", f"{folder}/other-{k}"))
    best = {name: Cost(*map(min, zip(*each, strict=True))) for name, each in spent.items()}
    for name, found in best.items():
        print(f"{name:<22}  {found.seconds:6.2f} s  first line {found.spoke:5.2f} s  {found.memory:6.0f} MB")
    slowest = max(quick, key=lambda name: best[name].seconds)
    print(f"the slowest quick one, {slowest}: {best[slowest].seconds:.2f} s of at most {LIMIT} s")
    speaks = {name: best[name].spoke for name in ("tsrep fit", "tsrep data check")}
    print(
        f"first lines after {', '.join(f'{s:.2f}' for s in speaks.values())} s of at most {SPOKEN_WITHIN} s"
    )
    result = {
        "time_ratio": round(best[slowest].seconds / best["import torch"].seconds, 3),
        "memory_ratio": round(best[slowest].memory / best["import torch"].memory, 3),
        "max_abs_diff": None,
        "seconds": {name: round(found.seconds, 3) for name, found in best.items()},
        "spoke": {name: round(found.spoke, 3) for name, found in best.items()},
    }
    print(json.dumps({"name": "startup", **result}))


if __name__ == "__main__":
    main()
