"""The circular block bootstrap against literal resampling, and its coverage."""

import numpy as np
import pytest

from tsrep.evaluation.block_bootstrap import block_count, block_starts, block_sums


@pytest.mark.parametrize(("n", "length"), [(20, 6), (20, 5), (7, 7), (9, 1)])
def test_sums_are_those_of_the_concatenated_blocks(n, length):
    values = np.random.default_rng(0).normal(size=(n, 2))
    starts = block_starts(n, length, 30)

    sums = block_sums(values, starts, length)

    for row, total in zip(starts, sums, strict=True):
        index = np.concatenate([np.arange(s, s + length) for s in row])[:n] % n
        np.testing.assert_allclose(total, values[index].sum(axis=0), atol=1e-12)
    assert starts.shape == (30, block_count(n, length))
    assert starts.min() >= 0
    assert starts.max() < n


def test_every_step_is_drawn_equally_often():
    n, length = 50, 20
    drawn = block_sums(np.eye(n), block_starts(n, length, 4000), length)
    np.testing.assert_allclose(drawn.mean(axis=0), 1, atol=0.06)


def test_same_seed_same_blocks():
    assert np.array_equal(block_starts(100, 7, 50, seed=3), block_starts(100, 7, 50, seed=3))
    assert not np.array_equal(block_starts(100, 7, 50, seed=3), block_starts(100, 7, 50, seed=4))


def test_covers_the_mean_of_a_dependent_series_where_single_steps_do_not():
    rng = np.random.default_rng(0)
    n, series, length = 500, 100, 35
    x = np.zeros((series, n + 100))
    for t in range(1, n + 100):
        x[:, t] = 0.8 * x[:, t - 1] + rng.normal(size=series)

    def coverage(block):
        starts = block_starts(n, block, 200)
        means = block_sums(x[:, 100:].T, starts, block) / n
        low, high = np.quantile(means, [0.025, 0.975], axis=0)
        return np.mean((low <= 0) & (high >= 0))

    assert 0.85 <= coverage(length) <= 0.99
    assert coverage(1) < 0.65
