"""Block 3: does the encoder know sex and age, and does the score of a label rest on them?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from tsrep.evaluation.arrays import Array
from tsrep.evaluation.audit.attributes import predicted_levels, predicted_numbers
from tsrep.evaluation.audit.within import WithinStrata
from tsrep.evaluation.bootstrap import Resampled, positive_interval
from tsrep.evaluation.bootstrap.patients import Weighable
from tsrep.evaluation.labels.linear_probe import fit_probe
from tsrep.evaluation.labels.metrics import Scorer, positives
from tsrep.evaluation.predictions import Predictions
from tsrep.evaluation.targets.values import Errors, Values
from tsrep.runs.audit.block import Block, Row, rows_of, told
from tsrep.runs.audit.subject import FEWEST, Subject
from tsrep.signals.panel import Ints
from tsrep.text import plural

KEY, TITLE = "demographics", "Sex and age"
SILENT = (
    "That sex or age can be predicted is no fault by itself, as a recording carries both. It does "
    "not show which "
    "waveform a label is read from, and pairs within ten years of age still differ in age."
)
PROBED = "Linear probes of sex and ridges of age, folds by patient"
LABELS = "AUROC of labels: by age and sex, by the probe, by both, and within one sex and ten years of age"
ALONE, PROBE, BOTH, ADJUSTED = "age and sex alone", "probe", "probe, age and sex", "adjusted for age and sex"
BAND = 10  # years
C = (1.0,)


def demographics(subject: Subject) -> Block:
    """Probe for sex and age, and compare scores of labels with those of age and sex and within them."""
    rows: list[Row] = [*_of_sex(subject), *_of_age(subject)]
    if not rows:
        reason = f"Not measured: sex and age of {FEWEST} patients of the {subject.part} part are not stated."
        return Block(KEY, TITLE, [reason], SILENT)
    labels = list(_of_labels(subject))
    return Block(KEY, TITLE, [*_says_probed(rows), *_says_labels(labels)], SILENT, [*rows, *_ordered(labels)])


def _of_sex(subject: Subject) -> Iterator[Row]:
    sex = subject.known("sex")
    if sex is None:
        return
    at = subject.scored[np.isin(sex[subject.scored], ("F", "M"))]
    female = (sex[at] == "F").astype(np.int64)
    patients, group = np.unique(subject.patient[at], return_inverse=True)
    if min(len(np.unique(group[female == k])) for k in (0, 1)) < FEWEST:
        return

    def of(x: Array) -> Weighable:
        prob = predicted_levels(x[at], female, group, seed=subject.seed)
        return Scorer(prob[:, 1:], female[:, None].astype(bool), group, ("auroc",))

    found = subject.each(of, len(patients))
    n: dict[str, Any] = {"recordings": len(at), "patients": len(patients)}
    yield from rows_of(PROBED, "sex: AUROC", "auroc", found, chance=0.5, **n)


def _of_age(subject: Subject) -> Iterator[Row]:
    age = subject.known("age")
    if age is None:
        return
    at = subject.scored[np.isfinite(age[subject.scored])]
    patients, group = np.unique(subject.patient[at], return_inverse=True)
    if len(patients) < FEWEST:
        return
    years = age[at].astype(float)

    def of(x: Array) -> Weighable:
        predicted = predicted_numbers(x[at], years, group, seed=subject.seed)
        return Errors(Values(predicted, years, group, at), group)

    found = subject.each(of, len(patients), positive_interval)
    n: dict[str, Any] = {"recordings": len(at), "patients": len(patients)}
    alone = float(np.abs(years - np.median(years)).mean())
    yield from rows_of(PROBED, "age: mean absolute error, years", "mae", found, chance=alone, **n)
    yield from rows_of(PROBED, "age: R²", "r2", found, chance=0.0, **n)


def features(subject: Subject) -> tuple[Array, Ints] | None:
    """Age and sex as features, shape (recording, 4), and a stratum of sex and ten years, -1 where "
    "unknown."""
    age, sex = subject.known("age"), subject.known("sex")
    if age is None or sex is None:
        return None
    over = subject.known("over_89")
    over = np.zeros(len(age), bool) if over is None else over
    decade = np.where(over, 9, np.floor(np.nan_to_num(age) / BAND).clip(0, 9)).astype(np.int64)
    known = (np.isfinite(age) | over) & np.isin(sex, ("F", "M"))
    female = sex == "F"
    years = np.where(over, 0, np.nan_to_num(age))
    x = np.stack([years, years**2, over, female], axis=1).astype(float)
    return x, np.where(known, 2 * decade + female, -1)


