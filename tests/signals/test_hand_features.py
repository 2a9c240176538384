"""Amplitude and spectrum of channels, by closed forms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tsrep.signals import Panel
from tsrep.signals.hand_features import amplitude_and_spectrum


def panel(x: np.ndarray, sfreq: float = 100.0) -> Panel:
    n = len(x)
    return Panel.from_arrays(x.astype(np.float32), label=np.zeros(n, int), patient=np.arange(n), sfreq=sfreq)


def test_sine_has_its_power_in_its_band() -> None:
    t = np.arange(1000) / 100
    x = np.stack([3 * np.sin(2 * np.pi * 10 * t), 0.5 * np.sin(2 * np.pi * 2 * t) + 7])[None]
    power = np.exp(amplitude_and_spectrum(panel(x))).reshape(2, 6)
    np.testing.assert_allclose(power[0], [4.5, 0, 0, 4.5, 0, 0], atol=1e-5)
    np.testing.assert_allclose(power[1], [0.125, 0.125, 0, 0, 0, 0], atol=1e-5)


def test_gain_moves_all_by_one_number_and_an_offset_by_none() -> None:
    x = np.random.default_rng(0).normal(size=(700, 2, 200))
    plain, louder = (amplitude_and_spectrum(panel(each)) for each in (x, 2 * x + 5))
    assert plain.shape == (700, 12)
    np.testing.assert_allclose(louder - plain, np.log(4), atol=1e-4)


def test_missing_values_count_as_the_mean() -> None:
    x = np.random.default_rng(1).normal(size=(1, 1, 400))
    x[0, 0, 50:60] = np.nan
    filled = np.where(np.isnan(x), np.nanmean(x), x)
    np.testing.assert_allclose(
        amplitude_and_spectrum(panel(x)), amplitude_and_spectrum(panel(filled)), atol=1e-4
    )


@pytest.mark.parametrize(("sfreq", "bands"), [(100.0, 5), (60.0, 4), (25.0, 2)])
def test_bands_that_the_rate_has(sfreq: float, bands: int) -> None:
    flat = replace(panel(np.zeros((1, 1, 100))), sfreq=sfreq)
    found = amplitude_and_spectrum(flat)
    assert found.shape == (1, 1 + bands)
    assert np.isfinite(found).all()
