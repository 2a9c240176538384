"""Page of the finalists at equal compute; every number is from the runs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from equal_compute import Budget, Cost
from method_contrasts import contrasts_table
from objectives_page import of_data_and_budget, of_methods
from results_page import spread, table, with_ends, write_page

from tsrep.evaluation.comparison import Comparison
from tsrep.evaluation.scores import Scores
from tsrep.runs.prepared import Prepared


@dataclass(frozen=True, eq=False)
class Finalists:
    """All that the page is made of.

    Attributes
    ----------
    costs : mapping of method to Cost
        Of a step, of the finalists.
    scores : list of Scores
        On test patients, methods with one random initialisation together.
    contrasts : sequence of Comparison
        At equal operations.
    equal : sequence of str
        Lines of the table of the same contrasts at equal windows.
    """

    prepared: Prepared
    budget: Budget
    costs: Mapping[str, Cost]
    scores: Sequence[Scores]
    contrasts: Sequence[Comparison]
    equal: Sequence[str]


def write_finalists(found: Finalists, out: Path) -> None:
    """Write the page."""
    write_page(out, "\n".join(_lines(found)))


def _lines(found: Finalists) -> list[str]:
    return [
        "# Finalists at equal compute",
        "",
        *(f"{number}. {sentence}" for number, sentence in enumerate(sentences(found), 1)),
        "",
        "Made by `.venv/bin/python studies/ecg_finalists.py --root DIR`; all settings are in the script. "
        "Finalists are the methods that were best on validation patients among [all](objectives.md), SimCLR "
        "and COMET in the form of its paper, with fresh seeds.",
        "",
        *of_data_and_budget(found.prepared, found.budget),
        "- The last epoch is kept. Test patients are scored per record; intervals are over patients and "
        "seeds.",
        "",
        "## Contrasts",
        "",
        "Macro AUROC of the linear probe with all labels. The primary contrast was named by validation "
        "scores alone, before the finalists were trained; the p values of the others are adjusted by Holm's "
        "method.",
        "",
        *contrasts_table(found.contrasts),
        "",
        f"With equal windows in place of equal operations (epochs: {found.budget.epochs} each):",
        "",
        *found.equal,
        "",
        "## Scores",
        "",
        *_scores(found),
    ]


def sentences(found: Finalists) -> list[str]:
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
    fewest = min(s.fraction for scores in found.scores for s in scores)
    few = [s for s in of_methods(found.scores) if s.fraction == fewest]
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


def _scores(found: Finalists) -> list[str]:
    rows = []
    for scores in found.scores:
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
