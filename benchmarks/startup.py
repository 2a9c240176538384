"""Processor seconds until commands answer, beside a Python that imports torch and nothing else.

Commands that list, show, help or refuse must stay below 0.6 s; those that read data must speak within 2 s
where the cache is warm; a small run shows what training, evaluation and report cost before there
is anything to compute. The best of three processes of those that answer at once, one of those that compute,
each told as soon as it is measured. One thread:

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

ANSWERED = ("--help", "--version", "list", "list encoders", "data list")
REFUSED = ("fit --bogus", "frob", "show absent", "fit -c typo.yaml")
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


def told(name: str, arguments: list[str], rounds: int, code: int = 0) -> Cost:
    """The best of some processes, printed."""
    found = Cost(*map(min, zip(*(cost(*arguments, code=code) for _ in range(rounds)), strict=True)))
    line = f"{name:<22}  {found.seconds:6.2f} s  first line {found.spoke:5.2f} s  {found.memory:6.0f} MB"
    print(line, flush=True)
    return found


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
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    best = {"import torch": told("import torch", ["-c", "import torch"], rounds)}
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"TSREP_DATA": f"{folder}/data", "TSREP_CACHE": f"{folder}/cache"}
        run, typo = str(Path(folder) / "runs" / "run"), Path(folder) / "typo.yaml"
        typo.write_text("training: {epocs: 3}\n", encoding="utf-8")
        settings = [word for setting in SMALL for word in ("--set", setting)]
        for code, commands in ((0, ANSWERED), (2, REFUSED)):
            for command in commands:
                words = command.replace("typo.yaml", str(typo)).split()
                best[f"tsrep {command}"] = told(f"tsrep {command}", ["-m", "tsrep", *words], rounds, code)
        computing = {
            "tsrep fit, cold": ["fit", *settings, "--out", run],  # simulates the data
            "tsrep fit": ["fit", *settings, "--out", f"{folder}/other"],
            "tsrep fit --resume": ["fit", "--resume", run],
            "tsrep data check": ["data", "check", "ptb-xl-sim", *settings[:2]],
            "tsrep embed": ["embed", run, "--out", f"{folder}/x.npz"],
            "tsrep evaluate": ["evaluate", run, "--protocol", "knn"],
        }
        for name, words in computing.items():
            best[name] = told(name, ["-m", "tsrep", *words], 1)
        for name, words in {"tsrep runs": ["runs", f"{folder}/runs"], "tsrep show": ["show", run]}.items():
            best[name] = told(name, ["-m", "tsrep", *words], rounds)
    quick = [name for name in best if name not in computing and name != "import torch"]
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
