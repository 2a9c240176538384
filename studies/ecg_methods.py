"""Pre-training objectives compared on real ECG, on patients that none of them has seen.

One command makes the table of ``docs/results/ecg.md``; finished runs are kept and used again::

    .venv/bin/python studies/ecg_methods.py --root DIR

``DIR`` holds ``ecg_100hz_int16_uV.npy`` (record, lead, time) and ``records.csv`` with patients and the
five superclasses. Each objective trains the same encoder from the same five random initialisations on the
training patients without labels, and is judged by probes on fractions of them; ``supervised`` trains encoder
and head on just the labelled patients. The validation patients choose ``C``; the test patients are scored
once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

from kept_runs import command_line, kept_run, one_thread_workers, validation_scores
from method_contrasts import contrasts_table, probe_contrasts
from results_page import P_VALUES, spread, table, with_ends, with_holm, write_page

from tsrep.encoders.encoder import Encoder
from tsrep.evaluation.candidate import Candidate
from tsrep.evaluation.comparison import Comparison
from tsrep.evaluation.scores import RANDOM_INIT, Score, Scores
from tsrep.registry import PROTOCOLS
from tsrep.runs.build import new_encoder
from tsrep.runs.config import Configuration
from tsrep.runs.config_files import assemble, read_config
from tsrep.runs.folder import Run
from tsrep.runs.prepared import Prepared
from tsrep.runs.task import task_of
from tsrep.studies.confirm.final_scores import candidates

FRACTIONS, SUPERVISED = (1.0, 0.1, 0.01), "supervised"
TITLES = {"probe": "Linear probe", "knn": "Nearest neighbours"}  # by protocol
PANEL = Path(__file__).parents[1] / "configs" / "ptb-xl-panel.yaml"
SETTINGS: dict[str, Any] = {
    "device": "cpu",
    "split": {"name": "stratified", "validation": 0.2, "test": 0.2, "seed": 0},
    "encoder": {"name": "resnet1d", "width": 32, "dim": 128},
    "training": {"epochs": 12, "batch_size": 128, "lr": 1e-3, "log_every": 20, "log_score": True},
    "evaluation": {
        "labels": FRACTIONS,
        "subsample_by": ["patient"],
        "finetune": {"head": {"pooling": "max-mean"}, "epochs": 5, "min_steps": 120, "lr": 1e-3},
    },
}
METHODS: dict[str, dict[str, Any]] = {
    "comet": {"objective": "comet"},
    "ts2vec": {"objective": "ts2vec"},
    "simclr": {"objective": "simclr"},
}


def main() -> None:
    """Train what is missing, score all, write the page."""
    options = command_line(__doc__, "ecg-methods", page="ecg.md", seeds=5).parse_args()
    seeds = range(options.seeds)
    jobs = [(options.runs, options.root, name, seed) for seed in seeds for name in METHODS]
    labelled = [(options.runs, options.root, fraction, options.seeds) for fraction in FRACTIONS]
    with one_thread_workers(options.workers) as pool:
        trained = pool.map(_train, jobs)
        supervised = list(pool.map(_supervise, labelled))
        list(trained)
    runs = {name: [Run(options.runs / f"{name}-{seed}") for seed in seeds] for name in METHODS}
    task = task_of(_configuration(options.root, "comet", 0))
    prepared = task.prepare(progress=False)
    evaluation = replace(task.evaluation(prepared, print), seeds=options.seeds)
    scores = sum(supervised, task.score(candidates(runs, prepared.panel), evaluation))
    pairs = probe_contrasts(task, prepared, runs, list(combinations(METHODS, 2)))
    write_page(options.out, _page(runs, prepared, scores, pairs))


def _configuration(root: Path, name: str, seed: int) -> Configuration:
    own = {"root": str(root), "seed": seed}
    return assemble(read_config(PANEL), SETTINGS, METHODS[name], own)


def _train(job: tuple[Path, Path, str, int]) -> None:
    folder, root, name, seed = job
    kept_run(folder / f"{name}-{seed}", _configuration(root, name, seed))


def _supervise(job: tuple[Path, Path, float, int]) -> Scores:
    """Scores of encoder and head trained on labelled patients only."""
    folder, root, fraction, seeds = job
    config = _configuration(root, "comet", 0)
    task = task_of(config)
    prepared = task.prepare(progress=False)

    def start(seed: int) -> tuple[Encoder, None]:
        return new_encoder(config, prepared.panel, seed), None

    evaluation = task.evaluation(prepared, print, folder / SUPERVISED)
    evaluation = replace(evaluation, fractions=(fraction,), seeds=seeds)
    candidate = Candidate(SUPERVISED, "method", [partial(start, seed) for seed in range(seeds)])
    scores: Scores = PROTOCOLS.build(config.evaluation.of("finetune")).evaluate([candidate], evaluation)[0]
    return scores


def _page(
    runs: Mapping[str, Sequence[Run]], prepared: Prepared, scores: Scores, pairs: Sequence[Comparison]
) -> str:
    config, facts, split = runs["comet"][0].config, prepared.facts, prepared.split
    seeds = len(runs["comet"])
    parts = ", ".join(f"{n['patients']} {part} patients" for part, n in split.counts.items())
    lines = [
        "# Pre-training on real ECG",
        "",
        "Made by `.venv/bin/python studies/ecg_methods.py --root DIR`; all settings are in the script.",
        "",
        f"- Data: {prepared.source}, {facts['records']} records of {facts['patients']} patients, 12 leads at "
        f"{facts['sfreq']:g} Hz, five superclasses, several per record.",
        f"- Split: {split.how}: {parts}; none in two parts.",
        f"- Encoder: {config.encoder.name}, the same for all; windows of {config.window.seconds:g} s; "
        f"{config.training.epochs} epochs of batches of {config.training.batch_size}.",
        "- The last epoch is kept. `C` of the probe, the number of neighbours and the epoch of `supervised` "
        "are chosen on validation patients. Test patients are scored once.",
        f"- Values: macro AUROC per record of test patients, mean over {seeds} seeds with a 95 % interval "
        "over patients, training seeds and label draws; ± is the standard deviation over seeds. The "
        "difference is from the random initialisations of the same seeds, on the same patients and draws; "
        "its p value stands beside the one adjusted by Holm's method over all of these two tables.",
        f"- `{SUPERVISED}` trains encoder and head on the labelled patients alone, from the same random "
        "initialisations.",
        "",
    ]
    for title, rows in _tables(scores).items():
        lines += [f"## {title}", "", *rows, ""]
    lines += ["## Methods beside one another", "", _PAIRS, "", *contrasts_table(pairs), ""]
    lines += ["## Training", "", *_training(runs)]
    return "\n".join(lines)


_PAIRS = (
    "Differences of the linear probe's macro AUROC with all labels, on the same test patients, over patients "
    "and training seeds. None was named beforehand; p values are adjusted by Holm's method."
)


def _tables(scores: Scores) -> dict[str, list[str]]:
    """Rows of each protocol by its title, with p values adjusted for all gains of the page."""
    head = ["method", "labels", "test records", "test patients"]
    head += ["AUROC", f"minus {RANDOM_INIT}", *P_VALUES, "AUPRC", "F1"]
    found = list(scores.where(unit="record"))
    p = dict(zip(map(id, found), with_holm([score.gain for score in found]), strict=True))
    tables = {}
    for protocol, title in TITLES.items():
        shown = [s for s in found if s.protocol == protocol or s.method == SUPERVISED]
        shown.sort(key=lambda score: (-score.fraction, -score.value))
        tables[title] = table(head, [_row(score, p[id(score)]) for score in shown])
    return tables


def _row(score: Score, p: tuple[str, str]) -> list[str]:
    return [
        score.method,
        f"{100 * score.fraction:g} % of patients ({score.details['labelled_patients']:.0f})",
        str(score.n),
        str(score.patients),
        with_ends(score.metrics["auroc"]) + spread(score.by_seed["auroc"]),
        with_ends(score.gain, "+.3f"),
        *p,
        f"{score.metrics['auprc'].value:.3f}",
        f"{score.metrics['f1'].value:.3f}",
    ]


def _training(runs: Mapping[str, Sequence[Run]]) -> list[str]:
    """How the validation probe went, which chose nothing."""
    rows = []
    for name, trained in runs.items():
        for run in trained:
            told, probe = run.provenance, list(validation_scores(run).values())
            scores = [f"{score:.3f}" for score in (probe[0], max(probe), probe[-1])]
            rows.append([name, str(run.config.seed), *scores, f"{told['seconds'] / 60:.1f}"])
    return table(["method", "seed", "probe at start", "best", "last", "minutes"], rows)


if __name__ == "__main__":
    main()
