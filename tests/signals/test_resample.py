"""Resampling keeps what lies in the new band, removes what does not, and changes no length by surprise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsrep.errors import ConfigError
from tsrep.signals.resample import resample


def sine(hertz: float, sfreq: float, seconds: float = 4) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(round(seconds * sfreq)) / sfreq)[None]


@pytest.mark.parametrize(("sfreq", "target"), [(1000, 250), (500, 100), (360, 250), (250, 360)])
def test_a_slow_wave_keeps_shape_and_place(sfreq, target):
    got = resample(sine(7, sfreq), sfreq, target)
    want = sine(7, target)
    inner = slice(target // 4, -target // 4)
    np.testing.assert_allclose(got[:, inner], want[:, inner], atol=0.01)


def test_what_the_new_rate_cannot_hold_is_removed_and_not_folded_back():
    mains = sine(180, 1000)
    inner = slice(50, -50)
    assert np.abs(resample(mains, 1000, 250)[:, inner]).max() < 0.02
    # linear interpolation by a whole factor is plain decimation: 180 Hz comes back as 70 Hz
    np.testing.assert_allclose(resample(mains, 1000, 250, how="linear"), mains[:, ::4], atol=1e-5)


@pytest.mark.parametrize(("sfreq", "target"), [(500, 250), (100, 250)])
def test_whole_periods_are_exact_by_their_spectrum(sfreq, target):
    wave = np.sin(2 * np.pi * 3 * np.arange(2 * sfreq) / sfreq)
    again = np.sin(2 * np.pi * 3 * np.arange(2 * target) / target)
    np.testing.assert_allclose(resample(wave, sfreq, target, how="fft"), again, atol=1e-5)


def test_linear_interpolation_between_steps():
    x = np.array([[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]])
    np.testing.assert_allclose(resample(x, 6, 4, how="linear"), [[0, 1.5, 3, 4.5]])


@settings(max_examples=40, deadline=None)
@given(
    steps=st.integers(20, 400),
    sfreq=st.sampled_from([100, 250, 257, 500]),
    target=st.sampled_from([50, 100, 250]),
)
def test_length_and_offset(steps, sfreq, target):
    for how in ("polyphase", "linear", "fft"):
        got = resample(np.full((2, steps), 7.0), sfreq, target, how=how)
        assert got.shape == (2, max(round(steps * target / sfreq), 1))
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, 7, rtol=1e-3)


def test_rates_that_make_no_sense():
    with pytest.raises(ConfigError, match="positive"):
        resample(np.zeros((1, 10)), 100, 0)
    with pytest.raises(ConfigError, match="small whole numbers"):
        resample(np.zeros((1, 10)), 100.013, 77.777)
