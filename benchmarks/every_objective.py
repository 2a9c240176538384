"""``tsrep fit --dataset ptb-xl-sim --objective NAME`` for every objective on recordings, timed to its report.

One command, which takes one to two minutes of two cores for each objective; some may be named::

    .venv/bin/python benchmarks/every_objective.py --out DIR
    .venv/bin/python benchmarks/every_objective.py --out DIR --objectives cpc jepa

Each runs with its defaults in a folder of its own, on all cores. Processor and wall time of training,
evaluation and report are printed, the gain over random initialisation, and how many axes of all figures hold
nothing.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tsrep.cli.app import app
from tsrep.evaluation.scores import Scores
from tsrep.registry import OBJECTIVES

GIVEN: dict[str, dict[str, str]] = {"sepclr": {"objective.controls": "[NORM]"}}  # what has no default


@contextmanager
def axes_counted() -> Iterator[Counter[str]]:
    """Counts axes of the figures that are saved meanwhile, and those that hold nothing."""
    save, found = Figure.savefig, Counter[str](axes=0, empty=0)

    def saved(figure: Figure, *given: Any, **options: Any) -> None:
        for axes in figure.axes:
            found["axes"] += 1
            found["empty"] += is_empty(axes)
        save(figure, *given, **options)

    Figure.savefig = saved  # type: ignore[method-assign]
    try:
        yield found
    finally:
        Figure.savefig = save  # type: ignore[method-assign]


def is_empty(axes: Axes) -> bool:
    """Whether nothing is drawn in axes that are shown; words alone are nothing."""
    return axes.axison and not any((axes.lines, axes.collections, axes.images, axes.patches))


def of_objective(name: str, folder: Path) -> dict[str, Any]:
    """Times, gain over random initialisation, and figures of one run."""
    settings = [word for key, value in GIVEN.get(name, {}).items() for word in ("--set", f"{key}={value}")]
    began, clock = time.time(), time.process_time()
    with axes_counted() as figures:
        command = ["fit", "--dataset", "ptb-xl-sim", "--objective", name, *settings, "--out", str(folder)]
        app(command, standalone_mode=False)
    found = {"seconds": round(time.time() - began), "processor": round(time.process_time() - clock)}
    gain = Scores.load(folder).where(role="method", unit="record").scores[0].gain
    ends = None if gain is None else [round(x, 3) for x in (gain.value, gain.low, gain.high)]
    return found | {"gain": ends, **figures}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    every = [name for name in OBJECTIVES.names() if not OBJECTIVES.entry(name).cls.forecasts]
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs, which must not exist")
    parser.add_argument("--objectives", nargs="+", default=every, choices=every)
    given = parser.parse_args()
    found = {}
    for name in given.objectives:
        found[name] = of_objective(name, given.out / name)
        print(f"{name:16s} {found[name]}", flush=True)
    slowest = max(one["seconds"] for one in found.values())
    print(json.dumps({"name": "every_objective", "slowest": slowest, "objectives": found}))


if __name__ == "__main__":
    main()
