"""The page of a validation: one HTML file that needs nothing else, its figure, and text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from tsrep.datasets.dataset import PATIENTS_UNKNOWN
from tsrep.report.captioned_figure import CaptionedFigure, captioned
from tsrep.report.compare import evidence
from tsrep.report.compare_tables import verdict_table
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
from tsrep.report.validate_tables import (
    UNKNOWN,
    class_tables,
    cohort_table,
    drop_table,
    gains,
    pair_table,
    refitted,
    transferred,
)
from tsrep.report.wording import capital, full_name, interval, listed, number, signed
from tsrep.runs.compare.cells import Scored
from tsrep.runs.compare.verdicts import ALPHA
from tsrep.runs.validate.classes import FEWEST
from tsrep.runs.validate.validation import FITTED, Validation
from tsrep.text import plural

CAPTION = (
    "Heads as they were fitted on one cohort, by the cohort that is scored: value and 95 % interval. A row "
    "is an encoder and the cohort that its head is fitted on. Hollow: the mean of random initialisations of "
    "the same architecture. Dashed: chance."
)


def write_validation(validation: Validation, folder: Path) -> Path:
    """Write ``validation.html`` and ``validation.png``; the numbers are written by the validation itself."""
    from tsrep.report.validate_figure import figure_validation

    figure = captioned("validation", "scores", CAPTION, figure_validation(validation))
    return page_of(validation, [figure]).write(folder, [figure])


def page_of(validation: Validation, shown: Sequence[CaptionedFigure] = ()) -> OutcomePage:
    """What the page says and shows."""
    drops = drop_table(validation)
    told = [note if note.endswith(".") else f"{note}." for note in validation.notes]
    of_transferred = [
        paragraphs([_measured(validation)]),
        cells(transferred(validation)),
        figures(shown),
        paragraphs(_inside(validation)),
        cells(verdict_table(_FAMILY, validation.verdicts, "head fitted on, scored on")),
        paragraphs([_CORRECTED]),
    ]
    of_refitted = [paragraphs([_REFITTED]), cells(refitted(validation)), cells(gains(validation))]
    of_classes = [
        paragraphs([_scored(validation), _IN_THE_LARGE]),
        folded(class_tables(validation)),
        cells(pair_table(validation)),
    ]
    sections = [
        Section("transferred", "Classifier transferred", of_transferred),
        Section("refitted", "Head refitted", of_refitted),
        *([Section("drops", "Inside and outside", [cells(drops)])] if drops else []),
        Section("classes", "Classes", of_classes),
        Section("cohorts", "Cohorts", [cells(cohort_table(validation))]),
        notes("validation", [*told, *_citations(validation)], OF_CELLS),
    ]
    return OutcomePage(
        "validation",
        title_of(validation.encoders, validation.datasets),
        headline(validation),
        sections,
        [(sentence, "") for sentence in sentences(validation)],
        list(caveats(validation)),
        listed(cohort.name for cohort in validation.cohorts if cohort.synthetic),
        [transferred(validation), refitted(validation), drops],
    )


_FAMILY = "Transferred heads on external cohorts: encoder minus random initialisations of its architecture"
_REFITTED = "The encoder as it is; heads are fitted on the training part of the cohort that is scored."
_IN_THE_LARGE = (
    "Predicted minus prevalence is the calibration in the large: above zero, a class is predicted more often "
    "than it occurs."
)
_CORRECTED = (
    f"One family of verdicts, corrected by Holm at {ALPHA:g}: transferred heads of encoders against those of "
    "random initialisations, on cohorts that neither encoder nor head was fitted on. All other numbers are "
    "an overview without verdicts."
)


def summary(validation: Validation) -> str:
    """Headline, sentences and tables as plain text."""
    return page_of(validation).text()


def headline(validation: Validation) -> str:
    """What was scored, and the range of what is lost outside."""
    order = {place: number for number, place in enumerate(validation.rows)}
    own = [drop for drop in validation.drops if drop.encoder in validation.about]
    own.sort(key=lambda drop: order[drop.encoder, drop.fitted_on])
    classes = f"{len(validation.classes)} class{'es' * (len(validation.classes) > 1)}"
    encoders, cohorts = plural(len(validation.about), "encoder"), plural(len(validation.cohorts), "cohort")
    what = f"{encoders} on {cohorts}, {classes}"
    told = [
        f"{drop.encoder} from {drop.fitted_on} to {drop.dataset} {signed(drop.difference.value)} "
        f"({interval(drop.difference, signed) or 'no interval'})"
        for drop in own[:3]
    ]
    if not told:
        return f"{what}."
    more = f"; {len(own) - 3} more below" if len(own) > 3 else ""
    return f"{what}. {capital(full_name(validation.metric))} inside minus outside: {'; '.join(told)}{more}."


def sentences(validation: Validation) -> list[str]:
    """Which gains on external cohorts are significant after correction."""
    total = plural(len(validation.verdicts), "comparison")
    found = []
    for word, way in (("better", "above"), ("worse", "below")):
        named = listed(
            f"{v.encoder}, {v.dataset} ({evidence(v)})" for v in validation.verdicts if v.word == word
        )
        if named:
            found.append(
                f"Significantly {way} random initialisations of their architecture on external cohorts: "
                f"{named}; {total}."
            )
    if validation.verdicts and not any(v.word == "better" for v in validation.verdicts):
        found.append(
            "None is significantly above random initialisations of its architecture on an external cohort; "
            f"{total}."
        )
    return found or ["No cohort is external to an encoder of known architecture, so there is no verdict."]


def caveats(validation: Validation) -> Iterator[str]:
    """Controls that are not beaten, cells that are not external, and what is not known."""
    if beaten := listed(_not_above_controls(validation)):
        yield f"Not above a control without an encoder on an external cohort: {beaten}."
    unknown = dict.fromkeys(e.cell.encoder for e in validation.external if e.cell.seen == "unknown")
    if unknown:
        yield f"Whether scored recordings were trained on is unknown: {listed(unknown)}."
    recordings = listed(cohort.name for cohort in validation.cohorts if not cohort.patients_known)
    if recordings:
        yield f"{UNKNOWN} {recordings}: {PATIENTS_UNKNOWN}"


def _not_above_controls(validation: Validation) -> Iterator[str]:
    """External cells of encoders whose value does not pass that of a control."""
    controls = [name for name in validation.methods if name not in validation.about]
    for each in validation.external:
        for name in controls:
            other = validation.find(name, each.cell.fitted_on, each.cell.dataset)
            if other is not None and not _above(each, other):
                yield (
                    f"{each.cell.encoder} from {each.cell.fitted_on} to {each.cell.dataset} "
                    f"({number(each.score.value)}; {name} {number(other.score.value)})"
                )


def _above(one: Scored, other: Scored) -> bool:
    return (one.score.value > other.score.value) != one.score.lower_is_better


def _measured(validation: Validation) -> str:
    score = validation.cells[0].score
    return (
        f"{(score.title or score.protocol).capitalize()}: fitted on the training part of a cohort and chosen "
        "by its validation part; of the cohort that is scored nothing is used before. Probabilities of a "
        f"recording's windows are averaged; 95 % intervals over {score.covers or 'patients'}."
    )


def _scored(validation: Validation) -> str:
    """The list of classes, and why others are not in it."""
    kept = f"Classes of every number on this page: {', '.join(validation.classes)}."
    out = "; ".join(f"{name} ({reason})" for name, reason in validation.excluded.items())
    rule = f"Of every scored part {FEWEST} recordings or more have each, and as many have it not."
    return f"{kept} {rule}{f' Not scored: {out}.' if out else ''}"


def _inside(validation: Validation) -> Iterator[str]:
    """Cells that are not external, or near, although their head is of another cohort, with the reason."""
    found = dict.fromkeys(
        (each.cell.encoder, each.cell.dataset, each.cell.inside)
        for each in validation.cells
        if each.cell.inside not in ("", FITTED) and each.cell.encoder in validation.about
    )
    for name, dataset, reason in found:
        yield f"Not external: {name} on {dataset}, as {reason}."
    if near := dict.fromkeys(each.cell.near for each in validation.cells if each.cell.near):
        yield (
            "Near external: other patients of the same institution or published set, so that devices, people "
            f"and habits of labelling are alike and less may be lost than elsewhere: {listed(near)}."
        )


def _citations(validation: Validation) -> list[str]:
    return [
        f"{name}: {about['citation']}" for name, about in validation.about.items() if about.get("citation")
    ]
