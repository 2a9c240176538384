"""The circular block bootstrap against literal resampling, and its coverage."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import lfilter

from tsrep.evaluation.block_bootstrap import (
    block_count,
    block_length,
    block_starts,
    block_sums,
    optimal_length,
)
from tsrep.evaluation.bootstrap import variance_of_mean
from tsrep.evaluation.forecasts.errors import Errors, resample_blocks
from tsrep.evaluation.forecasts.evaluation import SeriesEvaluation
from tsrep.evaluation.forecasts.scoring import score_forecasters
from tsrep.evaluation.forecasts.settings import ForecastSettings
from tsrep.runs.config import configure
from tsrep.runs.task import task_of

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def autoregression(phi, n, seed=0):
    return lfilter([1], [1, -phi], np.random.default_rng(seed).normal(size=n + 500))[500:]


def errors_of(by_origin):
    return Errors(by_origin, by_origin[:1, :1], by_origin[:1, 2:3])


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


@pytest.mark.parametrize("phi", [0.3, 0.6, -0.5])
def test_estimated_length_is_that_of_an_autoregression(phi):
    n = 20_000
    wanted = (1.5 * (2 * phi / (1 - phi**2)) ** 2 * n) ** (1 / 3)  # the closed form of the same reference
    found = [optimal_length(autoregression(phi, n, seed)) for seed in range(10)]
    assert np.mean(found) == pytest.approx(wanted, rel=0.1)


def test_estimated_length_is_the_literal_one():
    x = autoregression(0.7, 400)
    x -= x.mean()
    covariance = [float(x[k:] @ x[: len(x) - k]) / len(x) for k in range(46)]
    bound = 2 * np.sqrt(np.log10(400) / 400)
    end = next(
        k for k in range(41) if all(abs(covariance[k + j] / covariance[0]) < bound for j in range(1, 6))
    )
    lags = min(2 * end, 40)
    window = {k: min(1.0, 2 * (1 - abs(k) / lags)) for k in range(-lags, lags + 1)}
    density = sum(window[k] * covariance[abs(k)] for k in window)
    slope = sum(window[k] * abs(k) * covariance[abs(k)] for k in window)
    wanted = (2 * slope**2 / (4 / 3 * density**2)) ** (1 / 3) * 400 ** (1 / 3)
    assert 1 < end < 40
    assert optimal_length(x) == pytest.approx(wanted, rel=1e-9)


def test_estimated_length_has_no_scale_and_no_level():
    x = autoregression(0.8, 500)
    assert optimal_length(3 * x + 7) == pytest.approx(optimal_length(x), rel=1e-6)
    assert optimal_length(np.full(500, 0.1)) == 0
    assert optimal_length(np.array([1.0, 2.0, 5.0])) == 0  # too short to tell


def test_a_block_is_what_the_most_dependent_series_asks_for_within_bounds():
    short, long = autoregression(0.3, 2880), autoregression(0.9, 2880)
    assert block_length([short, long], 2880, 2) == int(np.ceil(optimal_length(long)))
    assert block_length([short], 2880, 192) == 192
    assert block_length([np.cumsum(autoregression(0.9, 2880))], 2880, 48) == 288  # a tenth
    assert block_length([short], 2880, 1440) == 1440
    assert block_length([short[:30]], 30, 48) == 30
    assert block_length([], 0, 48) == 1


def test_variance_makes_up_for_what_ends_of_blocks_cut():
    rows, rng = np.zeros(2), np.random.default_rng(0)
    draws, finer = rng.normal(size=(2, 5000)) * 2, rng.normal(size=(2, 5000))
    found = variance_of_mean(rows, draws, 7, share=0.5, finer=finer)
    assert found.resampled == pytest.approx((2 * 4 - 1) / 2, rel=0.06)
    assert found.freedom == 7
    # shorter blocks with more variance are no reason for less than the long ones have
    assert variance_of_mean(rows, finer, 7, share=0.5, finer=draws).resampled == pytest.approx(0.5, rel=0.06)


def test_variance_of_independent_errors_is_that_of_their_mean():
    squared = np.random.default_rng(0).exponential(size=3000)
    one = np.ones(3000)
    errors = errors_of(np.stack([squared, squared, one, squared, one], axis=1))
    found = resample_blocks([errors], 30, 4000)
    assert found.variance("mse").resampled == pytest.approx(squared.var() / 3000, rel=0.25)
    assert found.freedom["mse"] == 50
    interval = found.intervals()["mse"]
    assert interval.low * interval.high == pytest.approx(interval.value**2)  # symmetric in the logarithm


def test_fewer_than_two_blocks_give_no_interval():
    by_origin = np.ones((50, 5)) * np.arange(1, 51)[:, None]
    by_origin[:, 2] = by_origin[:, 4] = 1
    assert np.isnan(resample_blocks([errors_of(by_origin)], 26, 100).intervals()["mse"].low)
    assert np.isfinite(resample_blocks([errors_of(by_origin)], 25, 100).intervals()["mse"].low)


def test_influence_sums_to_zero_and_leaves_gaps_out():
    by_origin = np.array([[4.0, 2, 1, 2, 1], [0, 0, 0, 0, 0], [1, 1, 2, 1, 2]])
    influence = errors_of(by_origin).influence
    np.testing.assert_allclose(influence.sum(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(influence[:, 0], [4 - 5 / 3, 0, 1 - 10 / 3])
    assert np.all(errors_of(np.zeros((3, 5))).influence == 0)


@pytest.mark.parametrize("name", ["etth1", "etth2"])
def test_intervals_of_real_series_at_a_day_ahead_are_reliable(shared_path, name):
    config = configure({"dataset": {"name": name}, "root": str(shared_path("data/ltsf"))})
    prepared = task_of(config).prepare(progress=False)
    evaluation = SeriesEvaluation(prepared.instances, prepared.spans, lookback=24, horizon=24)

    scores = score_forecasters({}, {}, evaluation, ForecastSettings(n_bootstrap=100))

    for score in scores:
        assert score.blocks >= 10
        assert score.block_length >= 48
        assert score.metrics["mse"].low < score.value < score.metrics["mse"].high
    assert not any("unreliable" in note for note in scores.notes)


def test_simulated_intervals_cover(monkeypatch, capsys):
    told = importlib.util.spec_from_file_location("blocks", BENCHMARKS / "blocks.py")
    blocks = importlib.util.module_from_spec(told)
    monkeypatch.setitem(sys.modules, "blocks", blocks)
    told.loader.exec_module(blocks)
    monkeypatch.setattr(sys, "argv", ["blocks.py", "--quick"])

    blocks.main()

    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["name"] == "blocks"
    assert set(found["coverage_min"]) == set(blocks.CASES)
    # of 40 parts; the whole table, of 1,000, is in docs/forecasting.md
    assert min(found["coverage_min"].values()) >= 0.8
    assert found["width_max"] < 1.7
