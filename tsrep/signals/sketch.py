"""Signals themselves as vectors: what two recordings have in common without any encoder."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tsrep.rng import numpy_generator
from tsrep.signals.panel import Floats, Ints, Panel

DIM = 512
AT_ONCE = 256


def signal_vectors(panel: Panel, dim: int = DIM, *, seed: int = 0) -> Floats:
    """Samples as vectors whose inner products are, but for noise, those of their signals.

    Values of all channels and steps are added up in random places with random signs; where there are no more
    than ``dim`` values, the vectors are the signals. Missing values count as the mean of their channel.

    Parameters
    ----------
    panel : Panel
    dim : int
    seed : int

    Returns
    -------
    float32 array, shape (sample, at most ``dim``)

    References
    ----------
    Weinberger et al., "Feature hashing for large scale multitask learning", ICML 2009, equation 1.
    """
    values = len(panel.channels) * panel.length
    generator = numpy_generator(seed, "signal vectors")
    place = np.arange(values) if values <= dim else generator.integers(dim, size=values)
    sign = np.ones(values) if values <= dim else generator.choice([-1.0, 1.0], size=values)
    order = np.argsort(place, kind="stable")
    parts = np.array_split(np.arange(len(panel)), -(-len(panel) // AT_ONCE))
    return np.concatenate([_of_some(panel, part, order, sign[order], place[order]) for part in parts])


def _of_some(panel: Panel, samples: Ints, order: Ints, sign: NDArray[np.float64], place: Ints) -> Floats:
    x = panel.take(samples)  # (sample, channel, time)
    there = np.isfinite(x)
    mean = np.where(there, x, 0).sum(axis=2) / np.maximum(there.sum(axis=2), 1)
    flat = np.where(there, x - mean[:, :, None], 0).reshape(len(x), -1)[:, order] * sign
    starts = np.flatnonzero(np.diff(place, prepend=-1))
    return np.asarray(np.add.reduceat(flat, starts, axis=1), np.float32)
