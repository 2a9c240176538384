"""Prediction intervals: the quantiles, what they cover, and what they say when they cannot."""

import numpy as np
import pytest

from tests.evaluation.test_forecast import make_noisy, make_series
from tsrep.errors import ConfigError, DataError, RunError
from tsrep.evaluation.forecasts import conformal
from tsrep.evaluation.forecasts.conformal import Conformal, calibrate
from tsrep.evaluation.forecasts.coverage import Coverage, Covering, coverage

HORIZON = 4


def zeros(channels, horizon=HORIZON):
    return lambda instance, steps: np.zeros((len(steps), horizon, channels), np.float32)


def noise(time, channels=2, seed=0):
    return make_series(np.random.default_rng(seed).normal(size=(channels, time)), period=1)


def test_the_radius_is_the_order_statistic_with_the_finite_sample_correction():
    series = make_noisy(2)

    found = calibrate(zeros(2), [series], (300, 400), HORIZON, levels=(0.9, 0.5, 0.99))

    origins = np.arange(299, 400 - HORIZON)
    assert found.levels == (0.5, 0.9, 0.99)
    assert (found.count == len(origins)).all()
    for step in range(HORIZON):
        for channel in range(2):
            errors = np.sort(np.abs(series.values[channel, origins + 1 + step]))
            for i, level in enumerate(found.levels[:2]):
                rank = int(np.ceil((len(errors) + 1) * level))
                assert found.radius[i, 0, step, channel] == errors[rank - 1]
    assert np.isinf(found.radius[2]).all()  # 98 of 97 errors


def test_few_errors_cover_as_often_as_they_say():
    rng = np.random.default_rng(0)
    n, trials, hits = 19, 4000, 0
    errors = np.abs(rng.normal(size=(n, trials)))
    radius = conformal._quantiles(errors[:, :, None], (0.9,))[0, :, 0]
    hits = np.mean(np.abs(rng.normal(size=trials)) <= radius)
    assert hits == pytest.approx(0.9, abs=4 * np.sqrt(0.9 * 0.1 / trials))
    plain = np.mean(np.abs(rng.normal(size=trials)) <= np.quantile(errors, 0.9, axis=0))
    assert plain < hits


@pytest.mark.parametrize("time", [(300, 2000), (300, 900)])
def test_exchangeable_errors_are_covered_within_sampling_error(time):
    series = noise(12000)

    found = calibrate(zeros(2), [series], time, HORIZON)
    measured = coverage(found, zeros(2), [series], (2000, 12000))

    n = time[1] - time[0]
    for level, share in zip(measured.levels, measured.share, strict=True):
        # both the radius (n errors) and the share (10,000 targets a channel) are of samples
        spread = np.sqrt(level * (1 - level) * (1 / n + 1 / 10000) / 2)
        assert share == pytest.approx(level, abs=4 * spread + 1 / n)
    assert measured.windows == 10000 - HORIZON + 1
    assert measured.per_step.shape == (4, HORIZON)
    np.testing.assert_allclose(measured.per_step.mean(axis=1), measured.share)
    assert (np.diff(measured.width) > 0).all()
    np.testing.assert_allclose(measured.width, 2 * found.radius.mean(axis=(1, 2, 3)), rtol=1e-5)


def test_a_drift_shows_in_the_measured_coverage():
    series = noise(3000)
    values = series.values.copy()
    values[:, 2000:] *= 3

    found = calibrate(zeros(2), [make_series(values)], (1000, 2000), HORIZON)

    shares = coverage(found, zeros(2), [make_series(values)], (2000, 3000)).share
    assert (shares < np.array(found.levels) - 0.2).all()


def test_each_channel_step_and_instance_has_its_own_width():
    rng = np.random.default_rng(0)
    one = make_series(rng.normal(size=(2, 1000)) * [[1.0], [10.0]])
    two = make_series(rng.normal(size=(2, 1000)) * [[100.0], [1000.0]])

    def forecast(instance, steps):
        return np.stack(
            [(one, two)[instance].values[:, steps + 1].T * (h > 0) for h in range(HORIZON)], axis=1
        )

    found = calibrate(forecast, [one, two], (500, 900), HORIZON, levels=(0.8,))

    scale = found.radius[0, :, 0] / 1.2816
    np.testing.assert_allclose(scale, [[1, 10], [100, 1000]], rtol=0.15)
    assert (
        found.radius[0, 0, 1:] > 1.2 * found.radius[0, 0, 0]
    ).all()  # their errors have twice the variance


def test_intervals_lie_around_forecasts():
    found = calibrate(zeros(2), [make_noisy(2)], (300, 400), HORIZON)
    prediction = np.arange(3 * HORIZON * 2.0).reshape(3, HORIZON, 2)

    low, high = found.interval(prediction, 0.8)

    np.testing.assert_allclose((low + high) / 2, prediction)
    np.testing.assert_allclose((high - low)[1], 2 * found.radius[1, 0], rtol=1e-6)
    np.testing.assert_array_equal(found.interval(prediction[0], 0.8)[0], low[0])
    with pytest.raises(ConfigError, match=r"no intervals of level 0.7; there are 0.5, 0.8, 0.9, 0.95"):
        found.interval(prediction, 0.7)
    with pytest.raises(DataError, match="calibrated for 4 steps of 2 channels"):
        found.interval(prediction[:, :2], 0.8)


