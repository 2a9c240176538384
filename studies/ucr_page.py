"""The page of ``ucr_classification.py``: tables, rank plots, and what a human wrote below them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import results_page
from results_page import table, with_ends, with_spread

from tsrep.evaluation.friedman_ranks import Comparison, compare
from tsrep.evaluation.labels.evaluation import MAJORITY
from tsrep.evaluation.scores import RANDOM_INIT, Score, Scores
from tsrep.files import replacing
from tsrep.inspect.figures.ranks import figure_ranks
from tsrep.inspect.figures.style import png
from tsrep.runs.folder import Run

NEIGHBOUR = "1-NN Euclid"
PROTOCOLS = {"svm": "SVM", "logistic": "Logistic regression"}
Found = Mapping[str, Mapping[str, Score]]  # by problem and method


def write_page(
    path: Path,
    scores: Mapping[str, Scores],
    views: Mapping[str, str],
    runs: Sequence[Run],
    *,
    seeds: int,
    steps: int,
) -> None:
    """Write the page and, beside it, a plot for each protocol; hand-written findings are kept.

    Parameters
    ----------
    path : Path
    scores : mapping of problem to Scores
    views : mapping of problem to the fixed view that was chosen, may be empty
    runs : sequence of Run
        All that were trained.
    seeds, steps : int
    """
    lines = ["# UCR and UEA problems", "", *_settings(runs, len(scores), seeds, steps), ""]
    for protocol, name in PROTOCOLS.items():
        lines += _section(path, scores, protocol, name)
    if views:
        lines += ["## Fixed view chosen on validation", ""]
        lines += table(["problem", "view"], [[problem, views[problem]] for problem in sorted(views)])
    results_page.write_page(path, "\n".join(lines))


def _settings(runs: Sequence[Run], problems: int, seeds: int, steps: int) -> list[str]:
    config = runs[0].config
    minutes = sum(run.provenance["seconds"] for run in runs) / 60
    encoder = ", ".join(
        f"{key} {value}" for key, value in config.encoder.model_dump().items() if key != "name"
    )
    return [
        "Made by `.venv/bin/python studies/ucr_classification.py --root DIR`; settings are in the script.",
        "",
        f"- Cost: {len(runs)} runs on {problems} problems, {minutes:.0f} minutes of one thread for training.",
        f"- Encoder: {config.encoder.name} ({encoder}), {steps} steps of batches of "
        f"{config.training.batch_size} at {config.training.lr:g}, the same random initialisations for every "
        "method; features are the maximum over time. No setting is tuned to a problem.",
        "- Split: train and test as shipped. A fifth of the train part, class by class, chooses the "
        "checkpoint (validation probe) and the fixed view; both classifiers are fitted on it too.",
        "- `fixed-view` is the best of several views by labelled validation, chosen with the first seed; "
        "`autotcl` and `ts2vec` are not tuned. That favours `fixed-view`.",
        "- SVM: RBF, `C` of 1e-4 to 1e4 or 1e8 by 5-fold cross-validation; 1e8 where the train part has "
        "fewer than 50 series or 5 a class. Logistic regression: `C` by the same folds, else 1.",
        f"- Values: test accuracy, mean ± standard deviation over {seeds} seeds. `{NEIGHBOUR}` is one "
        "nearest neighbour on series brought to mean 0 and deviation 1, shorter ones filled with 0.",
    ]


def _section(path: Path, scores: Mapping[str, Scores], protocol: str, name: str) -> list[str]:
    found = {problem: _rows(scores[problem], protocol) for problem in sorted(scores)}
    values: dict[str, dict[str, float]] = {}
    for problem, rows in found.items():
        for method, row in rows.items():
            if method != MAJORITY:
                values.setdefault(method, {})[problem] = row.value
    comparison = compare(values)
    plot = path.with_name(f"{path.stem}-{protocol}.png")
    with replacing(plot) as temporary:
        temporary.write_bytes(png(figure_ranks(comparison, f"{name}: average rank of test accuracy")))
    return [
        f"## {name}",
        "",
        *_accuracy_table(found),
        "",
        *_summary(found, comparison),
        "",
        f"![Average ranks, {name}]({plot.name})",
        "",
        *_pair_table(comparison),
        "",
        f"Test accuracy minus {RANDOM_INIT}, with a 95 % interval over test series and training seeds:",
        "",
        *_gain_table(found),
        "",
    ]


def _rows(scores: Scores, protocol: str) -> dict[str, Score]:
    """Methods under a protocol, with the nearest neighbour that has none of it; the majority last."""
    found = {s.method: s for s in scores if s.protocol in (protocol, NEIGHBOUR)}
    return {m: found[m] for m in sorted(found, key=lambda m: (m == MAJORITY, m == NEIGHBOUR, m))}


def _accuracy_table(found: Found) -> list[str]:
    methods = list(next(iter(found.values())))
    rows = []
    for problem, of in found.items():
        majority = of[MAJORITY]
        counts = f"{majority.details['labelled']:.0f} / {majority.n}"
        rows.append([problem, counts, *(with_spread(of[m].by_seed["accuracy"]) for m in methods)])
    return table(["problem", "train / test", *methods], rows)


def _summary(found: Found, comparison: Comparison) -> list[str]:
    best = comparison.values == comparison.values.max(axis=1, keepdims=True)
    rows = []
    for i, method in enumerate(comparison.methods):
        f1 = np.mean([of[method].metrics["f1"].value for of in found.values()])
        mean, rank = comparison.mean[method], comparison.average_rank[method]
        rows.append([method, f"{mean:.3f}", f"{f1:.3f}", f"{rank:.2f}", str(int(best[:, i].sum()))])
    return table(["method", "mean accuracy", "mean macro F1", "average rank", "best or tied on"], rows)


def _pair_table(comparison: Comparison) -> list[str]:
    rows = [
        [f"{p.one} – {p.two}", f"{p.wins} / {p.ties} / {p.losses}", f"{p.difference:+.3f}"]
        + [f"{value:.3f}" for value in (p.p, p.p_holm)]
        for p in comparison.pairs
    ]
    return table(["pair", "better / equal / worse", "mean difference", "Wilcoxon p", "Holm p"], rows)


def _gain_table(found: Found) -> list[str]:
    methods = [method for method, score in next(iter(found.values())).items() if score.against]
    rows = [[problem, *(with_ends(of[m].gain, "+.3f") for m in methods)] for problem, of in found.items()]
    return table(["problem", *methods], rows)
