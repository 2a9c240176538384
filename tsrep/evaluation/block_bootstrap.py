"""Circular block bootstrap: resamples of a span of time that keep neighbours together.

Forecasts from neighbouring steps share most of their targets, so their errors are far from independent.
Blocks as long as the horizon keep most of that dependence. A long horizon leaves few blocks (a test part of
2,880 steps has three of 720), and an interval from few blocks is crude and too narrow: read it as a scale.
Blocks go on at the beginning where the span ends, so that all steps are drawn equally often; with few
blocks that do not, the ends count too little and the interval can lie beside the value.

References
----------
Politis & Romano, "A circular block-resampling procedure for stationary data", 1992.
"""

from __future__ import annotations

import numpy as np

from tsrep.evaluation.arrays import Array
from tsrep.rng import numpy_generator


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
