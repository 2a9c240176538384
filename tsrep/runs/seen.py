"""Which recordings are in a ledger, and how many would be found by chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tsrep.signals.fingerprint import Bytes, Fingerprints, Keys
from tsrep.signals.panel import Ints, Panel
from tsrep.signals.same_signal import NEAR, near_keys

if TYPE_CHECKING:
    from tsrep.runs.ledger import Ledger

NOT = np.uint8(255)  # in place of the number of a part
BEYOND = 3  # times as many as by chance
# false matches in a pair of coarse keys by the number of leads that both have: measured on 2,019,045 pairs of
# different ECGs; of five leads and more there was none, and the number extrapolates the tail
CHANCE = np.array([0, 0, 6e-6, 6e-7, 2e-7, 5e-8, 5e-8, 5e-8, 5e-8])


@dataclass(frozen=True, eq=False)
class Seen:
    """Which records of a panel are in a ledger.

    Attributes
    ----------
    rows : int64 array
        Of the panel's store, ascending: those found by any key or by their patient. Those found by shape
        alone are among them only where they are more than three times as many as by chance.
    exact, leads, coarse : int
        Records found by the stored counts of all leads; else by those of two leads; else by their shape.
    patients : int or None
        Patients of the panel that are in the ledger; None where it names no patients of this data set.
    of : int
        Records that were looked for.
    expected_by_chance : float
        Records that shapes find falsely, in the mean.
    complete : bool
        Whether the ledger holds all that the encoder has seen.
    """

    rows: Ints
    exact: int = 0
    leads: int = 0
    coarse: int = 0
    patients: int | None = None
    of: int = 0
    expected_by_chance: float = 0.0
    complete: bool = True


def look_for(ledger: Ledger, panel: Panel, chosen: Ints) -> Seen:
    """Records of some samples of a panel in a ledger.

    Parameters
    ----------
    ledger : Ledger
    panel : Panel
        Records as they were read.
    chosen : int64 array
        Samples of the panel.
    """
    rows, prints = np.unique(panel.row[chosen]), Fingerprints.of(panel)
    exact = _part_of(prints.exact[rows], ledger.exact, ledger.exact_part)
    lead = _part_of(prints.pair[rows], ledger.lead, ledger.lead_part)
    shape, chance = _by_shape(ledger, prints, rows)
    counted = np.minimum(exact, lead)
    coarse = (shape != NOT) & (counted == NOT)
    known, everyone = ledger.has_patients_of(panel), np.unique(panel.patient[chosen])
    people = np.full(len(everyone), NOT)
    if known:
        people = _part_of(ledger.patient_keys(panel, everyone), ledger.patient, ledger.patient_part)
    found = np.where(coarse & (coarse.sum() > BEYOND * chance), shape, counted)
    by_people = np.full(len(rows), NOT)
    np.minimum.at(
        by_people,
        np.searchsorted(rows, panel.row[chosen]),
        people[np.searchsorted(everyone, panel.patient[chosen])],
    )
    found = np.where(found == NOT, by_people, found)
    return Seen(
        rows[found != NOT],
        exact=int((exact != NOT).sum()),
        leads=int(((lead != NOT) & (exact == NOT)).sum()),
        coarse=int(coarse.sum()),
        patients=int((people != NOT).sum()) if known else None,
        of=len(rows),
        expected_by_chance=chance,
        complete=ledger.complete,
    )


def _part_of(keys: Keys, ledger: Keys, part: Bytes) -> Bytes:
    """Part of each key in sorted keys, shape (key,)."""
    if not len(ledger):
        return np.full(len(keys), NOT)
    at = np.minimum(np.searchsorted(ledger, keys), len(ledger) - 1)
    return np.where((ledger[at] == keys) & (keys != 0), part[at], NOT)


def _by_shape(ledger: Ledger, prints: Fingerprints, rows: Ints) -> tuple[Bytes, float]:
    """Part of each row whose shape is in the ledger, and how many would be found by chance."""
    part = np.full(len(rows), NOT)
    mine = np.isin(prints.record, rows)
    keys, at = (prints.coarse[mine], prints.mask[mine]), np.searchsorted(rows, prints.record[mine])
    for one, other in near_keys(keys, (ledger.coarse, ledger.mask), NEAR):
        np.minimum.at(part, at[one], ledger.part[other])
    return part, _expected(keys[1], ledger.mask, at)


def _expected(masks: Bytes, ledger: Bytes, row: Ints) -> float:
    """Number of rows that some key finds falsely, in the mean."""
    (a, of_a), (b, of_b) = (np.unique(each, return_counts=True) for each in (masks, ledger))
    if not (len(a) and len(b)):
        return 0.0
    rate = CHANCE[np.bitwise_count(a[:, None] & b)] @ of_b  # of a key with each mask
    if len(np.unique(row)) == len(row):
        return float(of_a @ -np.expm1(-rate))
    return float(-np.expm1(-_sums(rate[np.searchsorted(a, masks)], row)).sum())


def _sums(values: NDArray[np.float64], at: Ints) -> NDArray[np.float64]:
    return np.bincount(at, weights=values).astype(np.float64)
