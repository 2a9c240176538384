"""Pre-training objectives compared on real ECG, on patients that none of them has seen.

One command makes the table of ``docs/results/ecg.md``; finished runs are kept and used again::

    .venv/bin/python studies/ecg_methods.py --root DIR

``DIR`` holds ``ecg_100hz_int16_uV.npy`` (record, lead, time) and ``records.csv`` with patients and the
five superclasses. Each objective trains the same encoder from the same three starts on the training
patients without labels, and is judged by probes on fractions of them; ``supervised`` trains encoder and
head on just the labelled patients. The validation patients choose epochs and penalties; the test patients
are scored once.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from kept_runs import kept_run
from results_page import write_page

from tsrep.encoders.pooling import POOLS
from tsrep.evaluation.embedding import embed
from tsrep.evaluation.labels.label_fractions import subsample_labels
from tsrep.evaluation.labels.scoring import score
from tsrep.evaluation.predictions import Predictions
from tsrep.evaluation.protocols.labels import evaluate_features
from tsrep.evaluation.scores import Score, Scores
from tsrep.runs.build import new_encoder
from tsrep.runs.config import Configuration, configure, merged
from tsrep.runs.finetune import finetuned
from tsrep.runs.folder import Run
from tsrep.runs.prepared import Prepared
from tsrep.runs.task import prepare

BASE: dict[str, Any] = {
    "dataset": {
        "name": "arrays",
        "array": "ecg_100hz_int16_uV.npy",
        "table": "records.csv",
        "patient": "patient_id",
        "label": ["NORM", "MI", "STTC", "CD", "HYP"],
        "sfreq": 100,
        "scale": 1e-3,
        "unit": "mV",
    },
    "device": "cpu",
    "split": {"name": "stratified", "validation": 0.2, "test": 0.2, "seed": 0},
    "encoder": {"name": "resnet1d", "width": 32, "dim": 128},
    "training": {"epochs": 12, "batch_size": 128, "lr": 1e-3, "log_every": 20},
    "evaluation": {"finetune": {"head": {"pooling": "max-mean"}, "epochs": 5, "min_steps": 120, "lr": 1e-3}},
}
FRACTIONS = (1.0, 0.1, 0.01)
METHODS: dict[str, dict[str, Any]] = {
    "comet": {"objective": {"name": "comet", "share_masks": True}},
    "ts2vec": {"objective": "ts2vec"},
    "simclr": {"objective": "simclr"},
}


def main() -> None:
    """Train what is missing, score all, write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, required=True, help="folder of the recordings")
    parser.add_argument("--runs", type=Path, default=Path("runs/ecg-methods"), help="folder of the runs")
    parser.add_argument("--out", type=Path, default=Path("docs/results/ecg.md"), help="page to write")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2, help="runs at a time, one thread each")
    options = parser.parse_args()
    jobs = [(options.runs, options.root.resolve(), name, s) for s in range(options.seeds) for name in METHODS]
    root = options.root.resolve()
    labelled = [(options.runs, root, fraction, s) for fraction in FRACTIONS for s in range(options.seeds)]
    with ProcessPoolExecutor(options.workers, get_context("spawn")) as pool:
        list(pool.map(_train, jobs))
        supervised = dict(zip([job[2:] for job in labelled], pool.map(_supervise, labelled), strict=True))
    runs = {name: [Run(options.runs / f"{name}-{s}") for s in range(options.seeds)] for name in METHODS}
    config = runs["comet"][0].config
    prepared = prepare(config, progress=False)
    scores = _score(runs, config, prepared, options.seeds) + _score_supervised(supervised, options.seeds)
    write_page(options.out, _page(runs, prepared, scores, options.seeds))


def _configuration(root: Path, name: str, seed: int) -> Configuration:
    return configure(merged(merged(BASE, METHODS[name]), {"root": str(root), "seed": seed}))


def _train(job: tuple[Path, Path, str, int]) -> None:
    folder, root, name, seed = job
    torch.set_num_threads(1)
    kept_run(folder / f"{name}-{seed}", _configuration(root, name, seed))


def _supervise(job: tuple[Path, Path, float, int]) -> tuple[Predictions, int]:
    """Window predictions of encoder and head trained on labelled patients only, and how many those are."""
    folder, root, fraction, seed = job
    torch.set_num_threads(1)
    config = _configuration(root, "comet", seed)
    prepared = prepare(config, progress=False)
    panel, split = prepared.panel, prepared.split
    labelled = subsample_labels(panel, split.train, fraction, "patient", seed=seed)
    predictions = finetuned(
        config,
        prepared,
        new_encoder(config, panel, seed),
        labelled,
        split.test,
        choose=True,
        seed=seed,
        device=torch.device("cpu"),
        folder=folder / "supervised" / f"{fraction:g}-{seed}",
    )
    print(f"trained with labels of {fraction:g}, seed {seed}", flush=True)
    return predictions, len(np.unique(panel.patient[labelled]))


