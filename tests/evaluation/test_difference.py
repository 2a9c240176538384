"""Verdicts keep their level when patients, seeds and random initialisations are all drawn anew."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from tests.evaluation.test_bootstrap import cohort
from tsrep.errors import DataError
from tsrep.evaluation.bootstrap import Resampled, resample
from tsrep.evaluation.comparison import compare_methods
from tsrep.evaluation.difference import difference_from_random, difference_of_cohorts, paired_difference
from tsrep.evaluation.predictions import Predictions


def of(rows: np.ndarray, draws: np.ndarray) -> Resampled:
    return Resampled({"auroc": tuple(rows.tolist())}, {"auroc": draws}, {"auroc": 99.0})


def encoders(rng: np.random.Generator, patients: np.ndarray, n: int, spread: float) -> Resampled:
    """Encoders of one kind: noise of the patients that they share and that each has, and their worth."""
    worth, own = rng.normal(0, spread, (n, 1)), rng.normal(0, 0.01, (n, 201))
    found = 0.7 + worth + own + patients
    return of(found[:, 0], found[:, :1] + (found[:, 1:] - found[:, 1:].mean(axis=1, keepdims=True)))


@pytest.mark.parametrize("spread", [0.0, 0.01, 0.05])
def test_a_new_random_encoder_is_rarely_called_better(spread: float) -> None:
    rng, called = np.random.default_rng(0), 0
    for _ in range(400):
        patients = rng.normal(0, 0.02, 201)
        one, inits = (encoders(rng, patients, n, spread) for n in (1, 5))
        called += abs(difference_from_random(one, inits)["auroc"].p) < 0.05
    assert called / 400 <= 0.08


@pytest.mark.parametrize("spread", [0.0, 0.01, 0.05])
def test_methods_that_do_not_differ_are_rarely_told_apart(spread: float) -> None:
    rng, called, alone = np.random.default_rng(1), 0, 0
    for _ in range(400):
        patients = rng.normal(0, 0.02, 201)
        one, two = (encoders(rng, patients, 5, spread) for _ in range(2))
        found = paired_difference(one, two)["auroc"]
        called += found.p < 0.05
        alone += abs(found.value) > 1.96 * math.sqrt(found.resampled)
    assert called / 400 <= 0.08
    if spread == 0.05:
        assert alone / 400 > 0.3  # patients alone forget the seeds


def test_sides_vary_by_themselves_and_draws_of_labels_in_pairs() -> None:
    """Welch's variance and, where nothing else varies, his degrees of freedom."""
    rng = np.random.default_rng(3)
    labels = np.array([-0.03, 0.0, 0.03])
    one, two = (rng.normal(0.7, spread, n) for spread, n in ((0.02, 4), (0.05, 6)))
    tables = [np.add.outer(side, labels).ravel() for side in (one, two)]
    sides = [of(table, np.repeat(table[:, None], 9, axis=1)).crossed(3) for table in tables]
    found = paired_difference(*sides)["auroc"]
    assert found.covers == "patients, training seeds and label draws"
    expected = stats.ttest_ind(one, two, equal_var=False)
    assert found.value == pytest.approx(one.mean() - two.mean())
    assert (found.p, found.freedom) == (pytest.approx(expected.pvalue), pytest.approx(expected.df))
    shifted = of(tables[1] + np.tile(labels, 6), np.repeat(tables[1][:, None], 9, axis=1))
    assert paired_difference(sides[0], shifted.crossed(3))["auroc"].between > found.between
    with pytest.raises(DataError, match="3 draws of labels cannot be paired with 2"):
        paired_difference(sides[0], of(tables[1], np.repeat(tables[1][:, None], 9, axis=1)).crossed(2))


@pytest.mark.parametrize("draws", [1, 3])
def test_one_encoder_is_one_more_of_the_kind_of_the_others(draws: int) -> None:
    """Where patients do not vary, the variance of one against the mean of k is ``1 + 1 / k`` of theirs."""
    rng = np.random.default_rng(4)
    table = rng.normal(0.7, 0.05, 6)
    one, many = (
        of(np.repeat(side, draws), np.repeat(side, draws)[:, None].repeat(9, axis=1)).crossed(draws)
        for side in (table[:1], table[1:])
    )
    found = paired_difference(one, many, trained=True)["auroc"]
    assert found.between == pytest.approx((1 + 1 / 5) * table[1:].var(ddof=1))
    assert found.freedom == pytest.approx(4)
    other = paired_difference(many, one, trained=True)["auroc"]
    assert (other.value, other.p) == (-found.value, pytest.approx(found.p))
    fixed = paired_difference(one, many)["auroc"]
    assert fixed.between == pytest.approx(table[1:].var(ddof=1) / 5)


def test_one_encoder_beside_a_method_is_compared_as_beside_random_initialisations() -> None:
    rng = np.random.default_rng(5)
    patients = rng.normal(0, 0.02, 201)
    one, two = (encoders(rng, patients, n, 0.05) for n in (1, 5))
    found = paired_difference(one.crossed(1), two.crossed(1), trained=True)["auroc"]
    random = difference_from_random(one, two)["auroc"]
    assert (found.low, found.p) == (pytest.approx(random.low), pytest.approx(random.p))
    assert found.covers == "patients and training seeds"


def test_interval_and_p_value_agree() -> None:
    rng = np.random.default_rng(2)
    for shift in np.linspace(-0.08, 0.08, 9):
        patients = rng.normal(0, 0.02, 201)
        one, two = (encoders(rng, patients, 4, 0.02) for _ in range(2))
        found = paired_difference(of(np.add(one.by_seed["auroc"], shift), one.draws["auroc"] + shift), two)
        gap = found["auroc"]
        assert (gap.p < 0.05) == (not gap.low <= 0 <= gap.high)
        assert gap.value == pytest.approx((gap.low + gap.high) / 2)


