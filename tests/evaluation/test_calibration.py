"""The reliability curve."""

from __future__ import annotations

import numpy as np
import pytest

from tsrep.evaluation.bootstrap import Variance, distance_interval
from tsrep.evaluation.labels.calibration import reliability
from tsrep.evaluation.labels.metrics import metrics
from tsrep.evaluation.predictions import Predictions


def predictions(seed: int, n: int = 600, honest: bool = True, multi: bool = True) -> Predictions:
    rng = np.random.default_rng(seed)
    prob = rng.random((n, 3)) if multi else rng.dirichlet(np.ones(3), n)
    chance = prob if honest else prob**3
    drawn = (rng.random((n, 1)) > prob.cumsum(axis=1)).sum(axis=1)
    target = rng.random((n, 3)) < chance if multi else drawn
    return Predictions(prob, target, np.arange(n) // 3, np.arange(n))


@pytest.mark.parametrize("multi", [False, True])
def test_error_is_the_metric(multi):
    p = predictions(0, multi=multi)
    curve = reliability(p, n_bootstrap=50)
    assert curve.error.value == pytest.approx(metrics(p.prob, p.target)["ece"], abs=1e-12)
    assert curve.count.sum() == len(p) * (3 if multi else 1)
    assert curve.error.low <= curve.error.high


def test_honest_probabilities_lie_in_the_band_and_others_do_not():
    honest, bold = (reliability(predictions(1, honest=h), bins=10, n_bootstrap=300) for h in (True, False))
    inside = [(c.low <= c.stated) & (c.stated <= c.high) for c in (honest, bold)]
    assert inside[0].sum() >= 8
    assert inside[1].sum() <= 3
    assert bold.error.low > honest.error.high


def test_bins_hold_the_means_of_their_statements():
    p = predictions(2)
    curve = reliability(p, bins=4, n_bootstrap=10)
    rows = (p.prob >= 0.25) & (p.prob < 0.5)
    assert curve.stated[1] == pytest.approx(p.prob[rows].mean())
    assert curve.observed[1] == pytest.approx(p.target[rows].mean())
    assert np.array_equal(curve.edges, [0, 0.25, 0.5, 0.75, 1])


def test_empty_bins_and_one_patient_are_not_numbers():
    p = Predictions(np.array([[0.9, 0.1], [0.95, 0.05]]), np.array([0, 1]), np.zeros(2, int), np.arange(2))
    curve = reliability(p, bins=5, n_bootstrap=10)
    assert curve.observed[-1] == 0.5
    assert np.isnan(curve.observed[:-1]).all()
    assert np.isnan(curve.low).all()
    assert np.isnan(curve.error.low)


def test_an_error_near_zero_has_no_interval():
    near, far = (distance_interval(value, Variance(0.01**2, 0.0, 50.0)) for value in (0.002, 0.2))
    assert np.isnan([near.low, near.high]).all()
    assert near.value == 0.002
    assert 0.17 < far.low < 0.2 < far.high < 0.23
