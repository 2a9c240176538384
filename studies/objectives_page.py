"""Page and figure of all objectives at equal compute; every number is from the runs."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from equal_compute import Budget, Cost
from kept_runs import log, validation_scores
from matplotlib.figure import Figure
from results_page import table, with_ends, write_page

from tsrep.evaluation.bootstrap import Interval
from tsrep.evaluation.scores import Score, Scores
from tsrep.inspect.figures.style import CONTROL, MARKS, PALETTE, WIDTH, house, new_figure, rendered
from tsrep.runs.folder import Run
from tsrep.runs.prepared import Prepared
from tsrep.training.collapse import collapse

COMET_TABLE = frozenset({"comet-masked", "ts2vec", "mixing-up", "ts-tcc", "simclr", "clocs", "tf-c"})
DIAGNOSTICS = ("alignment", "uniformity", "effective_rank", "spread", "separation")
FIGURE = "objectives.png"


@dataclass(frozen=True)
class Outcome:
    """What a method came to, in numbers that a file of JSON holds.

    Attributes
    ----------
    labels : sequence of float
        Fractions of the training labels.
    values, gains : sequences of (value, low, high)
        By fraction: the metric per test record, and the difference from random initialisation.
    curves : sequence of sequences of (epoch, score)
        On validation patients, of each seed.
    diagnostics : mapping of str to float
        At the last validation, mean over seeds.
    collapsed : int
        Seeds whose representations collapsed.
    """

    labels: Sequence[float]
    values: Sequence[Sequence[float]]
    gains: Sequence[Sequence[float]]
    curves: Sequence[Sequence[tuple[int, float]]]
    diagnostics: Mapping[str, float]
    collapsed: int

    @classmethod
    def of(cls, runs: Sequence[Run], scores: Scores, method: str) -> Self:
        """That of the seeds of a method.

        Parameters
        ----------
        runs : sequence of Run
        scores : Scores
            Of the method and its random initialisation.
        method : str
        """
        own = list(of_methods([scores.where(method=method)]))
        every = [[line["diagnostics"] for line in log(run) if _checked(line)] for run in runs]
        watched = [of for of in every if of]
        return cls(
            labels=[s.fraction for s in own],
            values=[_ends(s.metrics[s.metric]) for s in own],
            gains=[_ends(s.gain) for s in own],
            curves=[sorted(validation_scores(run).items()) for run in runs],
            diagnostics={key: float(np.mean([of[-1][key] for of in watched])) for key in DIAGNOSTICS},
            collapsed=sum(collapse(of) is not None for of in watched),
        )

    @property
    def validation(self) -> float:
        """Mean over seeds of the score of the weights that were kept, the last."""
        return float(np.mean([curve[-1][1] for curve in self.curves]))


@dataclass(frozen=True, eq=False)
class Overview:
    """All that the page is made of.

    Attributes
    ----------
    costs, settings, outcomes : mappings of method
        Of a step; chosen on validation patients; what it came to.
    shared : sequence of str
        Methods on one encoder.
    views : sequence of str
        Lines of the table of learned views with fixed and frozen ones.
    """

    prepared: Prepared
    budget: Budget
    costs: Mapping[str, Cost]
    settings: Mapping[str, Mapping[str, Any]]
    shared: Sequence[str]
    outcomes: Mapping[str, Outcome]
    views: Sequence[str]


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
        "Verdicts on the methods that lead stand among the [finalists](finalists.md).",
        "",
        *of_data_and_budget(found.prepared, found.budget),
        "- Settings were chosen on validation patients, at a part of the budget and with another seed. The "
        "last epoch is kept. Test patients are scored once, per record; intervals are over patients and "
        "seeds.",
        f"- Encoders: {', '.join(dict.fromkeys(_encoders(found)))}.",
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
        "Methods on the shared encoder. Dashes tell repeated colours apart; the vertical line is the budget.",
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
        "it. Fourier transforms, recursions and views are not counted.",
    ]


def of_methods(groups: Sequence[Scores], protocol: str = "probe") -> Iterator[Score]:
    """Scores of methods per record by one head."""
    for scores in groups:
        yield from (s for s in scores.where(unit="record", protocol=protocol) if s.role == "method")


def _ends(interval: Interval | None) -> tuple[float, float, float]:
    return (math.nan,) * 3 if interval is None else (interval.value, interval.low, interval.high)


def _encoders(found: Overview) -> Iterator[str]:
    """Each encoder with its settings, the shared one first."""
    for own in sorted(found.settings, key=lambda name: name not in found.shared):
        settings = found.settings[own]["encoder"]
        yield f"`{' '.join(_assignments({'encoder': settings}))}`"


def _overview(found: Overview) -> list[str]:
    fractions = next(iter(found.outcomes.values())).labels
    head = ["method", "encoder", *(f"{share:.0%} of labels | gain" for share in fractions), "validation"]
    head = " | ".join(head).split(" | ")
    rows = []
    for name, own in sorted(found.outcomes.items(), key=lambda item: -item[1].values[0][0]):
        cells = []
        for value, gain in zip(own.values, own.gains, strict=True):
            cells += [with_ends(Interval(*value)), with_ends(Interval(*gain), "+.3f")]
        mark = " ◦" if name in COMET_TABLE else ""
        encoder = str(found.settings[name]["encoder"]["name"])
        rows.append([f"{name}{mark}", encoder, *cells, f"{own.validation:.3f}"])
    return table(head, rows)


def _costs(found: Overview) -> list[str]:
    head = [
        "method",
        "operations of an epoch",
        "epochs",
        "share of the budget",
        "processor time of its steps",
        "settings",
    ]
    rows = []
    for name, cost in sorted(found.costs.items(), key=lambda item: item[1].epoch):
        epochs = found.budget.epochs_of(cost)
        own = found.settings[name]
        objective = {key: value for key, value in own["objective"].items() if key != "name"}
        told = " ".join(_assignments({"objective": objective, "training": own["training"]}))
        share = epochs * cost.epoch / found.budget.operations
        took = f"{epochs * cost.steps * cost.seconds:.0f} s"
        rows.append([name, f"{cost.epoch:.2e}", str(epochs), f"{share:.2f}", took, f"`{told}`"])
    return table(head, rows)


def _assignments(settings: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """As the option ``--set`` takes them."""
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _assignments(value, f"{above}{key}.")
        else:
            text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
            yield f"{above}{key}={text}"


def _views(found: Overview) -> list[str]:
    if not found.views:
        return []
    return [
        "## Learned views",
        "",
        "AutoTCL's learned views beside the best fixed ones, and beside its own augmenter left at its random "
        "initialisation, on the same encoder with the same contrast.",
        "",
        *found.views,
        "",
    ]


def _diagnostics(found: Overview) -> list[str]:
    rows = []
    for name, own in found.outcomes.items():
        values = [f"{own.diagnostics[key]:.2f}" for key in DIAGNOSTICS]
        fallen = f"{own.collapsed} of {len(own.curves)}" if own.collapsed else "none"
        rows.append([name, *values, fallen])
    return table(["method", *(key.replace("_", " ") for key in DIAGNOSTICS), "collapsed"], rows)


def _checked(line: Mapping[str, Any]) -> bool:
    return line["kind"] == "validation" and bool(line.get("diagnostics"))


@house
def figure_compute(found: Overview) -> Figure:
    """Validation score by operations spent, a line for each method on the shared encoder."""
    figure = new_figure(WIDTH, 4.2)
    axes = figure.subplots()
    leading_first = sorted(found.shared, key=lambda name: -found.outcomes[name].validation)
    for number, name in enumerate(leading_first):
        runs = [dict(curve) for curve in found.outcomes[name].curves]
        epochs = sorted(set.intersection(*(set(run) for run in runs)))
        spent = [epoch * found.costs[name].epoch / found.budget.operations for epoch in epochs]
        mean = [float(np.mean([run[epoch] for run in runs])) for epoch in epochs]
        again, place = divmod(number, len(PALETTE))
        look = {
            "color": PALETTE[place],
            "marker": MARKS[number % len(MARKS)],
            "ls": (0, (4, 2)) if again else "-",
        }
        axes.plot(spent, mean, lw=1.2, ms=3, label=name, **look)
    axes.axvline(1, color=CONTROL, lw=1, ls=(0, (4, 3)))
    axes.set(xlabel="operations, share of the budget", ylabel="validation macro AUROC")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure
