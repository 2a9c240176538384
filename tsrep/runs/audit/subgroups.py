"""Block 5: scores and calibration of groups of people, of devices and of noisy recordings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tsrep.evaluation.arrays import Array
from tsrep.evaluation.bootstrap.means import Means
from tsrep.evaluation.difference import difference_of_cohorts
from tsrep.evaluation.labels.metrics import positives
from tsrep.evaluation.predictions import Predictions
from tsrep.runs.audit.block import NAN, Block, Row
from tsrep.runs.audit.subject import FEWEST, UNKNOWN, Subject, as_texts
from tsrep.runs.validate.by_class import by_class

KEY, TITLE = "subgroups", "Scores and calibration of groups"
SILENT = (
    "It does not show why groups differ: AUROCs differ also because the cases of a group are easier "
    "or harder, and "
    "the many comparisons are not corrected, so that none of them is a verdict."
)
BANDS = ((0, "under 40"), (40, "40 to 59"), (60, "60 to 79"), (80, "80 and over"))  # years
LEVELS = ("device", "site", "cohort", "quality")
PACED = ("pace", "paced", "pr")  # classes of a pacing rhythm, of PTB-XL and of the 2021 challenge
SPECIFICITY = 0.9
EVERYBODY, MACRO = "everybody", "macro average of classes with enough patients"
AUROC, REST = "auroc", ("auprc", "prevalence", "sensitivity", "predicted minus prevalence")


def subgroups(subject: Subject) -> Block:
    """Score each class in each group of 20 patients with and 20 without it."""
    if not subject.panel.classes:
        return Block(KEY, TITLE, ["Not measured: the recordings have no labels."], SILENT)
    found = subject.tested
    groups = {EVERYBODY: np.ones(len(found), bool)} | dict(_groups(subject, subject.at(found)))
    if len(groups) < 2:
        reason = "Not measured: neither sex, age, device, site, cohort, quality nor pacing is stated."
        return Block(KEY, TITLE, [reason], SILENT)
    thresholds = _thresholds(subject)
    rows = []
    for group, members in groups.items():
        own = [
            list(_cells(subject, found, k, name, group, members, thresholds))
            for k, name in enumerate(subject.panel.classes)
        ]
        enough = [k for k, cells in enumerate(own) if not cells[0].note]
        rows += [row for cells in own for row in cells]
        rows += list(_macro(subject, found, enough, group, members))
    return Block(KEY, TITLE, list(_says(rows)), SILENT, rows)


def _groups(subject: Subject, at: np.ndarray) -> Iterator[tuple[str, Array]]:
    """Names of groups with their members, shape (scored recording,)."""
    bands, sexes = _bands(subject), subject.known("sex")
    known = {} if sexes is None else {"sex": np.where(sexes == "", UNKNOWN, sexes)}
    known |= {} if bands is None else {"age": bands}
    known |= {} if (paced := _paced(subject)) is None else {"paced": paced}
    known |= {name: as_texts(values) for name in LEVELS if (values := subject.known(name)) is not None}
    if {"sex", "age"} <= known.keys():
        both = [f"{sex}, {band}" for sex, band in zip(known["sex"], known["age"], strict=True)]
        known["sex and age"] = np.array(both)
    for name, stated in known.items():
        values = np.where(stated == "", UNKNOWN, stated)[at]
        levels = np.unique(values)
        if len(levels) > 1:
            yield from ((f"{name}: {level}", values == level) for level in levels)


def _bands(subject: Subject) -> np.ndarray | None:
    age, over = subject.known("age"), subject.known("over_89")
    if age is None:
        return None
    years = np.where(over, 90.0, age) if over is not None else age
    edges = [edge for edge, _ in BANDS]
    names = np.array([*(name for _, name in BANDS), UNKNOWN])
    place = np.searchsorted(edges, np.nan_to_num(years), side="right") - 1
    return np.asarray(names[np.where(np.isnan(years), len(BANDS), place)])


def _paced(subject: Subject) -> np.ndarray | None:
    """Whether a pacemaker is at work: as the data say, else by a class of it; None where neither says it."""
    if (stated := subject.known("paced")) is not None:
        return np.array([{"1": "yes", "0": "no"}.get(text, text) for text in as_texts(stated)])
    windows = subject.first_windows
    at = [k for k, name in enumerate(windows.classes) if name.casefold() in PACED]
    if not at:
        return None
    mask = windows.class_mask
    known = windows.labelled if mask is None else mask[:, at].any(axis=1)
    return np.where(windows.positive[:, at].any(axis=1), "yes", np.where(known, "no", ""))


def _thresholds(subject: Subject) -> Array | None:
    """Of each class, the probability that a tenth of the validation recordings without it pass, or NaN."""
    if (held := subject.validated) is None:
        return None
    flags = positives(held.target, held.prob.shape[1])
    without = [held.prob[~flags[:, k], k] for k in range(flags.shape[1])]
    return np.array([np.quantile(each, SPECIFICITY) if len(each) else NAN for each in without])


def _cells(
    subject: Subject,
    found: Predictions,
    k: int,
    name: str,
    group: str,
    members: Array,
    thresholds: Array | None,
) -> Iterator[Row]:
    """Numbers of a class in a group, and the difference of its AUROC from everybody else's."""
    of_class = found.of_class(k)
    there = members[np.isin(found.trial, of_class.trial)]
    inside, outside = (of_class.of(at) if at.any() else None for at in (there, ~there))
    if inside is None or not _enough(inside):
        people = 0 if inside is None else len(np.unique(inside.patient))
        yield Row(name, group, AUROC, recordings=int(there.sum()), patients=people, note="too few")
        return
    settings: Mapping[str, int] = {"n_bootstrap": subject.evaluation.n_bootstrap, "seed": subject.seed}
    (score,) = by_class([inside], [name], **settings)
    n: dict[str, Any] = {"recordings": len(inside), "patients": len(np.unique(inside.patient))}
    yield Row(name, group, AUROC, score.auroc.value, score.auroc.low, score.auroc.high, 0.5, **n)
    if outside is not None and _enough(outside):
        one, two = (subject.resample([each], (AUROC,)) for each in (inside, outside))
        gap = difference_of_cohorts(one, two)[AUROC]
        yield Row(name, group, "minus all others", gap.value, gap.low, gap.high, **n)
    yield Row(
        name, group, REST[0], score.auprc.value, score.auprc.low, score.auprc.high, score.prevalence, **n
    )
    yield Row(name, group, REST[1], score.prevalence, **n)
    if thresholds is not None and np.isfinite(thresholds[k]):
        yield _sensitivity(subject, inside, thresholds[k], name, group)
    large = score.in_the_large
    yield Row(name, group, REST[3], large.value, large.low, large.high, 0.0, **n)


