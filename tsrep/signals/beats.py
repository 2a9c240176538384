"""Heart beats: one series of R peaks for all leads of a record, and windows around them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.signals.filters import bandpass
from tsrep.signals.panel import Floats, Ints

REFRACTORY = 0.25
T_WAVE = 0.40
NEIGHBOURS = 7
NOISE = 3.5


def find_r_peaks(x: NDArray[Any], sfreq: float) -> Ints:
    """R peaks of a record, one series for all leads.

    Pan and Tompkins' band and slope, but summed over leads, each scaled by its own beats and counting the
    more the further they stand out; with a threshold that follows the neighbouring peaks, and a second look
    into long gaps. A flat or torn-off lead has no say.

    Parameters
    ----------
    x : array, shape (channel, time), any unit
    sfreq : float, Hz
        At least 60.

    Returns
    -------
    int64 array
        Time steps of the peaks, increasing; empty when there is no beat.

    References
    ----------
    Pan and Tompkins 1985, "A real-time QRS detection algorithm".
    """
    from scipy import ndimage, signal

    if x.shape[-1] < sfreq:
        return np.zeros(0, np.int64)
    scaled, weight = _slopes(x, sfreq)
    energy = (weight * scaled).sum(axis=0)
    smooth = ndimage.uniform_filter1d(energy, max(round(0.10 * sfreq), 1))
    at, _ = signal.find_peaks(smooth, distance=max(round(REFRACTORY * sfreq), 1))
    if not len(at) or smooth[at].max() <= 0:
        return np.zeros(0, np.int64)
    level = _level(smooth, sfreq)
    peaks = at[smooth[at] > 0.45 * level[at]]
    peaks = _fill_gaps(at, peaks, smooth, level)
    peaks = _drop_t_waves(peaks, smooth, round(T_WAVE * sfreq))
    return _refine(peaks, x, weight, sfreq)


def median_rr(peaks: Ints) -> float:
    """Median distance of successive peaks, in time steps; infinite when there are fewer than two."""
    return float(np.median(np.diff(peaks))) if len(peaks) > 1 else float("inf")


def cut_beats(x: NDArray[Any], peaks: Ints, width: int, length: int) -> NDArray[Any]:
    """Windows of ``width`` steps around peaks, padded with zeros to ``length``.

    Parameters
    ----------
    x : array, shape (channel, time)
        Centred, so that zero means no signal.
    peaks : int64 array, shape (beat,)
    width : int
        Steps of signal, half before and half from the peak on; less at the ends of the record.
    length : int
        The peak comes to step ``length // 2``.

    Returns
    -------
    array, shape (beat, channel, length), dtype of ``x``
    """
    half = min(width // 2, length // 2)
    offset = np.arange(length) - length // 2
    at = peaks[:, None] + offset
    inside = (at >= 0) & (at < x.shape[1]) & (offset >= -half) & (offset < half)
    beats = x[:, np.clip(at, 0, x.shape[1] - 1)].transpose(1, 0, 2)
    return np.where(inside[:, None], beats, np.zeros((), x.dtype))


def _slopes(x: NDArray[Any], sfreq: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scaled slope in the QRS band, shape (channel, time), and what each lead counts, shape (channel, 1)."""
    band = bandpass(x, sfreq, 5, min(25, 0.45 * sfreq), order=2).astype(np.float64)
    slope = np.abs(np.gradient(band, axis=-1))
    tall = np.quantile(slope, 0.98, axis=-1, keepdims=True)
    usual = np.median(slope, axis=-1, keepdims=True)
    # beats make a lead peaked; of a lead that is noise all through, the ratio is about NOISE
    weight = np.maximum((tall / np.maximum(usual, 1e-30) / NOISE) ** 2 - 1, 0.01)
    weight[tall <= 1e-12 * max(float(np.abs(x).max()), 1e-30)] = 0
    # the clip keeps one lead's artefact from outvoting the others
    scaled = np.minimum(slope / np.where(weight > 0, tall, 1), 1.5)
    return scaled, np.minimum(weight, 10)


def _level(smooth: NDArray[np.float64], sfreq: float) -> NDArray[np.float64]:
    """Typical height of a QRS complex around each step: the median of the maxima of nearby spans of 2 s."""
    from scipy import ndimage

    span = max(round(2 * sfreq), 1)
    n = -(-len(smooth) // span)
    padded = np.pad(smooth, (0, n * span - len(smooth)), mode="reflect" if n > 1 else "constant")
    maxima = padded.reshape(n, span).max(axis=1)
    typical = ndimage.median_filter(maxima, size=NEIGHBOURS, mode="reflect")
    centres = (np.arange(n) + 0.5) * span
    return np.asarray(np.interp(np.arange(len(smooth)), centres, typical))


def _fill_gaps(
    candidates: Ints, peaks: Ints, smooth: NDArray[np.float64], level: NDArray[np.float64]
) -> Ints:
    """Accept weaker candidates where the distance between peaks is far above the usual one."""
    if len(peaks) < 3:
        return peaks
    usual = median_rr(peaks)
    place = np.searchsorted(peaks, candidates)
    before = candidates - peaks[np.clip(place - 1, 0, None)]
    after = peaks[np.clip(place, None, len(peaks) - 1)] - candidates
    inner = (place > 0) & (place < len(peaks))
    far = (before > 0.6 * usual) & (after > 0.6 * usual) & (before + after > 1.6 * usual)
    weak = candidates[inner & far & (smooth[candidates] > 0.2 * level[candidates])]
    return np.union1d(peaks, weak).astype(np.int64)


def _drop_t_waves(peaks: Ints, smooth: NDArray[np.float64], reach: int) -> Ints:
    """Drop a peak that comes soon after a clearly stronger one."""
    height = smooth[peaks]
    soon = np.diff(peaks, prepend=-reach) < reach  # the first peak comes after none
    return peaks[~(soon & (height < 0.6 * np.roll(height, 1)))]


def _refine(peaks: Ints, x: NDArray[Any], weight: NDArray[np.float64], sfreq: float) -> Ints:
    """Move each peak to the largest deflection over all leads nearby."""
    band: Floats = bandpass(x, sfreq, 1, min(40, 0.45 * sfreq), order=2)
    tall = np.quantile(np.abs(band), 0.98, axis=-1, keepdims=True)
    size = (weight * np.square(np.clip(band / np.where(tall > 0, tall, 1), -3, 3))).sum(axis=0)
    reach = max(round(0.08 * sfreq), 1)
    around = np.clip(peaks[:, None] + np.arange(-reach, reach + 1), 0, x.shape[1] - 1)
    best = np.take_along_axis(around, size[around].argmax(axis=1)[:, None], 1)[:, 0]
    return np.unique(best).astype(np.int64)
