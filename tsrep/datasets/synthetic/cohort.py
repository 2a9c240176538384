"""The patients of a synthetic cohort: anatomy, heart rate, disease, and what changes between records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.datasets.synthetic import pathology
from tsrep.datasets.synthetic.dipole import DOWER, HEALTHY, WAVE, Waves, rotations, twelve_leads
from tsrep.datasets.synthetic.pathology import CONDITIONS, VARIANTS
from tsrep.rng import numpy_generator

Array = NDArray[Any]
# sets of conditions and how often a patient has them
MIXES: dict[tuple[str, ...], float] = {
    (): 0.40,
    ("MI",): 0.14,
    ("STTC",): 0.13,
    ("CD",): 0.12,
    ("HYP",): 0.08,
    ("MI", "CD"): 0.04,
    ("MI", "STTC"): 0.04,
    ("STTC", "HYP"): 0.03,
    ("CD", "HYP"): 0.02,
}


@dataclass(frozen=True)
class Cohort:
    """Records of a cohort before any signal is made; arrays have one entry per record.

    Attributes
    ----------
    patient, fold, age, male : arrays
    variant : array of str, shape (record, condition); ``""`` where absent
    severity : array, shape (record, condition)
    stage : array
        Of an infarct, 0 acute to 1 old.
    rr, sinus : arrays
        Mean RR interval in seconds; relative respiratory arrhythmia.
    waves : Waves
    leads : array, shape (record, 12, 3)
    """

    patient: Array
    fold: Array
    age: Array
    male: Array
    variant: Array
    severity: Array
    stage: Array
    rr: Array
    sinus: Array
    waves: Waves
    leads: Array

    def __len__(self) -> int:
        return len(self.patient)


def draw_cohort(patients: int, records_per_patient: float, seed: int) -> Cohort:
    """Patients, their diseases and anatomies, and what changes from record to record."""
    rng = numpy_generator(seed, "cohort")
    mix = rng.permutation(_quota(np.array(list(MIXES.values())), patients))
    each = np.minimum(1 + rng.poisson(max(records_per_patient - 1, 0), patients), 12)
    owner = rng.permutation(np.repeat(np.arange(patients), each))
    variant, severity = _diseases(rng, mix, owner)
    male = rng.random(patients) < 0.52
    sick = np.array([len(m) > 0 for m in MIXES])[mix]
    age = np.clip(rng.normal(np.where(sick, 66, 53), 14), 18, 95).round()
    rr = 60 / np.clip(rng.normal(72, 11, patients)[owner] + rng.normal(0, 5, len(owner)), 42, 135)
    stage = rng.beta(1.2, 1.0, len(owner))
    waves, leads = _anatomy(rng, patients, owner, rr)
    pathology.apply(waves, variant, severity, stage)
    return Cohort(
        patient=owner + 1,
        fold=_folds(rng, mix)[owner],
        age=age[owner],
        male=male[owner],
        variant=variant,
        severity=severity,
        stage=stage,
        rr=rr,
        sinus=np.minimum(rng.lognormal(np.log(0.03), 0.6, patients), 0.15)[owner],
        waves=waves,
        leads=leads,
    )


def _quota(share: Array, n: int) -> Array:
    """Indices 0..len(share)-1, each as often as its share of ``n`` says, up to one."""
    edges = np.rint(np.cumsum(share) / share.sum() * n).astype(int)
    return np.repeat(np.arange(len(share)), np.diff(edges, prepend=0))


def _diseases(rng: np.random.Generator, mix: Array, owner: Array) -> tuple[Array, Array]:
    """Variant and severity of each condition in each record; a second condition comes and goes."""
    sets = list(MIXES)
    variant = np.full((len(owner), len(CONDITIONS)), "", dtype="<U5")
    severity = np.zeros(variant.shape)
    for column, condition in enumerate(CONDITIONS):
        names, share = list(VARIANTS[condition]), np.array(list(VARIANTS[condition].values()))
        chosen = np.array(names)[rng.choice(len(names), len(mix), p=share / share.sum())]
        grade = 0.18 + 0.85 * rng.beta(1.5, 1.8, len(mix))
        rank = np.array([sets[m].index(condition) if condition in sets[m] else -1 for m in mix])
        has = (rank == 0)[owner] | ((rank == 1)[owner] & (rng.random(len(owner)) < 0.75))
        variant[has, column] = chosen[owner[has]]
        varied = grade[owner] * rng.lognormal(0, 0.2, len(owner))
        severity[:, column] = np.where(has, np.clip(varied, 0.12, 1.1), 0)
    return variant, severity


def _anatomy(rng: np.random.Generator, patients: int, owner: Array, rr: Array) -> tuple[Waves, Array]:
    """Healthy waves and lead vectors of each record, from its patient's body and the day's posture."""
    n, waves = len(owner), len(HEALTHY)
    # about z (front to back) the axis turns most, then about y (head to feet)
    angles = np.radians(rng.normal(0, (9, 13, 17), (patients, 3))[owner] + rng.normal(0, (2, 3, 3), (n, 3)))
    size = rng.lognormal(0, 0.2, patients)[owner] * rng.lognormal(0, 0.07, n)
    shape = rng.lognormal(0, 0.18, (patients, waves, 1))[owner] * rng.lognormal(0, 0.04, (n, waves, 1))
    repolarised = np.minimum(rng.lognormal(0, 0.25, patients)[owner] * rng.lognormal(0, 0.08, n), 1.5)
    dipole = HEALTHY[:, 2:] * shape * size[:, None, None]
    dipole[:, [WAVE["T0"], WAVE["T"]]] *= repolarised[:, None, None]
    dipole[:, WAVE["T"]] += rng.normal(0, 0.035, (patients, 3))[owner]
    dipole[:, WAVE["ST"]] += rng.normal(0, 0.015, (patients, 3))[owner]
    dipole = np.einsum("nij,nwj->nwi", rotations(angles), dipole)
    centre = HEALTHY[:, 0] + rng.normal(0, 0.002, (patients, waves))[owner]
    centre[:, [0, 1]] += rng.normal(0, 0.012, patients)[owner, None]
    qt = np.sqrt(rr)[:, None] * rng.lognormal(0, 0.05, patients)[owner, None]
    late = [WAVE["ST"], WAVE["T0"], WAVE["T"]]
    centre[:, late] *= 0.35 + 0.65 * qt
    width = HEALTHY[:, 1] * rng.lognormal(0, 0.07, (patients, waves))[owner]
    width[:, late] *= 0.4 + 0.6 * qt
    torso = DOWER + rng.normal(0, 0.05, (patients, *DOWER.shape)) * np.abs(DOWER).max(axis=1, keepdims=True)
    return Waves(centre, np.maximum(width, 0.007), dipole), twelve_leads(torso)[owner]


def _folds(rng: np.random.Generator, mix: Array) -> Array:
    """Folds 1-10 of the patients, dealt out within each mix of diseases."""
    order = np.lexsort((rng.random(len(mix)), mix))
    fold = np.empty(len(mix), int)
    fold[order] = np.arange(len(mix)) % 10 + 1
    return fold
