"""Ridge paths against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from tsrep.evaluation.forecasts.ridge_path import Moments

ALPHAS = (0.1, 1.0, 50.0, 1000.0)


def _data(n, d, k, seed=0, offset=0.0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + offset
    return x, x @ rng.normal(size=(d, k)) + rng.normal(size=(n, k)) + offset


def _path(x, y, chunk=None, around=0.0):
    moments = Moments.around(np.full(x.shape[1], around), np.full(y.shape[1], around))
    for at in range(0, len(x), chunk or len(x)):
        moments.add(x[at : at + (chunk or len(x))], y[at : at + (chunk or len(x))])
    return moments.path()


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("shape", [(200, 12, 5), (8, 20, 3)], ids=["long", "wide"])
def test_equals_scikit_learn(alpha, shape):
    x, y = _data(*shape)
    path, theirs = _path(x, y), Ridge(alpha=alpha).fit(x, y)

    coefficients, intercept = path.coefficients(alpha)

    np.testing.assert_allclose(coefficients, theirs.coef_, atol=1e-8)
    np.testing.assert_allclose(intercept, theirs.intercept_, atol=1e-8)
    np.testing.assert_allclose(path.predict(path.project(x), alpha), theirs.predict(x), atol=1e-8)


@settings(max_examples=20, deadline=None)
@given(chunk=st.integers(1, 70), seed=st.integers(0, 5))
def test_rows_may_arrive_in_any_pieces(chunk, seed):
    x, y = _data(60, 4, 2, seed)

    one, many = _path(x, y).coefficients(1.0), _path(x, y, chunk).coefficients(1.0)

    np.testing.assert_allclose(one[0], many[0], atol=1e-9)


def test_a_large_offset_does_not_swallow_the_spread():
    x, y = _data(300, 5, 2, offset=1e7)
    theirs = Ridge(alpha=1.0).fit(x, y)

    coefficients, _ = _path(x, y, chunk=50, around=1e7).coefficients(1.0)

    np.testing.assert_allclose(coefficients, theirs.coef_, atol=1e-6)


def test_first_targets_are_a_copy():
    x, y = _data(50, 4, 6)
    moments = Moments.around(np.zeros(4), np.zeros(6))
    moments.add(x, y)

    fewer = moments.first(2)
    fewer.add(x[:7], y[:7, :2])

    np.testing.assert_allclose(
        moments.path().coefficients(1.0)[0], Ridge(alpha=1.0).fit(x, y).coef_, atol=1e-8
    )
    again = np.concatenate([x, x[:7]]), np.concatenate([y, y[:7]])[:, :2]
    np.testing.assert_allclose(
        fewer.path().coefficients(1.0)[0], Ridge(alpha=1.0).fit(*again).coef_, atol=1e-8
    )


def test_constant_features_predict_the_mean():
    y = np.random.default_rng(0).normal(size=(40, 3))
    path = _path(np.full((40, 4), 2.0), y)

    np.testing.assert_allclose(
        path.predict(path.project(np.full((5, 4), 2.0)), 0.1), np.tile(y.mean(0), (5, 1))
    )
