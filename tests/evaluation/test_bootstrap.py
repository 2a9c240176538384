"""The patient-clustered bootstrap against a plain loop, and its edges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, ndtr, stdtrit
from sklearn.metrics import roc_auc_score

from tsrep.errors import DataError
from tsrep.evaluation.bootstrap import (
    Interval,
    Resampled,
    Variance,
    correlation_interval,
    distance_interval,
    explained_interval,
    patient_weights,
    resample,
    share_interval,
    symmetric_interval,
    variance_of_mean,
)
from tsrep.evaluation.difference import paired_difference
from tsrep.evaluation.predictions import Predictions


def cohort(seed: int, patients: int = 30, each: int = 3, classes: int = 3, skill: float = 1.0) -> Predictions:
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(patients) * 7 + 2, each)
    target = np.repeat(rng.integers(classes, size=patients), each)
    logit = rng.normal(size=(len(patient), classes)) + skill * np.eye(classes)[target]
    prob = np.exp(logit) / np.exp(logit).sum(axis=1, keepdims=True)
    return Predictions(prob, target, patient, np.arange(len(patient)))


def test_each_resample_is_a_weighting_of_its_patients():
    """The mean over classes of scikit-learn's weighted areas, each spread for its few positive patients."""
    p = cohort(0)
    found = resample([p], n_bootstrap=40, seed=5)
    weight = np.concatenate(list(patient_weights(30, 40, seed=5)), axis=1)
    row = np.unique(p.patient, return_inverse=True)[1]
    flags = np.eye(3, dtype=bool)[p.target]
    n = np.array([[len(np.unique(p.patient[flags[:, c] == value])) for value in (0, 1)] for c in range(3)])
    factor = np.sqrt((n.min(axis=1) + 1) / (n.min(axis=1) - 1))
    once = np.array([roc_auc_score(flags[:, c], p.prob[:, c]) for c in range(3)])
    hits = p.prob.argmax(axis=1) == p.target
    for r in range(40):
        w = weight[row, r]
        each = np.array([roc_auc_score(flags[:, c], p.prob[:, c], sample_weight=w) for c in range(3)])
        assert found.draws["auroc"][0, r] == pytest.approx(np.mean(once + factor * (each - once)), abs=1e-12)
        moved = np.sqrt(31 / 29) * (np.average(hits, weights=w) - hits.mean())
        assert found.draws["accuracy"][0, r] == pytest.approx(hits.mean() + moved, abs=1e-12)


def test_weights_are_a_flat_dirichlet():
    weight, again, other = (
        np.concatenate(list(patient_weights(50, 2000, seed=seed)), axis=1) for seed in (1, 1, 2)
    )
    assert weight.shape == (50, 2000)
    assert (weight > 0).all()
    assert weight.sum(axis=0) == pytest.approx(50)
    assert weight.var() == pytest.approx(49 / 51, rel=0.03)
    assert np.array_equal(weight, again)
    assert not np.array_equal(weight, other)


def test_the_variance_of_a_mean_is_the_unbiased_one():
    """Of an accuracy: p (1 - p) / (n - 1)."""
    wins = np.arange(12) < 9
    p = Predictions(np.where(wins[:, None], [0.9, 0.1], [0.1, 0.9]), np.zeros(12, int), np.arange(12), wins)
    draws = resample([p], n_bootstrap=20000, names=["accuracy"]).draws["accuracy"]
    assert draws.var() == pytest.approx(0.75 * 0.25 / 11, rel=0.03)


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


def test_rare_classes_are_covered():
    """Twenty classes of two positive people each, whose macro AUROC is known."""
    rng, truth, hits, inside = np.random.default_rng(0), ndtr(1 / np.sqrt(2)), 0, True
    for _ in range(80):
        target = rng.permuted(np.arange(120)[:, None] < np.full(20, 2), axis=0)
        p = Predictions(expit(rng.normal(size=target.shape) + target), target, np.arange(120), np.arange(120))
        found = resample([p], n_bootstrap=100, names=["auroc"]).intervals()["auroc"]
        hits += found.low <= truth <= found.high
        inside &= found.low <= found.value <= found.high
    assert inside
    assert 0.88 <= hits / 80 <= 0.99