def _of_labels(subject: Subject) -> Iterator[Row]:
    found = features(subject)
    if found is None or not subject.panel.classes or not len(subject.recordings("train")):
        return
    x, stratum = found
    p = subject.tested
    at = subject.at(p)
    p, at = p.of(stratum[at] >= 0), at[stratum[at] >= 0]
    alone, both = _by_age_and_sex(subject, x, stratum, at), _with_age_and_sex(subject, x, stratum, p, at)
    flags = positives(p.target, p.prob.shape[1])
    for k, name in enumerate(subject.panel.classes):
        stated = np.ones(len(at), bool) if p.known is None else p.known[:, k]
        of, patients = partial(_column, flags[:, k], p.patient, stated), len(np.unique(p.patient[stated]))
        if min(_people(p.patient, flags[:, k] & stated), _people(p.patient, ~flags[:, k] & stated)) < FEWEST:
            yield Row(LABELS, name, PROBE, recordings=int(stated.sum()), patients=patients, note="too few")
            continue
        scorers = {ALONE: of(alone[:, k]), PROBE: of(p.prob[:, k])}
        scorers |= {} if both is None else {BOTH: of(both[:, k])}
        scorers[ADJUSTED] = of(p.prob[:, k], stratum[at])
        resampled: dict[str, Resampled] = {
            key: subject.resampled([each], patients) for key, each in scorers.items()
        }
        n: dict[str, Any] = {"recordings": int(stated.sum()), "patients": patients}
        yield from rows_of(LABELS, name, "auroc", resampled, chance=0.5, **n)


def _people(patient: Ints, flags: Array) -> int:
    return len(np.unique(patient[flags]))


def _column(
    flags: Array, patient: Ints, stated: Array, score: Array, stratum: Ints | None = None
) -> Weighable:
    """AUROC of one label among the recordings that state it."""
    group = np.unique(patient[stated], return_inverse=True)[1]
    columns = score[stated, None], flags[stated, None]
    if stratum is None:
        return Scorer(*columns, group, ("auroc",))
    return WithinStrata(*columns, stratum[stated], group)


def _by_age_and_sex(subject: Subject, x: Array, stratum: Ints, at: Ints) -> Array:
    """Probabilities by a logistic regression on age and sex of the training part."""
    train = subject.recordings("train")
    train = train[(stratum[train] >= 0) & subject.first_windows.labelled[train]]
    label = subject.first_windows.label[train]
    return fit_probe(x[train], label, len(subject.panel.classes), C=C).predict(x[at])


def _with_age_and_sex(subject: Subject, x: Array, stratum: Ints, p: Predictions, at: Ints) -> Array | None:
    """Probabilities by logistic regressions of the validation part on the probe's, age and sex."""
    if (held := subject.validated) is None:
        return None
    where = subject.at(held)
    known = (stratum[where] >= 0) & subject.first_windows.labelled[where]
    flags = positives(held.target, held.prob.shape[1])[known]
    columns = []
    for k in range(flags.shape[1]):
        fitted = np.column_stack([_logit(held.prob[known, k]), x[where[known]]])
        probe = fit_probe(fitted, flags[:, k : k + 1], 1, C=C)
        columns.append(probe.predict(np.column_stack([_logit(p.prob[:, k]), x[at]]))[:, 0])
    return np.stack(columns, axis=1)


def _logit(prob: Array) -> Array:
    kept = prob.clip(1e-6, 1 - 1e-6)
    return np.asarray(np.log(kept / (1 - kept)))


def _is_shortcut(rows: Mapping[str, Row]) -> bool:
    """Whether half of a label's AUROC above 0.5 is gone among people alike, and the rest may be nothing."""
    if not {PROBE, ADJUSTED} <= rows.keys() or not rows[PROBE].low > 0.5:
        return False
    probe, adjusted = rows[PROBE], rows[ADJUSTED]
    return not adjusted.low > 0.5 and not adjusted.value - 0.5 > (probe.value - 0.5) / 2


def _by_label(rows: list[Row]) -> dict[str, dict[str, Row]]:
    found: dict[str, dict[str, Row]] = {}
    for row in rows:
        found.setdefault(row.line, {})[row.of] = row
    return found


def _ordered(rows: list[Row]) -> list[Row]:
    """Labels that rest on age and sex first."""
    by = _by_label(rows)
    return [
        row for name in sorted(by, key=lambda each: not _is_shortcut(by[each])) for row in by[name].values()
    ]


def _says_probed(rows: list[Row]) -> Iterator[str]:
    by = _by_label(rows)
    for line, what, unit in (("sex: AUROC", "A probe of sex has an AUROC of", ""), (
        "age: mean absolute error, years", "A ridge on age has a mean absolute error of", " years",
    )):  # fmt: skip
        if line in by:
            encoder, *others = by[line].values()
            beside = "; ".join(f"{row.of} {told(row, 2)}" for row in others)
            without = "chance 0.5" if not unit else f"the median alone {encoder.chance:.2f}"
            yield f"{what} {told(encoder, 2)}{unit}; {without}; {beside}."


def _says_labels(rows: list[Row]) -> Iterator[str]:
    by = _by_label(rows)
    for name, each in by.items():
        if _is_shortcut(each):
            yield (
                f"{name} is distinguished with an AUROC of {told(each[PROBE])}, and among people of one "
                "sex and ten years "
                f"of age with {told(each[ADJUSTED])}: the score rests on age and sex; these alone give "
                f"{told(each[ALONE])}."
            )
    measured = [each for each in by.values() if ADJUSTED in each]
    if measured and not any(map(_is_shortcut, measured)):
        change = [each[ADJUSTED].value - each[PROBE].value for each in measured]
        yield (
            f"Within one sex and ten years of age the AUROC of {plural(len(measured), 'label')} changes by "
            f"{min(change):+.3f} to {max(change):+.3f}, so that none is found to rest on age and sex alone."
        ).replace("-", "−")
