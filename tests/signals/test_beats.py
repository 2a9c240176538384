"""Beats: every planted R peak is found, on all leads at once, whatever single leads do."""

from __future__ import annotations

import numpy as np
import pytest

from tsrep.signals.beats import cut_beats, find_r_peaks, median_rr


def planted(rate: float, rr: np.ndarray, *, leads: int = 3, t_wave: float = 0.3, seed: int = 0) -> tuple:
    """Spikes with T waves at known times, with some noise; times in seconds."""
    rng = np.random.default_rng(seed)
    peaks = 0.5 + np.cumsum(rr)
    time = np.arange(round((peaks[-1] + 0.7) * rate)) / rate
    since = time[None] - peaks[:, None]
    wave = np.exp(-0.5 * (since / 0.012) ** 2) - 0.3 * np.exp(-0.5 * ((since - 0.03) / 0.012) ** 2)
    wave += t_wave * np.exp(-0.5 * ((since - 0.28) / 0.04) ** 2)
    gain = np.linspace(1, -0.6, leads)[:, None]
    return gain * wave.sum(axis=0) + rng.normal(0, 0.02, (leads, len(time))), peaks


@pytest.mark.parametrize("rate", [100, 250, 1000])
@pytest.mark.parametrize("mean", [0.45, 0.8, 1.4])
def test_every_planted_peak_and_no_other(rate, mean):
    rr = mean * (1 + 0.08 * np.sin(np.arange(25)))
    x, peaks = planted(rate, rr)
    got = find_r_peaks(x, rate) / rate
    assert len(got) == len(peaks)
    np.testing.assert_allclose(got, peaks, atol=0.025)


def test_tall_t_waves_are_not_beats():
    x, peaks = planted(250, np.full(20, 0.9), t_wave=0.9)
    assert len(find_r_peaks(x, 250)) == len(peaks)


def test_dead_and_disturbed_leads_have_no_say():
    x, peaks = planted(250, np.full(20, 0.8), leads=12)
    x[0] = 0
    x[1, 1020:1040] += 40
    x[2] += np.random.default_rng(1).normal(0, 0.5, x.shape[1])
    got = find_r_peaks(x, 250) / 250
    np.testing.assert_allclose(got, peaks, atol=0.03)


def test_scale_offset_and_order_of_leads_do_not_matter():
    x, _ = planted(250, np.full(15, 0.8))
    want = find_r_peaks(x, 250)
    scale = np.array([[1000.0], [0.01], [5.0]])
    np.testing.assert_array_equal(find_r_peaks((x * 1000 + 5)[::-1], 250), want)
    np.testing.assert_allclose(find_r_peaks(x * scale, 250), want, atol=3)


def test_a_weak_beat_in_a_gap_is_found_again():
    x, peaks = planted(250, np.full(20, 0.8))
    at = round(peaks[10] * 250)
    x[:, at - 40 : at + 40] *= 0.35
    assert len(find_r_peaks(x, 250)) == len(peaks)


def test_nothing_is_found_in_nothing():
    assert len(find_r_peaks(np.zeros((3, 1000)), 250)) == 0
    assert len(find_r_peaks(np.zeros((3, 20)), 250)) == 0
    assert median_rr(np.array([5])) == float("inf")


def test_beats_are_cut_around_their_peak_and_padded_with_zeros():
    x = np.arange(1, 41, dtype=np.int16)[None]
    beats = cut_beats(x, np.array([1, 20, 39]), width=6, length=10)
    assert beats.shape == (3, 1, 10)
    assert beats.dtype == np.int16
    # peak at step 5, three steps before it and two after; outside the record nothing
    np.testing.assert_array_equal(beats[1, 0], [0, 0, 18, 19, 20, 21, 22, 23, 0, 0])
    np.testing.assert_array_equal(beats[0, 0], [0, 0, 0, 0, 1, 2, 3, 4, 0, 0])
    np.testing.assert_array_equal(beats[2, 0], [0, 0, 37, 38, 39, 40, 0, 0, 0, 0])


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # wfdb.rdann calls pandas in an old way
def test_beats_of_real_records_agree_with_their_annotations(shared_path):
    wfdb = pytest.importorskip("wfdb")
    folder = shared_path("data/cpsc2021")
    found = missed = extra = 0
    for name in ("data_101_6", "data_21_7", "data_84_2", "data_8_2", "data_92_12"):
        record = wfdb.rdrecord(str(folder / name))
        marks = wfdb.rdann(str(folder / name), "atr")
        true = marks.sample[np.isin(marks.symbol, list("NLRAVaJSFejE/Q"))]
        got = find_r_peaks(record.p_signal.T, record.fs)
        apart = np.abs(got[:, None] - true) / record.fs
        found += len(true)
        missed += int((apart.min(axis=0) > 0.12).sum())
        extra += int((apart.min(axis=1) > 0.12).sum())
    assert found > 1000
    assert missed + extra < 0.01 * found
