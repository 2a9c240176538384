"""Filters keep their band, reach the stated attenuation at the edge, and move nothing in time."""

from __future__ import annotations

import numpy as np
import pytest

from tsrep.errors import ConfigError
from tsrep.signals.filters import bandpass, notch

RATE = 500


def amplitude(x: np.ndarray, hertz: float) -> float:
    time = np.arange(x.shape[-1]) / RATE
    inner = slice(RATE, -RATE)
    phasor = np.exp(-2j * np.pi * hertz * time[inner])
    return float(2 * np.abs((x[0, inner] * phasor).mean()))


def sine(hertz: float) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(10 * RATE) / RATE)[None]


def test_band_is_kept_edges_are_halved_and_the_rest_removed():
    assert amplitude(bandpass(sine(10), RATE, 1, 40), 10) == pytest.approx(1, abs=0.02)
    assert amplitude(bandpass(sine(40), RATE, 1, 40), 40) == pytest.approx(0.5, abs=0.02)
    assert amplitude(bandpass(sine(100), RATE, 1, 40), 100) < 0.01
    assert np.abs(bandpass(np.ones((1, 5000)), RATE, 0.5, None)[:, 1000:-1000]).max() < 0.01
    np.testing.assert_array_equal(bandpass(sine(3), RATE, None, None), sine(3).astype(np.float32))


def test_no_delay():
    spike = np.zeros((1, 2001))
    spike[0, 1000] = 1
    got = bandpass(spike, RATE, 5, 40)[0]
    assert np.argmax(got) == 1000
    np.testing.assert_allclose(got[800:1201], got[800:1201][::-1], atol=1e-4)


def test_notch_removes_the_mains_only():
    assert amplitude(notch(sine(50), RATE), 50) < 0.01
    assert amplitude(notch(sine(20), RATE), 20) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("edges", [(0, 40), (1, 250), (40, 1), (None, 300)])
def test_edges_that_do_not_fit(edges):
    with pytest.raises(ConfigError):
        bandpass(np.zeros((1, 100)), RATE, *edges)


def test_notch_that_does_not_fit():
    with pytest.raises(ConfigError, match="half the sampling rate"):
        notch(np.zeros((1, 100)), 100, 50)
