"""The patient-clustered bootstrap against a plain loop, and its edges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsrep.errors import DataError
from tsrep.evaluation.bootstrap import multiplicities, paired_difference, percentile_interval, resample
from tsrep.evaluation.labels.metrics import metrics
from tsrep.evaluation.predictions import Predictions


def cohort(seed: int, patients: int = 30, each: int = 3, classes: int = 3, skill: float = 1.0) -> Predictions:
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(patients) * 7 + 2, each)
    target = np.repeat(rng.integers(classes, size=patients), each)
    logit = rng.normal(size=(len(patient), classes)) + skill * np.eye(classes)[target]
    prob = np.exp(logit) / np.exp(logit).sum(axis=1, keepdims=True)
    return Predictions(prob, target, patient, np.arange(len(patient)))


def test_each_resample_equals_repeating_its_patients():
    p = cohort(0)
    found = resample([p], n_bootstrap=40, seed=5)
    weight = np.concatenate(list(multiplicities(30, 40, seed=5)), axis=1)
    patients = np.unique(p.patient)
    for r in range(40):
        drawn = np.repeat(patients, weight[:, r].astype(int))
        units = np.concatenate([np.flatnonzero(p.patient == patient) for patient in drawn])
        expected = metrics(p.prob[units], p.target[units])
        assert {name: d[r] for name, d in found.draws.items()} == pytest.approx(expected, abs=1e-12)


def test_multiplicities_draw_with_replacement():
    weight, again, other = (
        np.concatenate(list(multiplicities(50, 2000, seed=seed)), axis=1) for seed in (1, 1, 2)
    )
    assert weight.shape == (50, 2000)
    assert (weight.sum(axis=0) == 50).all()
    assert weight.mean() == 1
    assert weight.var() == pytest.approx(1 - 1 / 50, rel=0.03)  # binomial(50, 1/50)
    assert np.array_equal(weight, again)
    assert not np.array_equal(weight, other)


def test_patients_not_samples_are_the_unit_of_chance():
    """Copying every sample of a patient adds no information, so the interval must not shrink."""
    once = cohort(1, patients=60, each=1)
    copies = np.repeat(np.arange(60), 9)
    often = Predictions(once.prob[copies], once.target[copies], once.patient[copies], np.arange(540))
    one, many = (resample([p], n_bootstrap=300).intervals()["auroc"] for p in (once, often))
    assert (many.low, many.high) == pytest.approx((one.low, one.high), abs=1e-12)


def test_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    hits = 0
    for trial in range(200):
        wins = rng.random(60) < 0.7  # accuracy 0.7
        p = Predictions(
            np.where(wins[:, None], [0.9, 0.1], [0.1, 0.9]), np.zeros(60, int), np.arange(60), np.arange(60)
        )
        interval = resample([p], n_bootstrap=200, seed=trial, names=["accuracy"]).intervals()["accuracy"]
        hits += interval.low <= 0.7 <= interval.high
    assert 0.88 <= hits / 200 <= 0.985


def test_seeds_are_averaged_inside_each_resample():
    one, two = cohort(2), cohort(3)
    two = Predictions(two.prob, one.target, one.patient, one.trial)
    both = resample([one, two], n_bootstrap=50)
    each = [resample([p], n_bootstrap=50) for p in (one, two)]
    mean = (each[0].draws["auroc"] + each[1].draws["auroc"]) / 2
    assert both.draws["auroc"] == pytest.approx(mean, abs=1e-12)
    gap = abs(each[0].value["auroc"] - each[1].value["auroc"])
    assert both.spread["auroc"] == pytest.approx(gap / np.sqrt(2))
    assert np.isnan(each[0].spread["auroc"])


def test_paired_difference_is_narrower_than_an_unpaired_one():
    good = cohort(4, patients=200, skill=2.0)
    near = Predictions(0.97 * good.prob + 0.01, good.target, good.patient, good.trial)
    noisy = near.prob + 0.05 * np.random.default_rng(0).random(near.prob.shape)
    near = Predictions(noisy / noisy.sum(axis=1, keepdims=True), near.target, near.patient, near.trial)
    a, b = resample([good]), resample([near])
    paired = paired_difference(a, b)["auroc"]
    assert paired.value == pytest.approx(a.value["auroc"] - b.value["auroc"])
    unpaired = percentile_interval(0.0, a.draws["auroc"] - resample([near], seed=9).draws["auroc"])
    assert paired.high - paired.low < 0.5 * (unpaired.high - unpaired.low)
    assert paired_difference(a, a)["auroc"].low == 0.0
    with pytest.raises(DataError, match="same resamples"):
        paired_difference(a, resample([near], n_bootstrap=10))


def test_order_of_units_does_not_matter():
    p = cohort(5)
    order = np.random.default_rng(0).permutation(len(p))
    shuffled = Predictions(p.prob[order], p.target[order], p.patient[order], p.trial[order])
    one, two = resample([p], n_bootstrap=30), resample([shuffled], n_bootstrap=30)
    for name, draws in one.draws.items():
        assert two.draws[name] == pytest.approx(draws, abs=1e-12)


def test_one_patient_has_a_value_but_no_interval():
    p = cohort(6, patients=1, each=20)
    interval = resample([p], n_bootstrap=20).intervals()["accuracy"]
    assert np.isfinite(interval.value)
    assert np.isnan([interval.low, interval.high]).all()


def test_resamples_with_one_class_are_left_out():
    p = Predictions(
        np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]]), np.array([0, 1, 0]), np.arange(3), np.arange(3)
    )
    found = resample([p], n_bootstrap=400)
    undefined = np.isnan(found.draws["auroc"]).mean()
    assert undefined == pytest.approx((2 / 3) ** 3 + (1 / 3) ** 3, abs=0.08)
    interval = found.intervals()["auroc"]
    assert (interval.low, interval.high) == (1.0, 1.0)
    assert np.isnan(percentile_interval(0.5, np.array([0.5, np.nan, np.nan])).low)


def test_refuses_other_patients():
    with pytest.raises(DataError, match="different patients"):
        resample([cohort(0), cohort(0, patients=29)])
    with pytest.raises(DataError, match="no predictions"):
        resample([])


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), patients=st.integers(2, 8), each=st.integers(1, 4))
def test_always_well_defined(seed, patients, each):
    for interval in resample([cohort(seed, patients, each)], n_bootstrap=20).intervals().values():
        assert np.isnan(interval.low) or interval.low <= interval.high
        assert np.isnan(interval.low) == np.isnan(interval.high)