@pytest.mark.parametrize(("rare", "patients"), [(2, 4), (3, 40), (20, 40)])
def test_patients_who_are_all_separated_have_the_exact_interval(rare: int, patients: int):
    """``n`` patients who agree say that at least ``0.025 ** (1 / n)`` would."""
    target, rng = np.arange(patients) < rare, np.random.default_rng(0)
    score = 0.2 + 0.6 * target + 0.1 * rng.random(patients)
    p = Predictions(
        np.stack([1 - score, score], axis=1), target.astype(int), np.arange(patients), np.arange(patients)
    )
    for units in (p, Predictions(*(np.repeat(x, 3, axis=0) for x in (p.prob, p.target, p.patient, p.trial)))):
        found = resample([units] * 2, n_bootstrap=50).intervals()
        assert (found["auroc"].low, found["auroc"].high) == pytest.approx((0.025 ** (1 / rare), 1.0))
        assert (found["accuracy"].low, found["accuracy"].high) == pytest.approx((0.025 ** (1 / patients), 1))
        turned = Predictions(1 - units.prob, units.target, units.patient, units.trial)
        none = resample([turned], n_bootstrap=50, names=["auroc"]).intervals()["auroc"]
        assert (none.low, none.high) == pytest.approx((0.0, 1 - 0.025 ** (1 / rare)))


def test_a_value_between_the_ends_and_a_calibration_error_have_no_exact_interval():
    still = Variance(0.0, 0.0, 9.0)
    assert share_interval(0.5, still) == Interval(0.5, 0.5, 0.5)
    assert distance_interval(0.0, still) == Interval(0.0, 0.0, 0.0)
    assert np.isnan(share_interval(1.0, Variance(np.nan, np.nan, np.nan)).low)


def test_samples_that_few_patients_separate_are_covered():
    """Three people of forty have the class, and more than a third of such samples are separated."""
    rng, truth, hits, separated = np.random.default_rng(0), ndtr(2.5 / np.sqrt(2)), 0, 0
    target = (np.arange(40) < 3).astype(int)
    for _ in range(100):
        score = expit(rng.normal(size=40) + 2.5 * target)
        p = Predictions(np.stack([1 - score, score], axis=1), target, np.arange(40), np.arange(40))
        found = resample([p], n_bootstrap=50, names=["auroc"]).intervals()["auroc"]
        hits += found.low <= truth <= found.high
        separated += found.value == 1
    assert separated > 20
    assert hits / 100 >= 0.92


def test_no_value_lies_outside_its_interval():
    """The calibration error of a resample is larger than that of the whole, so that percentiles missed it."""
    rng = np.random.default_rng(0)
    for seed in range(30):
        p = cohort(seed, patients=int(rng.integers(3, 20)), each=2, classes=4, skill=3 * rng.random())
        for found in resample([p], n_bootstrap=50).intervals().values():
            assert np.isnan(found.low) or 0 <= found.low <= found.value <= found.high <= 1


def test_seeds_stand_side_by_side():
    one, two = cohort(2), cohort(3)
    two = Predictions(two.prob, one.target, one.patient, one.trial)
    both = resample([one, two], n_bootstrap=50)
    each = [resample([p], n_bootstrap=50) for p in (one, two)]
    assert both.draws["auroc"] == pytest.approx(np.concatenate([e.draws["auroc"] for e in each]), abs=1e-12)
    mean = both.averaged(2)
    assert mean.draws["auroc"][0] == pytest.approx(both.draws["auroc"].mean(axis=0), abs=1e-12)
    assert mean.by_seed["auroc"] == pytest.approx([both.value["auroc"]])
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
    apart = a.draws["auroc"] - resample([near], seed=9).draws["auroc"]
    unpaired = variance_of_mean(np.array([paired.value]), apart, 199.0, share=1.0)
    assert paired.high - paired.low < 0.5 * (2 * unpaired.margin)
    assert paired.covers == "patients"
    same = paired_difference(a, a)["auroc"]
    assert (same.low, same.high, same.p) == (0.0, 0.0, 1.0)
    with pytest.raises(DataError, match="same resamples"):
        paired_difference(a, resample([near], n_bootstrap=10))


