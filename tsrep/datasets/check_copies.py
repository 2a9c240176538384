"""Copies of one signal in a panel, as they are and shifted or cut, by where they are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import combinations

import numpy as np

from tsrep.datasets.findings import Finding, listed
from tsrep.signals.panel import Ints, Panel
from tsrep.signals.same_signal import compared_by_shape, same_signal
from tsrep.signals.shifted import Spectra, shifted_copies
from tsrep.splits.split import PARTS, Split
from tsrep.text import few

BY_VALUES = (
    "copies were searched by their values alone; those that were filtered or resampled are found "
    "among records of two leads and more, at least 8 s and above 30 Hz"
)
Copies = Iterable[tuple[int, ...]]  # rows of the store that hold one signal


def copies(panel: Panel, split: Split | None, names: dict[int, str]) -> Iterator[Finding]:
    """Findings about signals that are stored more than once.

    Parameters
    ----------
    panel : Panel
    split : Split or None
    names : dict of int to str
        What to call the rows of the store.
    """
    rows = np.unique(panel.row)
    signal = same_signal(panel)
    of_signal: dict[int, list[int]] = defaultdict(list)
    for row in rows.tolist():
        of_signal[int(signal[row])].append(row)
    alike = [tuple(same) for same in of_signal.values() if len(same) > 1]
    yield from _told("copies of one signal", alike, panel, split, names)
    if not panel.synthetic:
        if not compared_by_shape(panel):
            yield Finding("note", BY_VALUES)
        shifted = {tuple(sorted(pair)) for pair in _shifted(panel, split) if len(set(signal[pair])) > 1}
        yield from _told("copies of one signal, shifted or cut,", sorted(shifted), panel, split, names)


def _shifted(panel: Panel, split: Split | None) -> Iterator[Ints]:
    """Pairs of rows in two parts, or anywhere without a split."""
    samples = [slice(None)] if split is None else [getattr(split, name) for name in PARTS]
    parts = [Spectra.of(panel, np.unique(panel.row[part])) for part in samples]
    for one, other in [(parts[0], parts[0])] if split is None else combinations(parts, 2):
        yield from shifted_copies(panel, one, other)


def _told(
    what: str, found: Copies, panel: Panel, split: Split | None, names: dict[int, str]
) -> Iterator[Finding]:
    patient_of = dict(zip(panel.row.tolist(), panel.patient.tolist(), strict=True))
    part_of: dict[int, str] = {}
    if split is not None:
        for name in PARTS:
            part_of |= dict.fromkeys(panel.row[getattr(split, name)].tolist(), name)
    groups: dict[tuple[tuple[str, ...], tuple[int, ...]], list[tuple[int, ...]]] = defaultdict(list)
    for rows in found:
        parts = sorted({part_of[row] for row in rows if row in part_of}, key=PARTS.index)
        groups[tuple(parts), tuple(sorted({patient_of[row] for row in rows}))].append(rows)
    # a recording in epochs that was copied makes one finding, not one for each epoch
    for (shared, patients), same in groups.items():
        where = "records " + few([listed(rows, names) for rows in same], between="; ")
        if len(shared) > 1:
            yield Finding("error", f"{what} in the {' and the '.join(shared)} part", where)
        elif len(patients) > 1:
            yield Finding("warning", f"{what} under different patients", where)
        else:
            yield Finding("note", f"{what} of one patient", where)
