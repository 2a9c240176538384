"""Looking a panel over before training on it: dead leads, clipping, copies, balance."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tsrep.signals.panel import Ints, Panel
from tsrep.splits.split import PARTS, Split

CHUNK = 256
CLIPPED_STEPS = 6
FEW_PATIENTS = 10
SHOWN = 5
# of a lead
FAULTS = ("missing values (NaN), steps that encoders drop in all leads", "a flat lead", "a clipped lead")
Leads = dict[str, list[int]]


@dataclass(frozen=True)
class Finding:
    """Something worth knowing: how bad, what, and where."""

    severity: Literal["error", "warning", "note"]
    what: str
    where: str = ""


def check(panel: Panel, split: Split | None = None) -> list[Finding]:
    """Findings about a panel and, where given, its split; worst first.

    Every record is read once, so a large data set takes as long as reading its cache.
    """
    names = _names(panel)
    leads, rows_of = _read(panel, np.unique(panel.row))
    findings = [
        *_skipped(panel),
        *(_of_leads(leads[what], what, names) for what in FAULTS if what in leads),
        *_copies(panel, split, rows_of, names),
        *_folds(panel),
        *_balance(panel, split),
        *_patients(panel),
    ]
    return worst_first(findings)


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Errors, then warnings, then notes."""
    return sorted(findings, key=lambda finding: ("error", "warning", "note").index(finding.severity))


def _read(panel: Panel, rows: Ints) -> tuple[dict[str, Leads], dict[bytes, list[int]]]:
    """Rows with each fault by lead, and rows of each signal, in one pass over the signals."""
    leads: dict[str, Leads] = defaultdict(lambda: defaultdict(list))
    rows_of: dict[bytes, list[int]] = defaultdict(list)
    for begin in range(0, len(rows), CHUNK):
        part = rows[begin : begin + CHUNK]
        x = panel.store[part]
        panel.pages.touched(len(x))
        gaps = ~np.isfinite(x).all(axis=2) if x.dtype.kind == "f" else np.zeros(x.shape[:2], bool)
        flat = x.max(axis=2) == x.min(axis=2)
        for what, mask in zip(FAULTS, (gaps, flat, _clipped(x) & ~flat), strict=True):
            for record, lead in np.argwhere(mask):
                leads[what][panel.channels[lead]].append(int(part[record]))
        for row, signal, dead in zip(part.tolist(), x, flat.all(axis=1), strict=True):
            if not dead:
                rows_of[hashlib.blake2b(signal.tobytes(), digest_size=16).digest()].append(row)
    return leads, rows_of


def _clipped(x: NDArray[Any]) -> NDArray[np.bool_]:
    """Leads that stay at their extreme for several steps, far from their mean, shape (record, channel)."""
    values = x.astype(np.float32)
    centre, spread = values.mean(axis=2), values.std(axis=2)
    result = np.zeros(x.shape[:2], bool)
    for extreme in (x.max(axis=2), x.min(axis=2)):
        far = np.abs(extreme - centre) > 2.5 * spread
        at = x == extreme[:, :, None]
        if x.shape[2] >= CLIPPED_STEPS:
            held = np.asarray(sliding_window_view(at, CLIPPED_STEPS, axis=2).all(axis=3))
            result |= far & held.any(axis=2)
    return result


def _skipped(panel: Panel) -> Iterator[Finding]:
    channels = [f"{name}: {reason}" for name, reason in panel.skipped if name.startswith("channel ")]
    records = [f"{name}: {reason}" for name, reason in panel.skipped if not name.startswith("channel ")]
    if records:
        yield Finding("warning", f"{len(records):,} left out as unreadable", few(records, "; "))
    if channels:
        what = count(len(channels), "channel")
        yield Finding("warning", f"{what} left out of all records", few(channels, "; "))


def _of_leads(leads: Leads, what: str, names: dict[int, str]) -> Finding:
    rows = {row for rows in leads.values() for row in rows}
    where = "; ".join(f"{lead}: {_list(rows, names)}" for lead, rows in leads.items())
    return Finding("warning", f"{count(len(rows), 'record')} with {what}", where)


