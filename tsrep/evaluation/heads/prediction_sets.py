"""Prediction sets: the classes that a record may have, with a stated coverage for new patients."""

from __future__ import annotations

import numpy as np

from tsrep.evaluation.arrays import Array
from tsrep.evaluation.heads.facts import Facts
from tsrep.evaluation.labels.metrics import positives
from tsrep.evaluation.predictions import Predictions

_ROUNDING = 1e-12


class PredictionSets(Facts):
    """Sets of classes that hold all classes of a record of a new patient with a stated probability.

    Where a record can have several classes, what is outside of its set is ruled out; the set of one without
    any class may be empty. Where classes are exclusive the most probable one is in every set.

    Attributes
    ----------
    coverage : float
        That is stated: in so many of a hundred new patients, whose records weigh alike, sets are right.
    least : float
        A class is in the set from this uncalibrated probability of the record on.
    multilabel : bool
    records, patients : int
        That it rests on.
    """

    coverage: float
    least: float
    multilabel: bool
    records: int
    patients: int

    def __call__(self, scores: Array) -> Array:
        """Flags of the classes in each set, shape (record, class), of uncalibrated probabilities."""
        flags = np.asarray(scores >= self.least)
        if not self.multilabel:
            flags[np.arange(len(flags)), scores.argmax(axis=1)] = True
        return flags


def fit_sets(records: Predictions, coverage: float) -> PredictionSets | None:
    """Prediction sets by split conformal inference over patients.

    Parameters
    ----------
    records : Predictions
        Uncalibrated probabilities of records of patients that nothing was fitted on.
    coverage : float

    Returns
    -------
    PredictionSets or None
        None where there are too few patients: it takes ``coverage / (1 - coverage)`` of them.

    Notes
    -----
    Records of one patient are not exchangeable with those of others, but patients are. So every patient has
    the same weight, divided by their records, and one more patient has the weight of an infinite score. They
    rest on uncalibrated probabilities, as a calibration is fitted on the same patients.

    References
    ----------
    Lee, Barber & Willett, "Distribution-free inference with hierarchical data", 2023, section 3.2 (weights);
    Sadinle, Lei & Wasserman, "Least ambiguous set-valued classifiers with bounded error levels", JASA 114,
    2019 (score of exclusive classes); Cauchois, Gupta & Duchi, "Knowing what you know", JMLR 22, 2021,
    section 3 (outer sets of several classes).
    """
    prob = np.asarray(records.prob, np.float64)
    flags = positives(records.target, prob.shape[1])
    # (record,): the set must reach down to the least probable of a record's classes
    needed = np.where(flags, prob, np.inf).min(axis=1)
    bound = conformal_bound(-needed, records.patient, coverage)
    if bound is None:
        return None
    return PredictionSets(
        coverage=coverage,
        least=min(-bound, 1.0),  # of records without any class nothing is needed
        multilabel=records.multilabel,
        records=len(prob),
        patients=len(np.unique(records.patient)),
    )


def conformal_bound(score: Array, patient: Array, coverage: float) -> float | None:
    """What the score of a record of a new patient does not pass with a stated probability.

    Parameters
    ----------
    score : float array, shape (record,)
        How strange each record is to what was predicted.
    patient : int64 array, shape (record,)
        Who weigh alike; one more has the weight of an infinite score.
    coverage : float

    Returns
    -------
    float or None
        None where there are too few patients.
    """
    _, at, count = np.unique(patient, return_inverse=True, return_counts=True)
    order = np.argsort(score, kind="stable")
    held = np.cumsum(1 / count[at][order]) / (len(count) + 1)
    enough = np.flatnonzero(held >= coverage - _ROUNDING)
    return float(score[order[enough[0]]]) if len(enough) else None


def fewest_patients(coverage: float) -> int:
    """Patients that sets with such a coverage need."""
    return int(np.ceil(coverage / (1 - coverage) - _ROUNDING))


def by_patient(values: Array, patient: Array) -> Array:
    """Mean of values of records over each patient's, shape (patient,)."""
    _, at, count = np.unique(patient, return_inverse=True, return_counts=True)
    return np.asarray(np.bincount(at, values) / count)
