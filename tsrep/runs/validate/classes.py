"""One list of classes for all cohorts of a validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import combinations

import numpy as np

from tsrep.datasets.cohorts.classes import in_classes, joined_classes, stated
from tsrep.errors import DataError
from tsrep.runs.validate.cohorts import Cohort
from tsrep.signals.panel import Ints, Panel

FEWEST = 20  # recordings with a class, and without it, in every scored part
NAMED = 3  # classes that come nearest, where none is left
Counts = tuple[int, int]  # recordings with a class, and without it


def fixed_classes(cohorts: Sequence[Cohort]) -> tuple[tuple[str, ...], dict[str, str]]:
    """Classes that are scored in every cohort, and why others are not.

    Returns
    -------
    classes : tuple of str
    excluded : dict of str to str
        The reason of each class that some cohort has.

    Raises
    ------
    DataError
        When there are too few such classes to score anything.
    """
    records = {cohort.name: cohort.records for cohort in cohorts}
    common = joined_classes(records, "common")
    every = dict.fromkeys(name for panel in records.values() for name in panel.classes)
    excluded = {
        name: f"not known in {', '.join(where for where, p in records.items() if name not in stated(p))}"
        for name in every
        if name not in common
    }
    panels = {cohort.name: _labels(cohort, common) for cohort in cohorts}
    excluded |= {name: reason for name in common if (reason := _lacking(name, cohorts, panels))}
    kept = tuple(name for name in common if name not in excluded)
    if len(kept) < (1 if cohorts[0].records.multilabel else 2):
        nearest = sorted((_rarest(name, cohorts, panels) for name in common), reverse=True)[:NAMED]
        told = "; ".join(f"{name} {count} in {where}" for count, name, where in nearest)
        raise DataError(
            f"too few classes have {FEWEST} recordings with them and {FEWEST} without them in every scored "
            f"part; nearest: {told}; leave out the cohort with the fewest, or choose other tasks"
        )
    return kept, excluded


def lists_of_pairs(
    cohorts: Sequence[Cohort], classes: Sequence[str]
) -> dict[tuple[str, str], tuple[str, ...]]:
    """All classes of each two of several cohorts that share more than the list of all.

    Parameters
    ----------
    cohorts : sequence of Cohort
    classes : sequence of str
        Of all cohorts.
    """
    found = {}
    for one, other in combinations(cohorts, 2):
        with suppress(DataError):  # too few, which the list of all says already
            own = fixed_classes((one, other))[0]
            if not set(own) <= set(classes) and (one.can_fit or other.can_fit):
                found[one.name, other.name] = own
    return found if len(cohorts) > 2 else {}


def _labels(cohort: Cohort, classes: Sequence[str]) -> Panel:
    return in_classes(cohort.records, classes)[0]


def _lacking(name: str, cohorts: Sequence[Cohort], panels: Mapping[str, Panel]) -> str:
    """Why a class cannot be scored everywhere; empty where it can."""
    for cohort in cohorts:
        panel = panels[cohort.name]
        yes, no = counts_of(panel, cohort.scored)[name]
        if min(yes, no) < FEWEST:
            return f"{yes} recordings with it and {no} without it to be scored in {cohort.name}"
        if cohort.can_fit:
            fitted = np.unique(cohort.records.trial[cohort.used("train")])
            yes, no = counts_of(panel, fitted)[name]
            if not min(yes, no):
                return f"{yes} recordings with it and {no} without it to be fitted on in {cohort.name}"
    return ""


def _rarest(name: str, cohorts: Sequence[Cohort], panels: Mapping[str, Panel]) -> tuple[int, str, str]:
    """Fewest recordings with a class, or without it, its name, and in which cohort."""
    return min((min(counts_of(panels[c.name], c.scored)[name]), name, c.name) for c in cohorts)


def counts_of(panel: Panel, trials: Ints) -> dict[str, Counts]:
    """Recordings with each class and without it, of some trials of whole recordings that state it."""
    at = np.unique(np.flatnonzero(np.isin(panel.trial, trials)))
    known = np.ones((len(panel), len(panel.classes)), bool)
    if panel.known is not None:
        known &= panel.known.reshape(len(panel), -1)
    yes, no = panel.positive[at] & known[at], ~panel.positive[at] & known[at]
    pairs = zip(yes.sum(axis=0).tolist(), no.sum(axis=0).tolist(), strict=True)
    return dict(zip(panel.classes, pairs, strict=True))
