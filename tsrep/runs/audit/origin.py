"""Block 2: does the encoder know cohort, device and site, and does a score rest on that?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np

from tsrep.evaluation.arrays import Array
from tsrep.evaluation.audit.attributes import predicted_levels
from tsrep.evaluation.audit.within import WithinStrata
from tsrep.evaluation.bootstrap.patients import Weighable
from tsrep.evaluation.labels.metrics import Scorer, positives
from tsrep.runs.audit.block import Block, Row, rows_of, told
from tsrep.runs.audit.subject import FEWEST, OTHER, Subject, as_texts
from tsrep.signals.panel import Ints

KEY, TITLE = "origin", "Cohort, device and site"
SILENT = (
    "It does not show that an encoder would be worse without this knowledge: patients of two places "
    "differ in more "
    "than the place, and a probe of another kind may find more."
)
NAMES = ("cohort", "device", "site")
PROBED, HARM = (
    "Balanced accuracy of a linear probe, folds by patient",
    "AUROC of labels from the place alone, and within a place",
)
ALONE, POOLED, WITHIN = "from the place alone", "all pairs", "pairs of one place"


def origin(subject: Subject) -> Block:
    """Probe for the place, and compare scores over all pairs of recordings with those within a place."""
    rows: list[Row] = []
    says: list[str] = []
    for name in NAMES:
        if (found := subject.levels(name)) is not None:
            level, kept = found
            probabilities = _place_by_encoder(subject, level)
            rows += _probed(subject, name, level, len(kept), probabilities)
            says += list(_says_probed(rows, name, kept))
            if subject.panel.classes:
                harm = list(_harm(subject, name, level))
                rows += harm
                says += list(_says_harm(name, harm))
    if not rows:
        reason = (
            f"Not measured: no two levels of {', '.join(NAMES[:-1])} or {NAMES[-1]} have {FEWEST} "
            "patients or more in "
            f"the {subject.part} part."
        )
        return Block(KEY, TITLE, [reason], SILENT)
    return Block(KEY, TITLE, says, SILENT, rows)


def _place_by_encoder(subject: Subject, level: Ints) -> dict[str, list[Array]]:
    """Out-of-fold probabilities of levels, of recordings whose level is kept."""
    at = subject.scored[level >= 0]
    of = partial(predicted_levels, level=level[level >= 0], patient=subject.patient[at], seed=subject.seed)
    found = {}
    for name, arrays in subject.vectors.items():
        subject.tell(f"place by {name}")
        found[name] = [of(x[at]) for x in arrays]
    return found


def _probed(
    subject: Subject, name: str, level: Ints, levels: int, probabilities: Mapping[str, list[Array]]
) -> Iterator[Row]:
    at, target = subject.scored[level >= 0], level[level >= 0]
    patients, group = np.unique(subject.patient[at], return_inverse=True)
    found = {
        of: subject.resampled_out_of_fold(
            [Scorer(p, target, group, ("recall",)) for p in several], len(patients)
        )
        for of, several in probabilities.items()
    }
    n = {"recordings": len(at), "patients": len(patients)}
    yield from rows_of(PROBED, name, "recall", found, chance=1 / levels, **n)


def _harm(subject: Subject, name: str, level: Ints) -> Iterator[Row]:
    """Labels by their prevalence at the place, and by the probe over all pairs and within places.

    Places that a probe predicts would not do: they follow the same vectors, and so the labels.
    """
    p, where = subject.tested, np.full(len(subject.patient), -1)
    where[subject.scored] = level
    place = where[subject.at(p)]
    p, place = p.of(place >= 0), place[place >= 0]
    expected = _prevalence(subject, name)[place]
    patients, group = np.unique(p.patient, return_inverse=True)
    flags = positives(p.target, p.prob.shape[1])
    scorers: dict[str, Weighable] = {
        ALONE: Scorer(expected, flags, group, ("auroc",), p.known),
        POOLED: Scorer(p.prob, flags, group, ("auroc",), p.known),
        WITHIN: WithinStrata(p.prob, flags, place, group, p.known),
    }
    found = {of: subject.resampled([each], len(patients)) for of, each in scorers.items()}
    n = {"recordings": len(p), "patients": len(patients)}
    yield from rows_of(HARM, name, "auroc", found, chance=0.5, **n)


def _prevalence(subject: Subject, name: str) -> Array:
    """Of labels among training recordings, shape (level, class); of all of these where a level has none."""
    values, found = subject.known(name), subject.levels(name)
    assert values is not None
    assert found is not None
    train = subject.recordings("train")
    flags, texts = subject.first_windows.positive[train].astype(float), as_texts(values[train])
    common = flags.mean(axis=0) if len(flags) else np.full(len(subject.panel.classes), 0.5)
    rows = []
    for each in found[1]:
        here = (texts != "") & ~np.isin(texts, found[1]) if each == OTHER else texts == each
        rows.append(flags[here].mean(axis=0) if here.any() else common)
    return np.stack(rows)


def _says_probed(rows: list[Row], name: str, kept: list[str]) -> Iterator[str]:
    own = [row for row in rows if row.table == PROBED and row.line == name]
    encoder, *others = own
    beside = "; ".join(f"{row.of} {told(row)}" for row in others)
    yield (
        f"A linear probe tells {len(kept)} levels of {name} with a balanced accuracy of "
        f"{told(encoder)}; chance "
        f"{encoder.chance:.3f}; {beside}."
    )


def _says_harm(name: str, harm: list[Row]) -> Iterator[str]:
    by = {row.of: row for row in harm}
    if {ALONE, POOLED, WITHIN} <= by.keys() and np.isfinite(by[WITHIN].value):
        yield (
            f"Labels are predicted from the {name} alone with a macro AUROC of {told(by[ALONE])}. The "
            "probe reaches "
            f"{told(by[POOLED])} over all pairs of recordings and {told(by[WITHIN])} within one {name}: "
            f"{by[POOLED].value - by[WITHIN].value:+.3f} of it goes with the {name}."
        ).replace(": -", ": −")