def _macro(
    subject: Subject, found: Predictions, classes: list[int], group: str, members: Array
) -> Iterator[Row]:
    """Mean AUROC of some classes in a group."""
    if not classes:
        return
    flags = positives(found.target, found.prob.shape[1])[np.ix_(members, np.array(classes))]
    known = None if found.known is None else found.known[np.ix_(members, np.array(classes))]
    some = Predictions(
        found.prob[np.ix_(members, np.array(classes))],
        flags,
        found.patient[members],
        found.trial[members],
        known,
    )
    value = subject.resample([some], (AUROC,)).intervals()[AUROC]
    n: dict[str, Any] = {"recordings": len(some), "patients": len(np.unique(some.patient))}
    yield Row(MACRO, group, AUROC, value.value, value.low, value.high, 0.5, **n)
    yield Row(MACRO, group, "classes", float(len(classes)), **n)


def _enough(p: Predictions) -> bool:
    flags = p.target[:, 0]
    return all(len(np.unique(p.patient[each])) >= FEWEST for each in (flags, ~flags))


def _sensitivity(subject: Subject, p: Predictions, threshold: float, name: str, group: str) -> Row:
    has = p.target[:, 0]
    patients, row = np.unique(p.patient[has], return_inverse=True)
    hits = np.bincount(row, p.prob[has, 0] > threshold, len(patients))
    means = Means(hits[:, None], np.bincount(row).astype(float)[:, None], ("sensitivity",))
    found = subject.resampled([means], len(patients)).intervals()["sensitivity"]
    return Row(name, group, REST[2], found.value, found.low, found.high, NAN, int(has.sum()), len(patients))


def _says(rows: list[Row]) -> Iterator[str]:
    shown = [row for row in rows if row.of == AUROC and not row.note]
    few = [row for row in rows if row.note]
    yield (
        f"{len(shown):,} cells of a group and a class have {FEWEST} patients with and {FEWEST} "
        "without the class; "
        f"{len(few):,} have fewer and are not scored."
    )
    gaps = [row for row in rows if row.of == "minus all others" and np.isfinite(row.low)]
    apart = [row for row in gaps if row.low > 0 or row.high < 0]
    if gaps:
        yield (
            f"Of {len(gaps):,} differences of a group's AUROC from that of all others, {len(apart):,} "
            "have an interval "
            f"without 0; {0.05 * len(gaps):.0f} would be expected were there none."
        )
    if apart:
        lowest = min(apart, key=lambda row: row.value)
        if lowest.value < 0:
            yield (
                f"The lowest is {lowest.value:+.3f} ({lowest.low:+.3f} to {lowest.high:+.3f}) for "
                f"{lowest.table} in "
                f"{lowest.line}."
            ).replace("-", "−")
