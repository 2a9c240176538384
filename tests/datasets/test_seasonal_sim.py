"""What the synthetic series plants is there, and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tsrep.datasets.loading import load
from tsrep.datasets.synthetic.seasonal_sim import SeasonalSim
from tsrep.errors import ConfigError, DataError
from tsrep.signals.series import Series


def made(**settings) -> Series:
    series = load("seasonal-sim", **settings)
    assert isinstance(series, Series)
    return series


def test_it_is_a_function_of_its_settings():
    one, two, other = made(), made(), made(seed=1)
    np.testing.assert_array_equal(one.values, two.values)
    assert one.digest == two.digest != other.digest
    assert not np.array_equal(one.values, other.values)
    assert one.values.shape == (3, 6000)
    assert one.synthetic
    assert one.period == 24
    assert one.covariate_names == ()
    assert (np.diff(one.time) == np.timedelta64(3600, "s")).all()
    np.testing.assert_array_equal(made(channels=2).values, one.values[:2])


def test_sines_are_at_their_periods_and_nothing_else():
    values = made(noise=0.0, steps=960).values
    power = np.abs(np.fft.rfft(values, axis=1)) ** 2
    assert {*np.argsort(-power, axis=1)[:, :2].ravel().tolist()} == {960 // 24, 960 // 96}
    rest = np.delete(power, [40, 10], axis=1)
    assert rest.max() < 1e-6 * power.max()
    np.testing.assert_allclose(power[:, [10, 40]], (960 / 2) ** 2, rtol=1e-4)


def test_scale_offset_and_trend():
    plain = made(noise=0.0).values.astype(float)
    moved = made(noise=0.0, scale=3.0, offset=5.0, trend=2.0).values
    np.testing.assert_allclose(moved, 3 * plain + 5 + 2 * np.arange(6000) / 1000, atol=1e-4)


def test_noise_is_autoregressive():
    values = made(scale=0.0, noise=2.0, noise_memory=0.8, steps=200_000, channels=1).values[0].astype(float)
    assert values.std() == pytest.approx(2, rel=0.03)
    for lag in (1, 2, 5):
        assert np.corrcoef(values[:-lag], values[lag:])[0, 1] == pytest.approx(0.8**lag, abs=0.02)


@pytest.mark.parametrize("periods", [(24,), (96,), (24, 96), (7, 30)])
def test_an_echo_obeys_its_recurrence_and_has_variance_one(periods: tuple[int, ...]):
    loader = SeasonalSim("echo", periods=periods, steps=100_000, channels=2, noise=0.0, memory=0.8)
    values = loader.load(None).values.astype(float)
    first = max(periods)
    told = sum(0.8 / len(periods) * values[:, first - p : -p] for p in periods)
    rest = values[:, first:] - told
    assert rest.var() == pytest.approx(loader.innovation, rel=0.03)
    np.testing.assert_allclose(values.var(axis=1), 1, atol=0.06)
    for lag in (1, 2, min(periods) - 1, min(periods)):  # what is left is white, and from nothing before
        assert abs(np.corrcoef(rest[0, lag:], rest[0, :-lag])[0, 1]) < 0.02
        assert (
            abs(np.corrcoef(rest[0, lag:], values[0, first - lag : -lag][: rest.shape[1] - lag])[0, 1]) < 0.02
        )
    if periods == (24,):
        assert loader.innovation == pytest.approx(1 - 0.8**2)


def test_best_weights_of_an_echo_are_those_that_were_planted():
    loader = SeasonalSim("echo", periods=(6, 14), steps=60_000, channels=1, noise=0.0)
    past, future = loader.load(None).windows(20, 4)
    weights = np.linalg.lstsq(past[:, 0].astype(float), future[:, 0].astype(float), rcond=None)[0]
    for step in range(4):
        want = np.zeros(20)
        want[[20 + step - 6, 20 + step - 14]] = 0.45
        np.testing.assert_allclose(weights[:, step], want, atol=0.02)


def test_mistakes_are_told(tmp_path: Path):
    with pytest.raises(DataError, match="made from its settings and reads no files"):
        load("seasonal-sim", tmp_path)
    for periods in ((), (24, 24)):
        with pytest.raises(ConfigError, match="give one period or more, each once"):
            load("seasonal-sim", periods=periods)
    with pytest.raises(ConfigError, match="memory"):
        load("seasonal-sim", memory=1.0)
