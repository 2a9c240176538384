"""Coverage of prediction sets by simulation, and split conformal inference written out."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tsrep.evaluation.heads.prediction_sets import by_patient, fewest_patients, fit_sets
from tsrep.evaluation.labels.metrics import positives
from tsrep.evaluation.predictions import Predictions


def cohort(patients: int, multilabel: bool, rng: np.random.Generator) -> Predictions:
    """Patients with one to eight records that resemble each other, and probabilities that are too sure."""
    count = rng.integers(1, 9, patients)
    patient = np.repeat(np.arange(patients), count)
    own = rng.normal(size=(patients, 3)) * 1.5  # what a patient's records share
    logit = own[patient] + 0.5 * rng.normal(size=(len(patient), 3))
    seen = 2.5 * (logit + rng.normal(size=(patients, 3))[patient])
    if multilabel:
        target = logit > 0.5
        prob = 1 / (1 + np.exp(-seen))
    else:
        target = logit.argmax(axis=1)
        prob = np.exp(seen) / np.exp(seen).sum(axis=1, keepdims=True)
    return Predictions(prob, target, patient, np.arange(len(patient)))


def covered(found: object, on: Predictions) -> float:
    flags = found(on.prob)  # type: ignore[operator]
    right = (flags | ~positives(on.target, 3)).all(axis=1)
    return float(by_patient(right, on.patient).mean())


@pytest.mark.parametrize("coverage", [0.8, 0.9])
@pytest.mark.parametrize("multilabel", [False, True])
def test_sets_hold_the_classes_of_new_patients_as_often_as_stated(coverage: float, multilabel: bool) -> None:
    rng = np.random.default_rng(0)
    reached = []
    for _ in range(400):
        found = fit_sets(cohort(40, multilabel, rng), coverage)
        assert found is not None
        reached.append(covered(found, cohort(60, multilabel, rng)))
    error = np.std(reached) / math.sqrt(len(reached))
    assert np.mean(reached) > coverage - 3 * error
    assert np.mean(reached) < coverage + 1 / 41 + 0.02 + 3 * error  # and not much more often


def test_records_as_if_each_were_a_patient_would_not_cover() -> None:
    """What the weights by patient are for: those with many records are harder."""
    rng = np.random.default_rng(1)
    plain, own = [], []
    for _ in range(300):
        parts = []
        for _part in range(2):
            count = np.where(rng.random(40) < 0.5, 1, 20)
            patient = np.repeat(np.arange(40), count)
            right = np.where(count[patient] == 20, 0.9, 0.3) + 0.05 * rng.random(len(patient))
            prob = np.stack([right, 1 - right], axis=1)
            parts.append(Predictions(prob, np.zeros(len(patient), int), patient, np.arange(len(patient))))
        on, new = parts
        apart = Predictions(on.prob, on.target, np.arange(len(on)), on.trial)
        for found, reached in ((fit_sets(on, 0.8), own), (fit_sets(apart, 0.8), plain)):
            assert found is not None
            flags = new.prob >= found.least  # without the most probable class, which is wrong here
            reached.append(by_patient(flags[:, 0], new.patient).mean())
    assert np.mean(own) > 0.8 - 3 * np.std(own) / math.sqrt(300)
    assert np.mean(plain) < 0.7


@pytest.mark.parametrize(("patients", "coverage"), [(9, 0.9), (10, 0.9), (19, 0.9), (57, 0.8), (99, 0.95)])
def test_with_one_record_each_it_is_split_conformal_inference(patients: int, coverage: float) -> None:
    rng = np.random.default_rng(2)
    prob = rng.dirichlet(np.ones(4), patients)
    target = rng.integers(4, size=patients)
    found = fit_sets(Predictions(prob, target, rng.permutation(patients), np.arange(patients)), coverage)
    score = np.sort(1 - prob[np.arange(patients), target])
    rank = math.ceil(round((patients + 1) * coverage, 9))
    assert found is not None
    assert found.least == pytest.approx(1 - score[rank - 1], abs=1e-15)


def test_weighted_quantile_written_out() -> None:
    rng = np.random.default_rng(3)
    on = cohort(25, True, rng)
    found = fit_sets(on, 0.85)
    needed = [
        min([p for p, t in zip(*row, strict=True) if t], default=2.0)
        for row in zip(on.prob, on.target, strict=True)
    ]
    count = np.bincount(on.patient)

    def held(at: float) -> float:
        return sum(1 / count[p] / 26 for p, s in zip(on.patient, needed, strict=True) if s >= at)

    best = max(at for at in needed if held(at) >= 0.85)
    assert found is not None
    assert found.least == min(best, 1.0)


def test_too_few_patients_state_no_coverage() -> None:
    rng = np.random.default_rng(4)
    for coverage, least in ((0.9, 9), (0.95, 19), (0.8, 4), (0.5, 1)):
        assert fewest_patients(coverage) == least
        assert fit_sets(cohort(least, False, rng), coverage) is not None
        if least > 1:
            assert fit_sets(cohort(least - 1, False, rng), coverage) is None


def test_exclusive_classes_always_have_one() -> None:
    rng = np.random.default_rng(5)
    sure = Predictions(np.tile([0.98, 0.01, 0.01], (40, 1)), np.zeros(40, int), np.arange(40), np.arange(40))
    found = fit_sets(sure, 0.9)
    assert found is not None
    new = rng.dirichlet(np.ones(3), 50)
    assert (found(new).sum(axis=1) >= 1).all()
    assert found(new)[np.arange(50), new.argmax(axis=1)].all()


def test_records_without_any_class_need_none() -> None:
    prob = np.full((40, 3), 0.2)
    found = fit_sets(Predictions(prob, np.zeros((40, 3), bool), np.arange(40), np.arange(40)), 0.9)
    assert found is not None
    assert found.least == 1.0
    assert not found(prob).any()


def test_sets_widen_with_their_coverage() -> None:
    rng = np.random.default_rng(6)
    on, new = cohort(200, True, rng), cohort(50, True, rng)
    sizes = []
    for coverage in (0.5, 0.7, 0.9, 0.99):
        found = fit_sets(on, coverage)
        assert found is not None
        sizes.append(found(new.prob).sum())
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1]
