"""Amplitude and spectrum of each channel: what a classifier knows without having learned any waveform."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tsrep.signals.panel import Ints, Panel

Array = NDArray[np.float64]
EDGES = (0.5, 4.0, 8.0, 15.0, 25.0, 40.0)  # Hz, of five bands
AT_ONCE = 512
_SMALLEST = 1e-12  # of a power, so that a flat channel has a logarithm


def amplitude_and_spectrum(panel: Panel) -> Array:
    """Logarithms of the mean power of each channel and of its power in five bands.

    Parameters
    ----------
    panel : Panel
        Missing values count as the mean of their channel. Bands above half the sampling rate are left out.

    Returns
    -------
    float64 array, shape (sample, channel * (1 + band))
        Of a power in the squared unit of the panel; samples of two units differ by a constant.
    """
    samples = np.arange(len(panel))
    parts = np.array_split(samples, max(1, -(-len(samples) // AT_ONCE)))
    return np.concatenate([_of_some(panel, part) for part in parts])


def _of_some(panel: Panel, samples: Ints) -> Array:
    x = panel.take(samples).astype(np.float64)  # (sample, channel, time)
    there = np.isfinite(x)
    mean = np.where(there, x, 0).sum(axis=-1) / np.maximum(there.sum(axis=-1), 1)
    x = np.where(there, x - mean[..., None], 0)
    frequency = np.fft.rfftfreq(x.shape[-1], 1 / panel.sfreq)
    density = 2 * np.abs(np.fft.rfft(x)) ** 2 / x.shape[-1] ** 2  # sums to the mean power, by Parseval
    bands = [
        (frequency >= low) & (frequency < high) for low, high in pairwise(EDGES) if high <= panel.sfreq / 2
    ]
    of_bands = [density[..., inside].sum(axis=-1) for inside in bands]
    power = np.stack([(x**2).mean(axis=-1), *of_bands], axis=-1)  # (sample, channel, 1 + band)
    return np.log(power + _SMALLEST).reshape(len(x), -1)