def _copies(
    panel: Panel, split: Split | None, rows_of: dict[bytes, list[int]], names: dict[int, str]
) -> Iterator[Finding]:
    patient_of = dict(zip(panel.row.tolist(), panel.patient.tolist(), strict=True))
    part_of: dict[int, str] = {}
    if split is not None:
        for name in PARTS:
            part_of |= dict.fromkeys(panel.row[getattr(split, name)].tolist(), name)
    groups: dict[tuple[tuple[str, ...], tuple[int, ...]], list[list[int]]] = defaultdict(list)
    for rows in rows_of.values():
        if len(rows) > 1:
            parts = sorted({part_of[row] for row in rows if row in part_of}, key=PARTS.index)
            groups[tuple(parts), tuple(sorted({patient_of[row] for row in rows}))].append(rows)
    # a recording in epochs that was copied makes one finding, not one for each epoch
    for (shared, patients), copies in groups.items():
        where = "records " + few([_list(rows, names) for rows in copies], "; ")
        if len(shared) > 1:
            yield Finding("error", f"identical signals in the {' and the '.join(shared)} part", where)
        elif len(patients) > 1:
            yield Finding("warning", "identical signals under different patients", where)
        else:
            yield Finding("note", "identical signals of one patient", where)


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
    label = panel.label if panel.multilabel else np.eye(len(panel.classes), dtype=bool)[panel.label]
    label = label & panel.labelled[:, None]
    if unknown := int((~panel.labelled).sum()):
        text = f"{count(unknown, 'sample')} whose labels are not wholly known, so that they are not scored"
        yield Finding("note", text, "all data")
    for c, name in enumerate(panel.classes):
        patients = len(np.unique(panel.patient[label[:, c]]))
        if not patients:
            yield Finding("warning", f"no sample of class {name}", "all data")
        elif patients < FEW_PATIENTS:
            yield Finding("note", f"class {name} comes from {count(patients, 'patient')} only", "all data")
    parts = {"all data": np.arange(len(panel))}
    if split is not None:
        parts = {f"{name} part": getattr(split, name) for name in PARTS if len(getattr(split, name))}
    for part, index in parts.items():
        share = label[index].mean(axis=0) if len(index) else np.zeros(len(panel.classes))
        absent = [name for name, s in zip(panel.classes, share, strict=True) if s == 0]
        if absent and split is not None:
            yield Finding("warning", f"no sample of class {', '.join(absent)}", part)
        text = ", ".join(f"{name} {s:.0%}" for name, s in zip(panel.classes, share, strict=True) if s > 0)
        yield Finding("note", f"{count(len(index), 'sample')}: {text}", part)
        yield from _per_patient(panel, label, index, part)


def _per_patient(panel: Panel, label: NDArray[Any], index: Ints, part: str) -> Iterator[Finding]:
    """How many patients each class comes from: a class may have half the samples and one patient."""
    patients, inverse = np.unique(panel.patient[index], return_inverse=True)
    has = np.zeros((len(patients), len(panel.classes)), bool)
    np.logical_or.at(has, inverse, label[index])
    if not len(patients):
        return
    text = ", ".join(f"{name} {n}" for name, n in zip(panel.classes, has.sum(axis=0), strict=True) if n)
    several = int((has.sum(axis=1) > 1).sum())
    both = f"; {several} have more than one class" if several else ""
    yield Finding("note", f"{count(len(patients), 'patient')}: {text}{both}", part)


def _patients(panel: Panel) -> Iterator[Finding]:
    pairs = np.unique(np.stack([panel.patient, panel.trial]), axis=1)
    _, records = np.unique(pairs[0], return_counts=True)
    single = int((records == 1).sum())
    if single:
        yield Finding(
            "note",
            f"{single} of {count(len(records), 'patient')} have one record, so no other to compare with",
        )


def _names(panel: Panel) -> dict[int, str]:
    """What to call a record, by its row: its trial, and whose it is where patients have names."""
    known = panel.patient_names
    rows = zip(panel.row.tolist(), panel.trial.tolist(), panel.patient.tolist(), strict=True)
    return {row: f"{trial} ({known[patient]})" if known else str(trial) for row, trial, patient in rows}


def _list(rows: Iterable[int], names: dict[int, str]) -> str:
    return few([names[row] for row in sorted(rows)])


def few(texts: Sequence[str], between: str = ", ") -> str:
    """The first of some texts, and how many more there are."""
    more = f"{between.replace(',', '')}and {len(texts) - SHOWN} more" if len(texts) > SHOWN else ""
    return between.join(texts[:SHOWN]) + more


def count(n: int, what: str) -> str:
    """A number of things, such as ``"1 record"`` or ``"2,000 records"``."""
    return f"{n:,} {what}" + ("s" if n != 1 else "")
