"""Circular block bootstrap: resamples of a span of time that keep neighbours together.

Forecasts from neighbouring steps share most of their targets, and their errors rise and fall with what is
hard to forecast, so that they are far from independent. Blocks are as long as that dependence asks for, and
go on at the beginning where the span ends, so that all steps are drawn equally often; with few blocks that do
not, the ends count too little and the interval can lie beside the value.

References
----------
Politis & Romano, "A circular block-resampling procedure for stationary data", 1992; Politis & White,
"Automatic block-length selection for the dependent bootstrap", Econometric Reviews 23, 2004; Patton, Politis
& White, "Correction to 'Automatic block-length selection for the dependent bootstrap'", Econometric Reviews
28, 2009.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from tsrep.evaluation.arrays import Array
from tsrep.rng import numpy_generator

ENOUGH_BLOCKS = 10  # an interval of fewer is unreliable; lengths are estimated up to this share of the steps
_NEIGHBOURS = 5  # autocorrelations in a row that have to be small


def optimal_length(values: Array) -> float:
    """Length of blocks with the least mean squared error of the bootstrap's variance of a mean.

    Parameters
    ----------
    values : array, shape (step,)

    Returns
    -------
    float
        In steps, unrounded; 0 where neighbours do not depend on each other, or all values are equal.

    Notes
    -----
    The first lag after which five autocorrelations in a row are within ``2 sqrt(log10(n) / n)`` of zero tells
    how far dependence reaches; twice as many lags go into the spectral density at zero, by a flat-top window.
    At most a tenth of the steps are looked at as lags.

    References
    ----------
    Politis & White, 2004, section 3.2, with the constant for the circular bootstrap of Patton, Politis &
    White, 2009.
    """
    n, most = len(values), len(values) // ENOUGH_BLOCKS
    covariance = _autocovariance(values - values.mean(), most + _NEIGHBOURS)
    if most < 1 or covariance[0] <= 1e-12 * np.mean(values**2):
        return 0.0
    small = np.abs(covariance[1:] / covariance[0]) < 2 * np.sqrt(np.log10(n) / n)
    ends = np.flatnonzero(np.convolve(small, np.ones(_NEIGHBOURS), "valid") == _NEIGHBOURS)
    lags = min(2 * max(int(ends[0]), 1), most) if len(ends) else most
    lag = np.arange(-lags, lags + 1)
    window = np.minimum(1, 2 * (1 - np.abs(lag) / lags)) * covariance[np.abs(lag)]
    density, slope = window.sum(), (np.abs(lag) * window).sum()
    if density <= 0:  # as where errors alternate: their mean is better known than that of independent ones
        return 0.0
    return float((1.5 * (slope / density) ** 2 * n) ** (1 / 3))


def block_length(series: Iterable[Array], steps: int, least: int) -> int:
    """Steps of a block for several series at once: the longest that any of them asks for.

    Parameters
    ----------
    series : iterable of arrays, shape (step,)
        Such as the errors of every method, and their differences.
    steps : int
        Of each.
    least : int
        What a block has in any case, such as twice the horizon.

    Returns
    -------
    int
        At most a tenth of the steps, or ``least`` where that is more, and never more than the steps.
    """
    longest = max((optimal_length(values) for values in series), default=0.0)
    return min(max(min(int(np.ceil(longest)), steps // ENOUGH_BLOCKS), least, 1), max(steps, 1))


def _autocovariance(centred: Array, lags: int) -> Array:
    """At the lags from 0, shape (lags + 1,), each over all steps."""
    n = len(centred)
    spectrum = np.fft.rfft(centred, 2 * n)  # twice as long, so that no end meets a beginning
    found: Array = np.fft.irfft(np.abs(spectrum) ** 2, 2 * n)[: lags + 1] / n
    return found


def block_count(n: int, length: int) -> int:
    """Blocks in a resample of ``n`` steps; the last one is cut to fit."""
    return -(-n // length)


def block_starts(n: int, length: int, n_bootstrap: int, *, seed: int = 0) -> Array:
    """First step of each block, shape (resample, block); the same for the same numbers and seed.

    Parameters
    ----------
    n : int
        Steps of the span; no fewer than a block.
    length : int
        Steps of a block.
    """
    generator = numpy_generator(seed, "block bootstrap", n, length)
    return generator.integers(n, size=(n_bootstrap, block_count(n, length)))


def block_sums(values: Array, starts: Array, length: int) -> Array:
    """Sum of the values in every resample.

    Parameters
    ----------
    values : array, shape (step, ...)
    starts : int array, shape (resample, block)
        From :func:`block_starts` with the same number of steps and block length.
    length : int

    Returns
    -------
    float64 array, shape (resample, ...)
    """
    # circular: the beginning stands again behind the end, so that every step is in equally many blocks
    twice = np.concatenate([np.zeros_like(values[:1]), values, values[:length]])
    before = np.cumsum(twice, axis=0, dtype=np.float64)  # (step + length + 1, ...): sums by subtraction
    lengths = np.full(starts.shape[1], length)
    lengths[-1] = len(values) - length * (starts.shape[1] - 1)
    sums: Array = (before[starts + lengths] - before[starts]).sum(axis=1)
    return sums