def test_a_difference_says_what_it_covers() -> None:
    one, five = of(np.array([0.8]), np.full((1, 9), 0.8)), resample([cohort(s) for s in range(5)])
    five = of(np.array(five.by_seed["auroc"]), five.draws["auroc"][:, :9])
    found = difference_from_random(one, five)["auroc"]
    assert (found.covers, found.of_one_encoder) == ("patients and random initialisations", True)
    assert (found.seeds, found.against_seeds) == (1, 5)
    assert paired_difference(five, one)["auroc"].covers == "patients and training seeds"
    assert paired_difference(one, one)["auroc"].covers == "patients"
    alone = difference_from_random(five.averaged(5), one)["auroc"]
    assert np.isnan([alone.low, alone.high, alone.p]).all()
    with pytest.raises(DataError, match="5 seeds cannot be paired with 2"):
        paired_difference(five, of(np.zeros(2), np.zeros((2, 9))))


def test_a_difference_without_any_variation_has_no_interval() -> None:
    """Two people told apart without an error are no proof."""
    truth = Predictions(np.eye(2), np.arange(2), np.arange(2), np.arange(2))
    guess = Predictions(np.full((2, 2), 0.5), np.arange(2), np.arange(2), np.arange(2))
    found = paired_difference(resample([truth]), resample([guess]))["auroc"]
    assert found.value == 0.5
    assert np.isnan([found.low, found.p]).all()


@pytest.mark.parametrize("patients", [4, 6, 10, 40, 1001])
def test_the_last_digits_of_resamples_are_no_variation(patients: int) -> None:
    target, rng = np.arange(patients) % 2, np.random.default_rng(0)

    def side(score: np.ndarray) -> Predictions:
        number = np.arange(patients)
        return Predictions(np.stack([1 - score, score], axis=1), target, number, number)

    right = side(0.2 + 0.6 * target + 0.1 * rng.random(patients))
    methods = {
        "right": [right],
        "constant": [side(np.full(patients, 0.5))],
        "wrong": [side(1 - right.prob[:, 1])],
    }
    for other, value in (("constant", 0.5), ("wrong", 1.0)):
        found = compare_methods(methods, [("right", other)], n_bootstrap=200)[0].difference
        assert found.value == value
        assert np.isnan([found.low, found.high, found.p]).all()
        assert found.resampled == 0


def test_the_scale_of_a_metric_does_not_make_its_variation_rounding() -> None:
    for scale in (1e-9, 1.0, 1e9):
        draws = scale * np.random.default_rng(0).normal(0.5, 0.01, (1, 50))
        found = paired_difference(of(np.array([0.5 * scale]), draws), of(np.zeros(1), np.zeros((1, 50))))
        assert found["auroc"].p < 0.001
        rounded = np.full((1, 50), 0.5 * scale) * (1 + 2.0**-52 * (np.arange(50) % 2))
        found = paired_difference(of(np.array([0.5 * scale]), rounded), of(np.zeros(1), np.zeros((1, 50))))
        assert np.isnan(found["auroc"].p)
        alike = of(np.array([0.5 * scale]), np.full((1, 50), 0.5 * scale))
        assert paired_difference(of(rounded[:, 1], rounded), alike)["auroc"].p == 1


def test_a_difference_knows_the_degrees_of_freedom_over_patients() -> None:
    rng = np.random.default_rng(0)
    for spread in (0.0, 0.05):
        one, two = (encoders(rng, rng.normal(0, 0.02, 201), 5, spread) for _ in range(2))
        found = paired_difference(one, two)["auroc"]
        assert found.freedom_resampled == 99.0
        assert (found.freedom < 99.0) == (found.between > 0)
    assert found.between > 0


def test_two_shares_differ_by_no_more_than_one() -> None:
    rows = np.array([0.9, 0.1, 0.8])
    wide = paired_difference(of(rows, np.tile(rows[:, None], 9)), of(1 - rows, np.tile(1 - rows[:, None], 9)))
    assert (wide["auroc"].low, wide["auroc"].high) == (-1.0, 1.0)


def test_variances_of_two_cohorts_add_up() -> None:
    rng = np.random.default_rng(0)
    spread, freedom = (0.03, 0.02), (60.0, 30.0)

    def side(values: tuple[float, ...], k: int) -> Resampled:
        common = spread[k] * rng.normal(size=4000)
        draws = np.array(values)[:, None] + common
        return Resampled({"auroc": values}, {"auroc": draws}, {"auroc": freedom[k]})

    found = difference_of_cohorts(side((0.8,), 0), side((0.7,), 1))["auroc"]
    a, b = (s**2 for s in spread)
    degrees = (a + b) ** 2 / (a**2 / freedom[0] + b**2 / freedom[1])
    half = stats.t.ppf(0.975, degrees) * np.sqrt(a + b)
    assert found.value == pytest.approx(0.1)
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.05)
    assert found.covers == "patients"
    assert found.freedom_resampled == pytest.approx(degrees, rel=0.05)
    # encoders whose drops differ widen it, those that differ alike on both do not
    alike = difference_of_cohorts(side((0.8, 0.9), 0), side((0.7, 0.8), 1))["auroc"]
    apart = difference_of_cohorts(side((0.8, 0.9), 0), side((0.75, 0.65), 1))["auroc"]
    assert alike.high - alike.low == pytest.approx(found.high - found.low, rel=0.05)
    assert apart.high - apart.low > 2 * (found.high - found.low)
