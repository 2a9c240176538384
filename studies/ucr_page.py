"""The page of ``ucr_classification.py``: tables, rank plots, and what a human wrote below them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import results_page
from results_page import table

from tsrep.evaluation.friedman_ranks import Comparison, compare
from tsrep.evaluation.scores import Score, Scores
from tsrep.files import replacing
from tsrep.inspect.figures.ranks import figure_ranks
from tsrep.inspect.figures.style import png
from tsrep.runs.folder import Run

NEIGHBOUR = "1-NN Euclid"
PROTOCOLS = {"svm": "SVM", "logistic": "Logistic regression"}


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
        f"{config.training.batch_size} at {config.training.lr:g}, the same starts for every method; features "
        "are the maximum over time. No setting is tuned to a problem.",
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
    comparison = _compare(scores, protocol)
    plot = path.with_name(f"{path.stem}-{protocol}.png")
    with replacing(plot) as temporary:
        temporary.write_bytes(png(figure_ranks(comparison, f"{name}: average rank of test accuracy")))
    return [
        f"## {name}",
        "",
        *_accuracy_table(scores, protocol),
        "",
        *_summary(scores, protocol, comparison),
        "",
        f"![Average ranks, {name}]({plot.name})",
        "",
        *_pair_table(comparison),
        "",
        "Test accuracy minus random-init, with a 95 % interval over test series:",
        "",
        *_difference_table(scores, protocol),
        "",
    ]


def _rows(scores: Scores, protocol: str) -> dict[str, Score]:
    """Methods under a protocol, with those that have none of it; the majority last."""
    found = {s.method: s for s in scores if s.protocol in (protocol, "raw", "none")}
    return {m: found[m] for m in sorted(found, key=lambda m: (m == "majority", m == NEIGHBOUR, m))}


def _compare(scores: Mapping[str, Scores], protocol: str) -> Comparison:
    values: dict[str, dict[str, float]] = {}
    for problem, of_set in scores.items():
        for method, row in _rows(of_set, protocol).items():
            if method != "majority":
                values.setdefault(method, {})[problem] = row.metrics["accuracy"].value
    return compare(values)


def _accuracy_table(scores: Mapping[str, Scores], protocol: str) -> list[str]:
    methods = list(_rows(next(iter(scores.values())), protocol))
    rows = []
    for problem in sorted(scores):
        found = _rows(scores[problem], protocol)
        fitted = next(s.labelled for s in found.values() if s.protocol == protocol)
        rows.append([problem, f"{fitted:.0f} / {next(iter(found.values())).n}"])
        rows[-1] += [_value(found[method]) for method in methods]
    return table(["problem", "train / test", *methods], rows)


def _value(row: Score) -> str:
    spread = row.spread["accuracy"]
    noise = f" ± {spread:.3f}" if np.isfinite(spread) else ""
    return f"{row.metrics['accuracy'].value:.3f}{noise}"


def _summary(scores: Mapping[str, Scores], protocol: str, comparison: Comparison) -> list[str]:
    best = comparison.values == comparison.values.max(axis=1, keepdims=True)
    rows = []
    for i, method in enumerate(comparison.methods):
        f1 = np.mean([_rows(s, protocol)[method].metrics["f1"].value for s in scores.values()])
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


def _difference_table(scores: Mapping[str, Scores], protocol: str) -> list[str]:
    methods = [m for m, s in _rows(next(iter(scores.values())), protocol).items() if s.against]
    rows = []
    for problem in sorted(scores):
        found = [_rows(scores[problem], protocol)[method].difference["accuracy"] for method in methods]
        rows.append([problem, *(f"{d.value:+.3f} [{d.low:+.3f}, {d.high:+.3f}]" for d in found)])
    return table(["problem", *methods], rows)
