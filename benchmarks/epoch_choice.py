"""What it costs to keep the last epoch, which needs no label, against epochs that a validation probe chooses.

One command, with the folder of ``ecg_100hz_int16_uV.npy`` and ``records.csv``; ``--quick`` needs no data::

    .venv/bin/python benchmarks/epoch_choice.py --root DIR

Three choices of the epoch of one training are scored on the same test patients with the same draws of
labels: the last epoch; for each draw the best epoch by a probe that is fitted on these labels and judged by
the same fraction of the validation labels (``training.keep: probe``); and for all draws the best epoch by a
probe that is fitted on all training labels, which a score at fewer labels must not use.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from tsrep.evaluation.candidate import Candidate, Model
from tsrep.runs.config import merged
from tsrep.runs.config_files import read_config
from tsrep.runs.fit import fit
from tsrep.runs.folder import Run
from tsrep.runs.trained import kept_models

LAST, OWN, ALL = "last epoch", "probe, labels of the draw", "probe, all labels"
FRACTIONS = (1.0, 0.1, 0.01)
PANEL = Path(__file__).parents[1] / "configs" / "ptb-xl-panel.yaml"
REAL: dict[str, Any] = {
    "window": {"seconds": 2.5, "hop_seconds": 5.0},  # two of each record
    "split": {"name": "stratified", "validation": 0.2, "test": 0.2, "seed": 0},
    "encoder": {"name": "resnet1d", "width": 16, "dim": 64},
    "training": {"epochs": 10, "keep": "probe"},
}
QUICK: dict[str, Any] = {
    "dataset": {"name": "ptb-xl-sim", "patients": 60, "records_per_patient": 1.0},
    "window": {"seconds": 1.25},
    "encoder": {"name": "dilated-conv", "hidden": 4, "dim": 8, "depth": 3},
    "training": {"epochs": 3, "batch_size": 64, "keep": "probe"},
}
OBJECTIVES = {"simclr": {"name": "simclr"}, "comet": {"name": "comet"}}
SHARED: dict[str, Any] = {
    "device": "cpu",
    "evaluation": {
        "protocols": ["probe"],
        "labels": FRACTIONS,
        "subsample_by": ["patient"],
        "n_bootstrap": 100,
    },
}
Row = tuple[str, int, float, dict[str, float]]  # objective, seed, fraction, macro AUROC of each choice


def scored(values: Mapping[str, Any], folder: Path) -> Iterator[tuple[float, dict[str, float]]]:
    """Test scores of the three choices by fraction, of one encoder."""
    run = fit(values, out=folder, progress=False, illustrate=False)
    prepared = run.task.prepare(progress=False)
    evaluation = run.task.evaluation(prepared, lambda _: None)
    all_labels = [partial(_chosen, run)]
    choices = [
        Candidate(LAST, "method", [partial(_last, run)]),
        Candidate(OWN, "method", all_labels, of_draw=[kept_models(run)]),
        Candidate(ALL, "method", all_labels),
    ]
    scores = run.task.score(choices, evaluation).where(unit="record")
    told = run.provenance["training"]
    epochs = [epoch for draw, epoch in told["kept"].items() if draw != "1-all-0"]
    print(
        f"{folder.name}: {told['seconds']:.0f} s; kept {told['epoch']}, at fewer labels {epochs}", flush=True
    )
    for fraction in FRACTIONS:
        own = scores.where(fraction=fraction)
        yield fraction, {choice.name: own.mean(choice.name, "auroc") for choice in choices}


def _chosen(run: Run) -> Model:
    return run.encoder(), None


def _last(run: Run) -> Model:
    """The averaged weights of the last epoch, which the resumable state holds whatever is kept."""
    encoder, begins = run.encoder(), "module.encoder."
    average = torch.load(run.path / "state.pt", weights_only=True)["average"]
    encoder.load_state_dict({k.removeprefix(begins): v for k, v in average.items() if k.startswith(begins)})
    return encoder, None


def table(rows: list[Row]) -> list[str]:
    """Means over seeds with the standard deviation of the difference from the last epoch."""
    lines = ["| " + " | ".join(("objective", "labels", LAST, OWN, ALL)) + " |", "| --- " * 5 + "|"]
    for objective in dict.fromkeys(row[0] for row in rows):
        for fraction in FRACTIONS:
            own = [row[3] for row in rows if row[0] == objective and row[2] == fraction]
            cells = [f"{np.mean([each[LAST] for each in own]):.3f}"]
            for choice in (OWN, ALL):
                gain = [each[choice] - each[LAST] for each in own]
                spread = f" ± {np.std(gain, ddof=1):.3f}" if len(gain) > 1 else ""
                cells.append(f"{np.mean(gain):+.3f}{spread}")
            lines.append(f"| {objective} | {100 * fraction:g} % | {' | '.join(cells)} |")
    return lines


def main() -> None:
    """Train, score and print the table; the last line is JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, help="folder of the arrays")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--objectives", nargs="+", default=list(OBJECTIVES))
    parser.add_argument("--quick", action="store_true", help="a small simulated cohort, one seed")
    options = parser.parse_args()
    if options.root is None and not options.quick:
        parser.error("give --root DIR, or --quick")
    real = merged(read_config(PANEL), {**REAL, "root": str(options.root)})
    base = merged(SHARED, QUICK if options.quick else real)
    rows: list[Row] = []
    with threadpool_limits(1), tempfile.TemporaryDirectory() as folder:
        for objective in options.objectives:
            for seed in options.seeds[:1] if options.quick else options.seeds:
                values = merged(base, {"objective": OBJECTIVES[objective], "seed": seed})
                place = Path(folder) / f"{objective}-{seed}"
                rows += [(objective, seed, *found) for found in scored(values, place)]
    print("\n".join(table(rows)))
    gains = {f"{100 * f:g}": [row[3][ALL] - row[3][LAST] for row in rows if row[2] == f] for f in FRACTIONS}
    cost = {fraction: float(np.mean(gain)) for fraction, gain in gains.items()}
    print(json.dumps({"name": "epoch_choice", "cost_of_last": cost}))


if __name__ == "__main__":
    main()
