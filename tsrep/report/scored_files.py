"""Text and page of predictions that were scored from files."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tsrep.evaluation.headline import LOWER_IS_BETTER
from tsrep.evaluation.scores import Score
from tsrep.files import write_text
from tsrep.report.captioned_figure import CaptionedFigure
from tsrep.report.outcome_page import OutcomePage, Section, cells, facts, figures, paragraphs
from tsrep.report.panel_figures import class_figures, value_figure
from tsrep.report.tables import CONDITIONS, METHOD, PATIENTS, Cell, Columns, Table, integer, table, value_cell
from tsrep.report.verdicts import ALPHA, Significance, few_patients
from tsrep.report.wording import (
    apart_from_zero,
    count,
    full_name,
    interval,
    number,
    p_value,
    short_name,
    signed,
)
from tsrep.runs.score_file.result import MACRO, ClassScore, Contrast, ScoredFiles

MAIN = ("auroc", "auprc", "f1", "accuracy", "mae", "rmse", "r2", "pearson")
REST = ("precision", "recall", "exact_match", "brier", "ece", "slope", "bias")
_WORDS = {"better": "is better than", "worse": "is worse than"}


def summarise_files(found: ScoredFiles) -> str:
    """Headline, differences and scores as plain text."""
    return _page(found, [], [score_table(found, MAIN), contrast_table(found), class_table(found)]).text()


def write_page(found: ScoredFiles, path: Path) -> None:
    """Write one HTML file that needs nothing else, atomically."""
    write_text(path, _page(found, _figures(found)).html())


def _page(found: ScoredFiles, shown: Sequence[CaptionedFigure], tables: Sequence[Table] = ()) -> OutcomePage:
    contrasts, classes = contrast_table(found), class_table(found)
    scores = [score_table(found, MAIN), score_table(found, REST, "Other metrics")]
    files = [(method, ", ".join(names)) for method, names in found.files.items()]
    sections = [
        Section("scores", "Scores", [*map(cells, scores), paragraphs([_MEANS])]),
        Section("differences", "Differences", [cells(contrasts), paragraphs([_ADJUSTED])]),
        Section("classes", "Classes", [cells(classes)]),
        Section("figures", "Curves and calibration", [f'<div class="row">{figures(shown)}</div>']),
        Section("files", "Files", [facts(files)]),
    ]
    absent = {"differences": not contrasts, "classes": not classes}
    kept = [each for each in sections if not absent.get(each.key)]
    title, told = found.score.method, verdicts(found)
    return OutcomePage("scores", title, headline(found), kept, told, notes(found), tables=tables)


_MEANS = "Values are means over seeds with 95 % intervals; macro averages."
_ADJUSTED = (
    "On the same resamples. The primary comparison is the macro average against the control that was named "
    "first; the p values of all others are adjusted for their number (Holm)."
)


def headline(found: ScoredFiles) -> str:
    """One sentence: the main metric with its interval, and on how much."""
    score = found.score
    spread = interval(score.metrics[score.metric])
    patients = f" of {count(score.patients)} patients" if score.patients else ""
    several = f", the mean of {score.seeds} seeds" if score.seeds > 1 else ""
    ends = f" (95 % interval {spread} over {score.covers})" if spread else ""
    return (
        f"{score.method} reaches a {full_name(score.metric)} of {number(score.value)}{ends} on "
        f"{count(score.n)} {score.unit}s{patients}{several}."
    )


def notes(found: ScoredFiles) -> list[str]:
    """What a reader should know."""
    score, classes = found.score, len(found.classes)
    few = [
        f"Macro averages are over the {score.classes_scored} of {classes} classes that have both outcomes."
    ]
    return [*score.notes, *found.scores.notes, *few_patients(score), *few * (score.classes_scored < classes)]


def verdicts(found: ScoredFiles) -> list[tuple[str, str]]:
    """Whether the method is better than each control, and the tone of each sentence."""
    macro = [contrast for contrast in found.contrasts if contrast.of == MACRO]
    return [(_sentence(contrast, found.score.method), _significance(contrast)) for contrast in macro]


def _sentence(contrast: Contrast, method: str) -> str:
    difference, word, p = contrast.difference, _significance(contrast), ""
    places = apart_from_zero(difference)
    spread = interval(difference, lambda v: signed(v, places))
    ends = f"95 % interval {spread} over {difference.covers}" if spread else "no interval was computed"
    adjusted = "" if contrast.primary else ", adjusted for the number of comparisons (Holm)"
    p = (
        ""
        if math.isnan(contrast.adjusted_p)
        else f", p {p_value(contrast.adjusted_p, equals=True)}{adjusted}"
    )
    return (
        f"{method} {_WORDS.get(word, 'does not measurably differ from')} {contrast.control}: "
        f"{signed(difference.value, places)} {short_name(contrast.metric)} ({ends}{p})."
    )


def _significance(contrast: Contrast) -> Significance:
    low, high = contrast.difference.low, contrast.difference.high
    if math.isnan(low) or math.isnan(high):
        return "no interval"
    if low <= 0 <= high or contrast.adjusted_p > ALPHA:
        return "not significant"
    return "better" if (high < 0) == (contrast.metric in LOWER_IS_BETTER) else "worse"


def score_table(found: ScoredFiles, metrics: Sequence[str], what: str = "Scores") -> Table:
    """The method and its controls, a row each."""
    scores = found.scores.scores

    def value(metric: str, score: Score) -> Cell:
        return value_cell(score.metrics.get(metric), strong=metric == score.metric)

    shown: Columns[Score] = {short_name(m): partial(value, m) for m in metrics if m in found.score.metrics}
    conditions = {name: cell for name, cell in CONDITIONS.items() if name != "part"}
    patients = PATIENTS if found.score.patients else {}
    columns: Columns[Score] = {**METHOD, **shown, **conditions, **patients}
    return table(f"{what} per {found.score.unit}", scores, columns)


def contrast_table(found: ScoredFiles) -> Table:
    """Differences to the controls, on all classes and on each."""

    def value(contrast: Contrast) -> Cell:
        places = apart_from_zero(contrast.difference)
        spread = interval(contrast.difference, lambda v: signed(v, places))
        return Cell(signed(contrast.difference.value, places), spread, numeric=True)

    def word(contrast: Contrast) -> Cell:
        said = _significance(contrast)
        tone = said if said in _WORDS else ""
        return Cell(said, "primary comparison" if contrast.primary else "", tone=tone)

    columns: Columns[Contrast] = {
        "control": lambda c: Cell(c.control),
        "of": lambda c: Cell(c.of),
        f"{short_name(found.score.metric)} difference": value,
        "p": lambda c: Cell(p_value(c.difference.p), numeric=True),
        "p (Holm)": lambda c: Cell(p_value(c.adjusted_p), numeric=True),
        "significance": word,
        "interval over": lambda c: Cell(c.difference.covers),
    }
    return table(f"{found.score.method} minus each control", found.contrasts, columns)


def class_table(found: ScoredFiles) -> Table:
    """Each class against all others."""

    def value(method: str, metric: str, each: ClassScore) -> Cell:
        return value_cell(each.metrics[method][metric])

    methods = list(found.files)
    columns: Columns[ClassScore] = {
        "class": lambda each: Cell(each.name, strong=True),
        f"{found.score.unit}s with it": lambda each: integer(each.positives),
        **({"patients": lambda each: integer(each.patients)} if found.score.patients else {}),
    }
    for method in methods:
        of = f", {method}" if len(methods) > 1 else ""
        areas: Columns[ClassScore] = {
            f"{short_name(m)}{of}": partial(value, method, m) for m in ("auroc", "auprc")
        }
        columns = {**columns, **areas}
    return table("Each class against all others", found.by_class, columns)


def _figures(found: ScoredFiles) -> list[CaptionedFigure]:
    from tsrep.inspect.figures.classes import support
    from tsrep.inspect.figures.style import class_colours

    score = found.score
    patients = f" of {count(score.patients)} patients" if score.patients else ""
    where = f"{score.method} on {count(score.n)} {score.unit}s{patients}"
    if found.scores.values:
        return [value_figure(held, score, where) for held in found.scores.values.values()]
    held = found.predictions
    colours = class_colours(found.classes, support(held.target, len(found.classes)))
    return list(class_figures(held, found.classes, colours, f"Predictions of {where}."))
