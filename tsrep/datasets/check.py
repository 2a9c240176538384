"""Looking a panel over before training on it: dead leads, clipping, copies, balance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.datasets.check_copies import copies
from tsrep.datasets.findings import Finding, Severity, listed, worst_first
from tsrep.datasets.tables.identifiers import look_alikes
from tsrep.signals.panel import Ints, Panel
from tsrep.signals.quality import INFINITE, TOLD, Quality, apart, called, look_through
from tsrep.splits.split import PARTS, Split
from tsrep.text import few, plural

FEW_PATIENTS = 10
MANY_CLASSES = 12  # of more only some are named
# of a lead, and how bad they are
FAULTS: tuple[tuple[Severity, str], ...] = (("error", INFINITE), *(("warning", w) for w in TOLD))


def check(panel: Panel, split: Split | None = None) -> list[Finding]:
    """Findings about a panel and, where given, its split; worst first.

    Every record is read once, so a large data set takes as long as reading its cache.
    """
    names = called(panel)
    quality = look_through(panel)
    findings = [
        *_skipped(panel),
        *(_of_leads(quality, severity, what, names) for severity, what in FAULTS if quality.leads[what]),
        *_apart(quality, names),
        *copies(panel, split, names),
        *_folds(panel),
        *_balance(panel, split),
        *_patients(panel),
        *(Finding("warning", f"patients {alike} differ in spelling only") for alike in look_alikes(panel)),
    ]
    return worst_first(findings)


def _skipped(panel: Panel) -> Iterator[Finding]:
    channels = [f"{name}: {reason}" for name, reason in panel.skipped if name.startswith("channel ")]
    records = [f"{name}: {reason}" for name, reason in panel.skipped if not name.startswith("channel ")]
    if records:
        yield Finding("warning", f"{len(records):,} left out as unreadable", few(records, between="; "))
    if channels:
        what = plural(len(channels), "channel")
        yield Finding("warning", f"{what} left out of all records", few(channels, between="; "))


def _of_leads(quality: Quality, severity: Severity, what: str, names: dict[int, str]) -> Finding:
    rows = {row for row, _ in quality.leads[what]}
    leads = quality.by_channel(what).items()
    where = "; ".join(f"{lead}: {listed(rows, names)}" for lead, rows in leads)
    return Finding(severity, f"{plural(len(rows), 'record')} with {what}", where)


def _apart(quality: Quality, names: dict[int, str]) -> Iterator[Finding]:
    ratio, rows = quality.apart()
    if rows:
        yield Finding("warning", f"{apart(ratio)}, as where units are mixed up", listed(rows, names))


def _folds(panel: Panel) -> Iterator[Finding]:
    if panel.fold is None:
        return
    patient, fold = np.unique(np.stack([panel.patient, panel.fold]), axis=1)
    for p in np.unique(patient[1:][patient[1:] == patient[:-1]]).tolist():
        name = panel.patient_names[p] if panel.patient_names else str(p)
        yield Finding(
            "error", f"patient {name} is in folds {few(list(map(str, fold[patient == p].tolist())))}"
        )


def _balance(panel: Panel, split: Split | None) -> Iterator[Finding]:
    if not panel.classes:
        yield Finding("note", "no labels, so that nothing can be scored", "all data")
        return
    label = panel.positive
    if unknown := int((~panel.labelled).sum()):
        text = (
            f"{plural(unknown, 'sample')} whose labels are not wholly known; each class is learned and "
            "scored where it is stated"
        )
        yield Finding("note", text, "all data")
    patients = {
        name: len(np.unique(panel.patient[of])) for name, of in zip(panel.classes, label.T, strict=True)
    }
    if none := [name for name, n in patients.items() if not n]:
        yield Finding("warning", f"no sample of class {few(none)}", "all data")
    yield from _rare({name: n for name, n in patients.items() if 0 < n < FEW_PATIENTS})
    if bare := int((panel.labelled & ~label.any(axis=1)).sum()):
        yield Finding("note", f"{plural(bare, 'sample')} of no class, as where a label is empty", "all data")
    parts = {"all data": np.arange(len(panel))}
    if split is not None:
        parts = {f"{name} part": getattr(split, name) for name in PARTS if len(getattr(split, name))}
    for part, index in parts.items():
        share = label[index].mean(axis=0) if len(index) else np.zeros(len(panel.classes))
        absent = [name for name, s in zip(panel.classes, share, strict=True) if s == 0]
        if absent and split is not None:
            yield Finding("warning", f"no sample of class {few(absent)}", part)
        text = _by_class(panel.classes, share, ".0%")
        yield Finding("note", f"{plural(len(index), 'sample')}: {text}", part)
        yield from _per_patient(panel, label, index, part)


def _rare(patients: Mapping[str, int]) -> Iterator[Finding]:
    """Classes of few patients: each, or of many the number."""
    if len(patients) > MANY_CLASSES:
        text = f"{len(patients):,} classes come from fewer than {FEW_PATIENTS} patients each"
        yield Finding("note", text, few([f"{name}: {n}" for name, n in patients.items()]))
        return
    for name, n in patients.items():
        yield Finding("note", f"class {name} comes from {plural(n, 'patient')} only", "all data")


def _by_class(names: Sequence[str], amounts: NDArray[Any], form: str) -> str:
    """Amounts of the classes that have any; of many classes the largest."""
    shown = np.flatnonzero(amounts)
    if len(shown) > MANY_CLASSES:
        shown = shown[np.argsort(-amounts[shown], kind="stable")]
    return few((f"{names[c]} {amounts[c]:{form}}" for c in shown.tolist()), MANY_CLASSES)


def _per_patient(panel: Panel, label: NDArray[Any], index: Ints, part: str) -> Iterator[Finding]:
    """How many patients each class comes from: a class may have half the samples and one patient."""
    patients, inverse = np.unique(panel.patient[index], return_inverse=True)
    has = np.zeros((len(patients), len(panel.classes)), bool)
    np.logical_or.at(has, inverse, label[index])
    if not len(patients):
        return
    text = _by_class(panel.classes, has.sum(axis=0), "")
    several = int((has.sum(axis=1) > 1).sum())
    both = f"; {several} have more than one class" if several else ""
    yield Finding("note", f"{plural(len(patients), 'patient')}: {text}{both}", part)


def _patients(panel: Panel) -> Iterator[Finding]:
    pairs = np.unique(np.stack([panel.patient, panel.trial]), axis=1)
    _, records = np.unique(pairs[0], return_counts=True)
    single = int((records == 1).sum())
    if single:
        yield Finding(
            "note",
            f"{single} of {plural(len(records), 'patient')} have one record, so no other to compare with",
        )