def test_missing_values_count_nowhere():
    values = make_noisy(2).values.copy()
    values[0, 350:360] = np.nan
    values[1, 300:400] = np.nan

    found = calibrate(zeros(2), [make_series(values)], (300, 400), HORIZON)
    measured = coverage(found, zeros(2), [make_series(values)], (300, 400))

    assert (found.count[0, :, 0] == 97 - 10).all()
    assert np.isfinite(found.radius[:, :, :, 0]).all()
    assert np.isinf(found.radius[:, :, :, 1]).all()
    assert np.isfinite(measured.width).all()  # a channel without targets has no part in it
    assert (measured.share >= np.array(found.levels)).all()
    with pytest.raises(DataError, match="no value from step 300 to 400 is there to calibrate"):
        calibrate(zeros(1), [make_series(values[1:])], (300, 400), HORIZON)


def test_fewer_windows_where_memory_is_short(monkeypatch):
    monkeypatch.setattr(conformal, "_CELLS", 200)

    found = calibrate(zeros(2), [make_noisy(2)], (300, 400), HORIZON)

    assert (found.count == 25).all()  # every fourth of 97


def test_only_the_given_part_is_seen():
    series = make_noisy(2)
    altered = series.values.copy()
    altered[:, 400:] = 1e6
    altered[:, :300] = 1e6

    mine, theirs = (calibrate(zeros(2), [s], (300, 400), HORIZON) for s in (series, make_series(altered)))

    np.testing.assert_array_equal(mine.radius, theirs.radius)


@pytest.mark.parametrize("levels", [(), (0.0,), (0.5, 1.0), (90,)])
def test_levels_are_shares(levels):
    with pytest.raises(ConfigError, match="shares between 0 and 1"):
        calibrate(zeros(2), [make_noisy(2)], (300, 400), HORIZON, levels)


def test_what_cannot_be_calibrated_on():
    with pytest.raises(ConfigError, match="from step 300 to 303 has no window of 4 steps"):
        calibrate(zeros(2), [make_noisy(2)], (300, 303), HORIZON)
    with pytest.raises(DataError, match=r"the forecaster forecasts c0 from step 299 .* not finite"):
        calibrate(lambda i, steps: zeros(2)(i, steps) * np.nan, [make_noisy(2)], (300, 400), HORIZON)


def test_saving_and_loading(tmp_path):
    path = tmp_path / "conformal.npz"
    found = calibrate(zeros(2), [make_noisy(2)] * 2, (300, 330), HORIZON)
    found.save(path)

    loaded = Conformal.load(path)

    assert loaded.levels == found.levels
    np.testing.assert_array_equal(loaded.radius, found.radius)
    np.testing.assert_array_equal(loaded.count, found.count)
    assert loaded.horizon == HORIZON
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(RunError, match="cannot be read as"):
        Conformal.load(path)
    with pytest.raises(RunError, match="is missing; evaluate"):
        Conformal.load(tmp_path / "other.npz")


def test_coverage_is_counted_while_forecasts_are_made_for_another_purpose():
    pair = [noise(900), noise(900, seed=1)]
    found = calibrate(zeros(2), pair, (300, 600), HORIZON)
    asked = []

    def forecast(instance, steps):
        asked.extend((instance, int(step)) for step in steps)
        return np.full((len(steps), HORIZON, 2), 0.3 * instance, np.float32)

    whole = coverage(found, forecast, pair, (600, 900))
    assert len(asked) == len(set(asked)) == 2 * (300 - HORIZON + 1)
    asked.clear()
    counted = Covering(found, forecast, pair, (600, 900))
    for steps in (np.arange(500, 700), np.arange(650, 660)):  # some before the part, some twice
        np.testing.assert_array_equal(counted.forecast(1, steps), forecast(1, steps))
    asked.clear()
    result = counted.result()

    assert len(asked) == 2 * (300 - HORIZON + 1) - 101  # from step 599 on
    for name in ("share", "width", "per_step"):
        np.testing.assert_allclose(getattr(result, name), getattr(whole, name), rtol=1e-12)
    assert result.windows == whole.windows == 300 - HORIZON + 1


def test_coverage_is_kept(tmp_path):
    path = tmp_path / "coverage.json"
    found = calibrate(zeros(2), [noise(900)], (300, 330), HORIZON, levels=(0.8, 0.99))
    measured = coverage(found, zeros(2), [noise(900)], (600, 900))
    assert np.isinf(measured.width[1])
    assert measured.share[1] == 1

    measured.save(path)
    loaded = Coverage.load(path)

    assert (loaded.levels, loaded.windows) == (measured.levels, measured.windows)
    np.testing.assert_array_equal(loaded.share, measured.share)
    np.testing.assert_array_equal(loaded.per_step, measured.per_step)
    assert loaded.width[0] == measured.width[0]
    assert np.isnan(loaded.width[1])
    path.write_text('{"format": "tsrep.coverage/1", "levels": [0.5]}')
    with pytest.raises(RunError, match=r"coverage\.json cannot be read as the coverage .* evaluate"):
        Coverage.load(path)