def _score(runs: dict[str, list[Run]], config: Configuration, prepared: Prepared, seeds: int) -> Scores:
    pool = POOLS[config.evaluation.pool]
    starts = [new_encoder(config, prepared.panel, seed) for seed in range(seeds)]
    features = {"random initialisation": [embed(e, prepared.panel, pool=pool) for e in starts]}
    for name, trained in runs.items():
        features[name] = [embed(run.encoder(), prepared.panel, pool=pool) for run in trained]
    return evaluate_features(
        features,
        prepared.panel,
        prepared.split,
        fractions=FRACTIONS,
        subsample_by=("patient",),
        seeds=seeds,
        on_step=print,
    )


def _score_supervised(supervised: dict[tuple[float, int], tuple[Predictions, int]], seeds: int) -> Scores:
    rows: list[Score] = []
    for fraction in FRACTIONS:
        found = [supervised[fraction, seed] for seed in range(seeds)]
        rows += score(
            [predictions for predictions, _ in found],
            method="supervised",
            protocol="finetune",
            part="test",
            labels=fraction,
            subsample_by="patient" if fraction < 1 else "all",
            labelled_patients=float(np.mean([patients for _, patients in found])),
        )
    return Scores(tuple(rows))


def _page(runs: dict[str, list[Run]], prepared: Prepared, scores: Scores, seeds: int) -> str:
    counts = prepared.split.counts
    config = runs["comet"][0].config
    lines = [
        "# Pre-training on real ECG",
        "",
        "Made by `.venv/bin/python studies/ecg_methods.py --root DIR`; all settings are in the script.",
        "",
        f"- Data: {prepared.records.source or config.dataset.name}, {len(prepared.records)} records of "
        f"{len(set(prepared.records.patient.tolist()))} patients, 12 leads at {prepared.records.sfreq:g} Hz, "
        "five superclasses, several per record.",
        f"- Split: {prepared.split.how}: "
        + ", ".join(f"{n['patients']} {part} patients" for part, n in counts.items())
        + "; none in two parts.",
        f"- Encoder: {config.encoder.name}, the same for all; windows of {config.window.seconds:g} s; "
        f"{config.training.epochs} epochs of batches of {config.training.batch_size}.",
        "- The epoch that is kept, the penalty of the probe and the number of neighbours are chosen on "
        "validation patients, with all training labels. Test patients are scored once.",
        f"- Values: macro AUROC per record of test patients, mean over {seeds} seeds (training, random start "
        "and label draw together) with a 95 % interval by bootstrap over patients; ± is the standard "
        "deviation over seeds. The difference is from the same random starts, paired on the same resamples.",
        "- `supervised` trains encoder and head on the labelled patients alone, from the same random starts.",
        "",
    ]
    for protocol, title in (("probe", "Linear probe"), ("knn", "Nearest neighbours")):
        lines += [f"## {title}", "", *_table(scores, protocol), ""]
    lines += ["## Training", "", *_training(runs)]
    return "\n".join(lines) + "\n"


def _table(scores: Scores, protocol: str) -> list[str]:
    head = ["method", "labels", "test records", "test patients", "AUROC", "minus random-init", "AUPRC", "F1"]
    lines = [head, ["---"] * len(head)]
    for fraction in FRACTIONS:
        rows = scores.where(unit="record", labels=fraction)
        shown = [s for s in rows if s.protocol == protocol or s.method in ("majority", "supervised")]
        lines += map(_row, sorted(shown, key=lambda s: -s.metrics["auroc"].value))
    return ["| " + " | ".join(line) + " |" for line in lines]


def _row(score: Score) -> list[str]:
    auroc, difference = score.metrics["auroc"], score.difference.get("auroc")
    spread = score.spread["auroc"]
    noise = f" ± {spread:.3f}" if np.isfinite(spread) else ""
    patients = f" of patients ({score.labelled_patients:.0f})"
    gain = "–"
    if difference is not None:
        gain = f"{difference.value:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}]"
    return [
        score.method,
        f"{100 * score.labels:g} %{patients}",
        str(score.n),
        str(score.patients),
        f"{auroc.value:.3f} [{auroc.low:.3f}, {auroc.high:.3f}]{noise}",
        gain,
        f"{score.metrics['auprc'].value:.3f}",
        f"{score.metrics['f1'].value:.3f}",
    ]


def _training(runs: dict[str, list[Run]]) -> list[str]:
    """How the validation probe went, which is what chose the epoch."""
    lines = [
        "| method | seed | kept epoch | probe at start | kept | last | minutes |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, trained in runs.items():
        for run in trained:
            records = map(json.loads, (run.path / "metrics.jsonl").read_text().splitlines())
            probe = [r["score"] for r in records if r["kind"] == "validation"]
            kept = run.provenance["training"]["epoch"]
            minutes = run.provenance["seconds"] / 60
            lines.append(
                f"| {name} | {run.config.seed} | {kept} "
                f"| {probe[0]:.3f} | {probe[kept]:.3f} | {probe[-1]:.3f} "
                f"| {minutes:.1f} |"
            )
    return lines


if __name__ == "__main__":
    main()
