"""Does COMET's probe beat a random-initialised encoder on the synthetic cohort of 200 patients?

Twenty test patients of one split say too little, so the official folds are rotated: for each seed five
encoders are trained, each tested on two folds that it has not seen (one more chooses `C`), and every patient
is scored once. One command makes ``docs/results/synthetic.md``; finished runs are kept and used again::

    .venv/bin/python studies/synthetic_cohort.py
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from kept_runs import kept_run, one_thread_workers
from pooled_folds import pooled
from results_page import P_VALUES, spread, table, with_ends, with_holm, write_page

from tsrep.evaluation.bootstrap import resample
from tsrep.evaluation.difference import Difference, paired_difference
from tsrep.evaluation.predictions import Key, Predictions, load_predictions, save_predictions
from tsrep.evaluation.scores import RANDOM_INIT
from tsrep.runs.config import configure, merged
from tsrep.runs.config_files import read_config
from tsrep.studies.confirm.final_scores import candidates

CONFIG = Path(__file__).parents[1] / "configs" / "comet-synthetic.yaml"
ROTATIONS, FRACTIONS, DRAWS = 5, (1.0, 0.1), 5
METHOD, RIVAL = "comet", "simclr"
WHOLE = {"name": "patient-wise", "samples": None, "trials": 2}
VARIANTS: dict[str, dict[str, Any]] = {
    METHOD: {},
    "comet-masked": {"objective": {"name": "comet-masked"}, "sampler": WHOLE},
    RIVAL: {"objective": {"name": "simclr"}, "sampler": {"name": "random"}},
}
Rotation = Mapping[Key, Predictions]


def main() -> None:
    """Train the rotations, pool their predictions, write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=Path, default=Path("runs/synthetic-cohort"), help="folder of the runs")
    parser.add_argument("--out", type=Path, default=Path("docs/results/synthetic.md"), help="page to write")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2, help="runs at a time, one thread each")
    options = parser.parse_args()
    jobs = [(options.runs, number, seed) for seed in range(options.seeds) for number in range(ROTATIONS)]
    with one_thread_workers(options.workers) as pool:
        found = list(pool.map(_rotation, jobs))
    write_page(options.out, _page([found[at : at + ROTATIONS] for at in range(0, len(found), ROTATIONS)]))


def _rotation(job: tuple[Path, int, int]) -> Rotation:
    """Record predictions, averaged over draws of labels, for the patients of two folds."""
    folder, number, seed = job
    done = folder / f"predictions-{number}-{seed}.npz"
    if done.exists():
        return load_predictions(done)
    test = (2 * number + 1, 2 * number + 2)
    held = test[1] % 10 + 1
    train = tuple(fold for fold in range(1, 11) if fold not in (*test, held))
    split = {"name": "official", "train": train, "validation": (held,), "test": test}
    start = ROTATIONS * seed + number  # no two encoders begin alike
    rotated = merged(read_config(CONFIG), {"name": None, "device": "cpu", "split": split, "seed": start})
    runs = {
        variant: [kept_run(folder / f"{variant}-{number}-{seed}", configure(merged(rotated, change)))]
        for variant, change in VARIANTS.items()
    }
    task = runs[METHOD][0].task
    prepared = task.prepare(progress=False)
    compared = candidates(runs, prepared.panel)  # all began with the same random initialisation
    evaluation = replace(task.evaluation(prepared, lambda _: None), seeds=DRAWS)
    kept: dict[Key, Predictions] = {}
    for fraction in FRACTIONS:  # predictions are kept of the largest fraction alone
        kept |= task.score(compared, replace(evaluation, fractions=(fraction,))).predictions
    save_predictions(done, kept)
    print(f"test folds {test} of seed {seed} are scored", flush=True)
    return kept


def _rows(found: Sequence[Sequence[Rotation]]) -> list[list[str]]:
    """Macro AUROC of every protocol, fraction and method, and its differences from two others.

    Each of these two is a family of its own, for which p values are adjusted.
    """
    values, differences = zip(*_compared(found), strict=True)
    columns = [(each, with_holm(each)) for each in zip(*differences, strict=True)]
    return [
        [*cells, *(cell for each, p in columns for cell in (with_ends(each[i], "+.3f"), *p[i]))]
        for i, cells in enumerate(values)
    ]


def _compared(
    found: Sequence[Sequence[Rotation]],
) -> Iterator[tuple[list[str], list[Difference | None]]]:
    """What a row says of a method alone, and its differences from the two it is compared with."""
    draws = [(f, by) for f in FRACTIONS for by in (("sample", "patient") if f < 1 else ("all",))]
    for protocol in ("probe", "knn"):
        for fraction, by in draws:
            share = f"{100 * fraction:g} %" + ("" if by == "all" else f" by {by}")
            key = protocol, fraction, by, "test"
            of = {
                method: [pooled([kept[method, *key] for kept in rotations]) for rotations in found]
                for method in (RANDOM_INIT, *VARIANTS)
            }
            drawn = {method: resample(each, names=["auroc"]).crossed(1) for method, each in of.items()}
            for method, each in of.items():
                own = drawn[method]
                gains = [
                    None if method == other else paired_difference(own, drawn[other])["auroc"]
                    for other in (RANDOM_INIT, RIVAL)
                ]
                counts = str(len(each[0])), str(len(np.unique(each[0].patient)))
                value = with_ends(own.intervals()["auroc"]) + spread(own.by_seed["auroc"])
                yield [protocol, share, method, *counts, value], gains


def _page(found: Sequence[Sequence[Rotation]]) -> str:
    heads = [
        "protocol",
        "labels",
        "method",
        "records",
        "patients",
        "AUROC",
        f"minus {RANDOM_INIT}",
        *P_VALUES,
        f"minus {RIVAL}",
        *P_VALUES,
    ]
    lines = [
        "# COMET on the synthetic cohort",
        "",
        "**Synthetic data: nothing here is about patients.** Made by",
        "`.venv/bin/python studies/synthetic_cohort.py` with the settings of `configs/comet-synthetic.yaml`",
        f"but for the split: {ROTATIONS} rotations of the official folds, seven to train, one to choose `C`,",
        "two to test, so that each of the 200 patients is scored once, by an encoder that has not seen that",
        f"patient. Macro AUROC per record, probabilities averaged over {DRAWS} label draws and ranked within",
        f"each rotation; mean over {len(found)} training seeds, each with a random initialisation of its own",
        "in each rotation, ± their standard deviation; 95 % intervals over patients and seeds. Each p value",
        "stands beside the one adjusted by Holm's method over its column.",
        "`comet` has its sample, trial and patient levels, `comet-masked` the four levels of the paper, with",
        "whole recordings in a batch, and `simclr` batches drawn at random; all take as many epochs.",
        "",
        *table(heads, _rows(found)),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
