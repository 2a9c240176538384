"""The page of a comparison: one HTML file that needs nothing else, its figure, and text for a terminal."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

from tsrep.report.captioned_figure import CaptionedFigure, captioned
from tsrep.report.compare_runs import run_sections
from tsrep.report.compare_tables import (
    about_table,
    conversion_table,
    cost_table,
    detail_tables,
    gain_table,
    overview,
    pair_table,
)
from tsrep.report.outcome_page import (
    OF_CELLS,
    OutcomePage,
    Section,
    cells,
    figures,
    folded,
    notes,
    paragraphs,
    title_of,
)
from tsrep.report.wording import apart_from_zero, count, full_name, interval, listed, number, p_value, signed
from tsrep.runs.compare.cells import Scored
from tsrep.runs.compare.comparison import Comparison
from tsrep.runs.compare.verdicts import ALPHA, Verdict
from tsrep.text import plural

CAPTION = (
    "Each encoder on recordings of patients who were not fitted on, under the first protocol: value and 95 % "
    "interval. Hollow: the mean of random initialisations of the same architecture, shown the same windows. "
    "Dashed: chance."
)


def write_comparison(comparison: Comparison, folder: Path) -> Path:
    """Write ``comparison.html`` and ``comparison.png``; the numbers are written by the comparison itself."""
    from tsrep.report.compare_figure import figure_compare

    figure = captioned("comparison", "scores", CAPTION, figure_compare(comparison))
    return page_of(comparison, [figure]).write(folder, [figure])


def page_of(comparison: Comparison, shown: Sequence[CaptionedFigure] = ()) -> OutcomePage:
    """What the page says and shows."""
    runs, scores = run_sections(comparison), overview(comparison)
    gains, pairs, details = gain_table(comparison), pair_table(comparison), detail_tables(comparison)
    further = len(comparison.protocols) > 1 or len(comparison.columns) > 1
    of_scores = [
        paragraphs([_measured(comparison)]),
        figures(shown),
        cells(scores),
        folded(details),
    ]
    of_encoders = [about_table(comparison), cost_table(comparison), conversion_table(comparison)]
    sections = [
        Section("scores", "Scores", of_scores),
        Section(
            "verdicts", "Differences", [cells(gains), cells(pairs), paragraphs([_corrected(comparison)])]
        ),
        Section("encoders", "Encoders", list(map(cells, of_encoders))),
    ]
    if runs.settings is not None:
        sections += [
            Section("runs", "Differences of configuration", [cells(runs.settings)]),
            Section("curves", "Curves", [figures(runs.curves)]),
        ]
    return OutcomePage(
        "comparison",
        title_of(comparison.encoders, comparison.datasets),
        headline(comparison),
        [*sections, notes("comparison", [*comparison.notes, *_citations(comparison)], OF_CELLS)],
        [(sentence, "") for sentence in sentences(comparison)],
        caveats(comparison),
        listed(dict.fromkeys(each.cell.dataset for each in comparison.cells if each.cell.synthetic)),
        [scores, *(each for _, tables in details for each in tables if further), gains, pairs],
    )


def summary(comparison: Comparison) -> str:
    """Headline, sentences and tables as plain text."""
    return page_of(comparison).text()


def headline(comparison: Comparison) -> str:
    """Which encoder is ahead on each data set."""
    told = [_leader(comparison, dataset) for dataset in comparison.rankings]
    what = f"{plural(len(comparison.encoders), 'encoder')} on {plural(len(comparison.datasets), 'data set')}"
    return f"{what}: {'; '.join(filter(None, told))}."


def sentences(comparison: Comparison) -> list[str]:
    """Which differences are significant after correction."""
    gains = [v for v in comparison.gains if v.word == "better"]
    pairs = [v for v in comparison.pairs if v.word == "better"]
    behind = [v for v in comparison.gains if v.word == "worse"]
    found = []
    if comparison.gains:
        named = listed(f"{v.encoder} on {v.dataset} ({evidence(v)})" for v in gains)
        total = plural(len(comparison.gains), "comparison")
        found.append(
            f"Significantly above random initialisations of their architecture: {named}; {total}."
            if gains
            else f"None is significantly above random initialisations of its architecture; {total}."
        )
    if behind:
        found.append(
            "Significantly below random initialisations of their architecture: "
            f"{listed(f'{v.encoder} on {v.dataset} ({evidence(v)})' for v in behind)}."
        )
    if comparison.pairs:
        named = listed(f"{v.encoder} above {v.against} on {v.dataset} ({evidence(v)})" for v in pairs)
        total = plural(len(comparison.pairs), "pair")
        found.append(
            f"Significant between encoders: {named}; {total}."
            if pairs
            else f"No two encoders differ significantly; {total}."
        )
    return found


def caveats(comparison: Comparison) -> list[str]:
    """Rows without clean evidence, and what else a reader must know."""
    seen = _rows(comparison, lambda each: each.cell.marked)
    unknown = _rows(comparison, lambda each: each.cell.seen == "unknown")
    without = [
        name for name, about in comparison.about.items() if about.get("random initialisation") is False
    ]
    found = []
    if seen:
        found.append(f"Trained on recordings that are scored (†seen), so in no comparison: {seen}.")
    if unknown:
        found.append(f"Whether scored recordings were trained on is unknown: {unknown}.")
    if without:
        found.append(
            f"Without weights, or without an architecture to draw them for, and so without a gain over "
            f"random initialisations: {listed(without)}."
        )
    found += filter(None, (_apart(comparison, dataset) for dataset in comparison.rankings))
    draws = {(each.cell.encoder, each.cell.dataset): each.predictions.draws for each in comparison.leading}
    unlike = [v for v in comparison.pairs if draws[v.encoder, v.dataset] != draws[v.against, v.dataset]]
    if unlike:
        named = listed(f"{v.encoder} and {v.against} on {v.dataset}" for v in unlike)
        found.append(f"Not compared, as they were scored on different numbers of label draws: {named}.")
    if pools := _pools(comparison):
        found.append(f"Vectors of time steps are pooled otherwise by encoder: {pools}.")
    return found


def _rows(comparison: Comparison, chosen: Callable[[Scored], bool]) -> str:
    """Encoders of which something is known of what they have seen, and where it is not everywhere."""
    on: dict[str, list[str]] = {}
    for each in comparison.leading:
        if chosen(each):
            on.setdefault(each.cell.encoder, []).append(each.cell.dataset)
    every = len(comparison.datasets)
    return listed(
        name if len(datasets) == every else f"{name} on {listed(datasets)}" for name, datasets in on.items()
    )


def _pools(comparison: Comparison) -> str:
    used = {each.cell.encoder: each.cell.pool for each in comparison.cells if each.cell.pool}
    return "" if len(set(used.values())) < 2 else ", ".join(f"{name} {pool}" for name, pool in used.items())


def _leader(comparison: Comparison, dataset: str) -> str:
    """The best of those whose scored recordings are not known to have been trained on."""
    ranking = comparison.rankings[dataset]
    if not ranking.values:
        return f"on {dataset} no encoder is without recordings that it was trained on"
    best, found = next(iter(ranking.values.items()))
    of_all = f"{plural(ranking.n, 'recording')} that all are scored on" if ranking.apart else ""
    if not math.isfinite(found.value):
        which = f"the {of_all}" if of_all else "the scored part"
        return f"on {dataset} nothing is defined, as no class of {which} has both values"
    spread = interval(found)
    ahead = "is ahead with" if len(ranking.values) > 1 else "has"
    return (
        f"on {dataset} {best} {ahead} a {full_name(ranking.metric)} of {number(found.value)}"
        f"{f' ({spread})' if spread else ''}{f' on the {of_all}' if of_all else ''}"
    )


def _apart(comparison: Comparison, dataset: str) -> str:
    """That encoders were scored on different recordings, and what is then compared."""
    ranking = comparison.rankings[dataset]
    if not ranking.apart:
        return ""
    counts = ", ".join(f"{name} {count(n)}" for name, n in ranking.apart.items())
    return (
        f"Encoders are scored on different recordings of {dataset} ({counts}), as some cannot be shown to "
        f"them or were trained on: they are ranked on the {count(ranking.n)} of all, and pairs are compared "
        "on those of both."
    )


def evidence(verdict: Verdict) -> str:
    """``difference +0.031, +0.010 to +0.052, Holm-adjusted p = 0.004``."""
    places = apart_from_zero(verdict.difference)
    spread = interval(verdict.difference, lambda v: signed(v, places))
    adjusted = "p" if verdict.primary else "Holm-adjusted p"
    return (
        f"difference {signed(verdict.difference.value, places)}, {spread}, {adjusted} "
        f"{p_value(verdict.adjusted_p, equals=True)}"
    )


def _measured(comparison: Comparison) -> str:
    """The protocol of the verdicts with its choices."""
    score = comparison.leading[0].score
    return (
        f"{(score.title or score.protocol).capitalize()}; probabilities of a recording's windows are "
        f"averaged; {score.part} part; 95 % intervals over {score.covers or 'patients'}."
    )


def _corrected(comparison: Comparison) -> str:
    kept = f" {comparison.primary} on {comparison.datasets[0]} was named first and is not corrected."
    return (
        f"Two families, each corrected by Holm at {ALPHA:g}: gains over random initialisations, and all "
        "pairs of encoders. An entry of one encoder speaks of that encoder, one of several seeds of how they "
        "were trained. Rows that are marked †seen are in neither. Other fractions and protocols are an "
        f"overview without verdicts.{kept if comparison.primary else ''}"
    )


def _citations(comparison: Comparison) -> list[str]:
    return [
        f"{name}: {about['citation']}" for name, about in comparison.about.items() if about.get("citation")
    ]
