"""Page and figure of the comparison of objectives at equal compute; every number is from the runs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from equal_compute import Budget, Cost
from matplotlib.figure import Figure
from results_page import spread, table, with_ends, write_page

from tsrep.evaluation.comparison import Comparison
from tsrep.evaluation.scores import Score, Scores
from tsrep.inspect.figures.style import CONTROL, MARKS, PALETTE, WIDTH, house, new_figure, rendered
from tsrep.runs.prepared import Prepared
from tsrep.training.collapse import collapse

COMET_TABLE = frozenset({"comet-masked", "ts2vec", "mixing-up", "ts-tcc", "simclr", "clocs", "tf-c"})
FIGURE = "objectives.png"


@dataclass(frozen=True, eq=False)
class Findings:
    """All that the page is made of.

    Attributes
    ----------
    costs, settings, validation : mappings of method
        Of a step; chosen on validation patients; mean validation score of stage one.
    shared : sequence of str
        Methods on one encoder.
    curves, logs, seconds : mappings of method to what each seed of stage one has
        Validation scores by epoch, lines of the metric log, and time of training.
    first, second : lists of Scores
        On test patients, methods with one random initialisation together.
    contrasts, equal, views : lists of Comparison
        Of stage two, of the runs with equal windows, and of the learned views with fixed and frozen ones.
    """

    prepared: Prepared
    budget: Budget
    costs: Mapping[str, Cost]
    settings: Mapping[str, Mapping[str, Any]]
    shared: Sequence[str]
    validation: Mapping[str, float]
    curves: Mapping[str, Sequence[Mapping[int, float]]]
    logs: Mapping[str, Sequence[Sequence[Mapping[str, Any]]]]
    seconds: Mapping[str, Sequence[float]]
    first: Sequence[Scores]
    second: Sequence[Scores]
    contrasts: Sequence[Comparison]
    equal: Sequence[Comparison]
    views: Sequence[Comparison]


def write_results(found: Findings, out: Path) -> None:
    """Write the page, and its figure beside it."""
    out.parent.mkdir(parents=True, exist_ok=True)
    (out.parent / FIGURE).write_bytes(rendered(figure_compute(found), "png"))
    write_page(out, "\n".join(lines_of(found)))


def lines_of(found: Findings) -> list[str]:
    """The page in Markdown."""
    parts = ", ".join(f"{n['patients']} {part} patients" for part, n in found.prepared.split.counts.items())
    return [
        "# Objectives at equal compute",
        "",
        *(f"{number}. {sentence}" for number, sentence in enumerate(sentences(found), 1)),
        "",
        "Made by `.venv/bin/python studies/ecg_objectives.py --root DIR`; all settings are in the script.",
        "",
        f"- Data: {found.prepared.source}; {found.prepared.split.how}: {parts}; none in two parts.",
        f"- Every run spends about {found.budget.operations:.2e} operations; SimCLR has "
        f"{found.budget.epochs} epochs for it. Fourier transforms, recursions and views are not "
        "counted; processor time stands beside.",
        "- Settings were chosen on validation patients, at a part of the budget and with another seed. The "
        "last epoch is kept. Test patients are scored once, per record; intervals are over patients and "
        "seeds.",
        "",
        "## All methods",
        "",
        "An overview without verdicts: macro AUROC of the linear probe, gain over random initialisations of "
        "the same encoder, and the validation score by which finalists were taken. ◦: a row of COMET's own "
        "table.",
        "",
        *_overview(found),
        "",
        f"![Validation score against operations]({FIGURE})",
        "",
        "## Cost",
        "",
        *_costs(found),
        "",
        "## Finalists",
        "",
        *_finalists(found),
        "",
        "## Contrasts",
        "",
        "Macro AUROC of the linear probe with all labels. The primary contrast was named before any test "
        "patient was scored; the p values of the others are adjusted by Holm's method.",
        "",
        *_contrasts(found.contrasts),
        "",
        f"With equal windows in place of equal operations (epochs: {found.budget.epochs} each):",
        "",
        *_contrasts(found.equal),
        "",
        *_views(found),
        "## Representations",
        "",
        "At the last validation of stage one, mean over seeds; see "
        "[diagnostics](../concepts/diagnostics.md).",
        "",
        *_diagnostics(found),
    ]


def sentences(found: Findings) -> list[str]:
    """What to use and why, as far as the numbers say."""
    primary = next(each for each in found.contrasts if each.primary)
    gap = primary.difference
    told = f"{gap.value:+.3f} macro AUROC [{gap.low:+.3f}, {gap.high:+.3f}]"
    if math.isnan(gap.low) or gap.low <= 0 <= gap.high:
        first = (
            f"No objective is shown to be better than {primary.two} at equal compute: {primary.one}, the "
            f"best on validation patients, differs by {told}, which is not significant."
        )
    else:
        better, worse = (primary.one, primary.two) if gap.value > 0 else (primary.two, primary.one)
        first = f"Use {better} rather than {worse} at equal compute: {primary.one} differs by {told}."
    fewest = min(s.fraction for scores in found.second for s in scores)
    few = [s for s in _methods(found.second) if s.fraction == fewest]
    best = max(few, key=lambda s: s.value)
    gain = f", {with_ends(best.gain, '+.3f')} above random initialisation" if best.gain else ""
    second = (
        f"With the labels of {fewest:.0%} of patients the highest score of the finalists is that of "
        f"{best.method}: {with_ends(best.metrics[best.metric])}{gain}; no verdict is passed on that rank."
    )
    cheap = min(found.costs, key=lambda name: found.costs[name].epoch)
    dear = max(found.costs, key=lambda name: found.costs[name].epoch)
    ratio = found.costs[dear].epoch / found.costs[cheap].epoch
    third = (
        f"An epoch of {dear} costs {ratio:.1f} times that of {cheap}, so that at equal operations the latter "
        f"sees {ratio:.1f} times as many windows; what holds at equal windows too is in the second table of "
        "contrasts."
    )
    return [first, second, third]


def _methods(groups: Sequence[Scores], protocol: str = "probe") -> Iterator[Score]:
    for scores in groups:
        yield from (s for s in scores.where(unit="record", protocol=protocol) if s.role == "method")


def _overview(found: Findings) -> list[str]:
    fractions = sorted({s.fraction for scores in found.first for s in scores}, reverse=True)
    head = ["method", "encoder", *(f"{share:.0%} of labels | gain" for share in fractions), "validation"]
    head = " | ".join(head).split(" | ")
    own = {(s.method, s.fraction): s for s in _methods(found.first)}
    rows = []
    for name in sorted(found.validation, key=lambda name: -own[name, fractions[0]].value):
        cells = []
        for share in fractions:
            score = own[name, share]
            cells += [with_ends(score.metrics[score.metric]), with_ends(score.gain, "+.3f")]
        mark = " ◦" if name in COMET_TABLE else ""
        encoder = "shared" if name in found.shared else str(found.settings[name]["encoder"]["name"])
        rows.append([f"{name}{mark}", encoder, *cells, f"{found.validation[name]:.3f}"])
    return table(head, rows)


def _costs(found: Findings) -> list[str]:
    head = ["method", "operations of an epoch", "epochs", "share of the budget", "processor time", "settings"]
    rows = []
    for name, cost in sorted(found.costs.items(), key=lambda item: item[1].epoch):
        epochs = found.budget.epochs_of(cost)
        own = found.settings[name]
        told = {k: v for k, v in own["objective"].items() if k != "name"} | own["training"]
        share = epochs * cost.epoch / found.budget.operations
        took = f"{np.mean(found.seconds[name]):.0f} s{spread(found.seconds[name], '.0f')}"
        rows.append([name, f"{cost.epoch:.2e}", str(epochs), f"{share:.2f}", took, f"`{told}`"])
    return table(head, rows)


def _finalists(found: Findings) -> list[str]:
    rows = []
    for scores in found.second:
        shown = [s for s in scores.where(unit="record") if s.role != "baseline"]
        for s in sorted(shown, key=lambda s: (s.rank, s.protocol, -s.fraction, -s.value)):
            seeds = spread(s.by_seed[s.metric])
            value = f"{with_ends(s.metrics[s.metric])}{seeds}"
            rows.append(
                [s.method, s.title, f"{s.fraction:.0%}", str(s.seeds), value, with_ends(s.gain, "+.3f")]
            )
    return table(
        ["method", "head", "labels", "seeds", "macro AUROC", "gain over random initialisation"], rows
    )


def _contrasts(contrasts: Sequence[Comparison]) -> list[str]:
    rows = [
        [
            f"{each.one} − {each.two}",
            "primary" if each.primary else "",
            with_ends(each.difference, "+.3f"),
            f"{each.difference.seeds} and {each.difference.against_seeds}",
            f"{each.adjusted_p:.3f}",
        ]
        for each in contrasts
    ]
    return table(["contrast", "", "difference", "seeds", "p, adjusted"], rows)


def _views(found: Findings) -> list[str]:
    if not found.views:
        return []
    return [
        "## Learned views",
        "",
        "AutoTCL's learned views beside the best fixed ones, and beside its own augmenter left at its random "
        "initialisation, on the same encoder with the same contrast; seeds of stage one.",
        "",
        *_contrasts(found.views),
        "",
    ]


def _diagnostics(found: Findings) -> list[str]:
    names = ("alignment", "uniformity", "effective_rank", "spread", "separation")
    rows = []
    for name, logs in found.logs.items():
        every = [[line["diagnostics"] for line in lines if _checked(line)] for lines in logs]
        last = [of[-1] for of in every if of]
        values = [f"{np.mean([each[key] for each in last]):.2f}" for key in names]
        fallen = sum(collapse(of) is not None for of in every if of)
        rows.append([name, *values, f"{fallen} of {len(every)}" if fallen else "none"])
    return table(["method", *(key.replace("_", " ") for key in names), "collapsed"], rows)


def _checked(line: Mapping[str, Any]) -> bool:
    return line["kind"] == "validation" and bool(line.get("diagnostics"))


@house
def figure_compute(found: Findings) -> Figure:
    """Validation score by operations spent, a line for each method on the shared encoder."""
    figure = new_figure(WIDTH, 4.2)
    axes = figure.subplots()
    for number, name in enumerate(found.shared):
        runs = found.curves[name]
        epochs = sorted(set.intersection(*(set(run) for run in runs)))
        spent = [epoch * found.costs[name].epoch / found.budget.operations for epoch in epochs]
        mean = [float(np.mean([run[epoch] for run in runs])) for epoch in epochs]
        look = {"color": PALETTE[number % len(PALETTE)], "marker": MARKS[number % len(MARKS)]}
        axes.plot(spent, mean, lw=1.2, ms=3, label=name, **look)
    axes.axvline(1, color=CONTROL, lw=1, ls=(0, (4, 3)))
    axes.set(xlabel="operations, share of the budget", ylabel="validation macro AUROC")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure
