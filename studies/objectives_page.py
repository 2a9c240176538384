"""Page and figure of all objectives at equal compute; every number is from the runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from equal_compute import Budget, Cost
from matplotlib.figure import Figure
from method_contrasts import contrasts_table
from results_page import spread, table, with_ends, write_page

from tsrep.evaluation.comparison import Comparison
from tsrep.evaluation.scores import Score, Scores
from tsrep.inspect.figures.style import CONTROL, MARKS, PALETTE, WIDTH, house, new_figure, rendered
from tsrep.runs.prepared import Prepared
from tsrep.training.collapse import collapse

COMET_TABLE = frozenset({"comet-masked", "ts2vec", "mixing-up", "ts-tcc", "simclr", "clocs", "tf-c"})
FIGURE = "objectives.png"


@dataclass(frozen=True, eq=False)
class Overview:
    """All that the page is made of.

    Attributes
    ----------
    costs, settings, validation : mappings of method
        Of a step; chosen on validation patients; mean validation score.
    shared : sequence of str
        Methods on one encoder.
    curves, logs, seconds : mappings of method to what each seed has
        Validation scores by epoch, lines of the metric log, and time of training.
    scores : list of Scores
        On test patients, methods with one random initialisation together.
    views : list of Comparison
        Of the learned views with fixed and frozen ones.
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
    scores: Sequence[Scores]
    views: Sequence[Comparison]


def write_overview(found: Overview, out: Path) -> None:
    """Write the page, and its figure beside it."""
    out.parent.mkdir(parents=True, exist_ok=True)
    (out.parent / FIGURE).write_bytes(rendered(figure_compute(found), "png"))
    write_page(out, "\n".join(_lines(found)))


def _lines(found: Overview) -> list[str]:
    return [
        "# Objectives at equal compute",
        "",
        "Made by `.venv/bin/python studies/ecg_objectives.py --root DIR`; all settings are in the script. "
        "Verdicts on the methods that lead stand under [finalists](finalists.md).",
        "",
        *of_data_and_budget(found.prepared, found.budget),
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
        *_views(found),
        "## Representations",
        "",
        "At the last validation, mean over seeds; see [diagnostics](../concepts/diagnostics.md).",
        "",
        *_diagnostics(found),
    ]


def of_data_and_budget(prepared: Prepared, budget: Budget) -> list[str]:
    """Lines on what was compared."""
    parts = ", ".join(f"{n['patients']} {part} patients" for part, n in prepared.split.counts.items())
    return [
        f"- Data: {prepared.source}; {prepared.split.how}: {parts}; none in two parts.",
        f"- Every run spends about {budget.operations:.2e} operations; SimCLR has {budget.epochs} epochs for "
        "it. Fourier transforms, recursions and views are not counted; processor time stands beside.",
    ]


def of_methods(groups: Sequence[Scores], protocol: str = "probe") -> Iterator[Score]:
    """Scores of methods per record by one head."""
    for scores in groups:
        yield from (s for s in scores.where(unit="record", protocol=protocol) if s.role == "method")


def _overview(found: Overview) -> list[str]:
    fractions = sorted({s.fraction for scores in found.scores for s in scores}, reverse=True)
    head = ["method", "encoder", *(f"{share:.0%} of labels | gain" for share in fractions), "validation"]
    head = " | ".join(head).split(" | ")
    own = {(s.method, s.fraction): s for s in of_methods(found.scores)}
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


def _costs(found: Overview) -> list[str]:
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


def _views(found: Overview) -> list[str]:
    if not found.views:
        return []
    return [
        "## Learned views",
        "",
        "AutoTCL's learned views beside the best fixed ones, and beside its own augmenter left at its random "
        "initialisation, on the same encoder with the same contrast.",
        "",
        *contrasts_table(found.views),
        "",
    ]


def _diagnostics(found: Overview) -> list[str]:
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
def figure_compute(found: Overview) -> Figure:
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