def test_seeds_widen_the_interval_only_by_what_patients_do_not_explain():
    rng = np.random.default_rng(0)
    patients = rng.normal(0, 0.02, 4000)
    rows = np.array([0.1, 0.16, 0.13])

    def found(own: float, share: float = 1 / 3):
        draws = rows[:, None] + patients + rng.normal(0, own, (3, 4000))
        return variance_of_mean(rows, draws, 99.0, share=share)

    apart = found(0.0)
    assert apart.resampled == pytest.approx(0.02**2, rel=0.05)
    assert apart.seeds == pytest.approx(0.03**2 / 3)
    assert found(0.02).seeds == pytest.approx((0.03**2 - 0.02**2) / 3, rel=0.05)
    assert found(0.04).seeds == 0
    assert found(0.0, share=4 / 3).seeds == pytest.approx(0.03**2 * 4 / 3)
    total = 0.02**2 + 0.03**2 / 3
    assert apart.freedom == pytest.approx(total**2 / (0.02**4 / 99 + (0.03**2 / 3) ** 2 / 2), rel=0.05)
    assert apart.margin == pytest.approx(
        stdtrit(apart.freedom, 0.975) * np.sqrt(apart.resampled + apart.seeds)
    )


def test_draws_of_labels_that_all_encoders_share_widen_the_interval():
    """Encoders that all do better on one draw of labels say little of other draws."""
    rows = np.add.outer([0.70, 0.71, 0.72], [-0.05, 0.05])  # (encoder, label draw)
    draws = rows.reshape(6, 1) + np.random.default_rng(0).normal(0, 0.01, 2000)
    every = Resampled(
        {"auroc": tuple(rows.ravel())}, {"auroc": draws}, {"auroc": 99.0}, form=symmetric_interval
    )
    encoders, crossed = every.averaged(2), every.crossed(2)
    labels = crossed.by_draw
    assert labels is not None
    assert encoders.by_seed["auroc"] == pytest.approx([0.70, 0.71, 0.72])
    assert labels.by_seed["auroc"] == pytest.approx([0.66, 0.76])
    alone, both = encoders.intervals()["auroc"], crossed.intervals()["auroc"]
    assert crossed.covers("training seeds") == "patients, training seeds and label draws"
    assert both.value == alone.value == pytest.approx(0.71)
    total = crossed.variance("auroc")
    assert both.high - both.value == pytest.approx(total.margin)
    assert total.resampled + total.seeds == pytest.approx(0.01**2 + 0.01**2 / 3 + 0.1**2 / 4, rel=0.05)
    assert both.low < alone.low


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


def test_a_class_of_one_person_stays_in_every_resample():
    p = Predictions(
        np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]]), np.array([0, 1, 0]), np.arange(3), np.arange(3)
    )
    found = resample([p], n_bootstrap=400)
    assert not np.isnan(found.draws["auroc"]).any()
    assert found.freedom["auroc"] == 1.0


def test_degrees_of_freedom_are_those_of_the_rare_classes():
    target = np.arange(90)[:, None] < [3, 30]
    p = Predictions(np.random.default_rng(0).random((90, 2)), target, np.arange(90), np.arange(90))
    freedom = resample([p], n_bootstrap=2).freedom
    inverse = 1 / np.array([3, 30])
    assert freedom["auroc"] == pytest.approx(inverse.sum() ** 2 / (inverse**2 / [2, 29]).sum())
    assert freedom["accuracy"] == 89


def test_draws_that_are_not_defined_are_left_out():
    draws = np.array([[0.4, np.nan, 0.6, 0.5]])
    one = Resampled({"mse": (0.5,)}, {"mse": draws}, {"mse": 9.0}, over="blocks of time")
    assert one.variance("mse").resampled == pytest.approx(0.01)
    none = Resampled({"mse": (0.5,)}, {"mse": draws * np.nan}, {"mse": 9.0})
    assert np.isnan(none.intervals()["mse"].low)


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


def test_intervals_of_correlations_and_explained_shares_end_where_these_do() -> None:
    wide = Variance(0.04, 0.0, 30.0)
    for value in (0.95, 0.5, -0.9):
        correlation = correlation_interval(value, wide)
        assert -1 < correlation.low < value < correlation.high < 1
        explained = explained_interval(value, wide)
        assert explained.low < value < explained.high < 1
    narrow = Variance(1e-8, 0.0, 1000.0)
    for form in (correlation_interval, explained_interval):
        found = form(0.6, narrow)
        assert (found.low, found.high) == pytest.approx((0.6 - narrow.margin, 0.6 + narrow.margin), abs=1e-6)
    assert np.isnan(correlation_interval(0.5, Variance(np.nan, 0.0, 1.0)).low)
