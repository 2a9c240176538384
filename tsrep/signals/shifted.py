"""Records that hold the same seconds at another place: copies that are shifted or cut."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tsrep.signals.fingerprint import STEPS, Bytes, middle, sketch
from tsrep.signals.panel import Floats, Ints, Panel
from tsrep.signals.same_signal import Pairs, batches, near_keys, tiles_of

NEAR = 24 / 128  # share of bits that differ when a shift lies 6 ms beside those that are looked at
ALIKE = 0.99  # correlation that confirms
REACH = 40  # steps of 25 ms, 1 s
CONFIRMED = 200  # steps, 5 s
FINE = 10  # lags to a step when a candidate is confirmed, 2.5 ms each
LAGS = 6


def shifted_copies(panel: Panel, one: Ints, other: Ints) -> Pairs:
    """Pairs of records that share 5 s, up to 1 s apart.

    Coarse keys of ``other`` at every 25 ms are compared with those of ``one`` at 0 and 12.5 ms; what differs
    in at most 24 of 128 bits is a candidate. It counts when the median over leads of the correlation
    reaches .99 over 5 s.

    Parameters
    ----------
    panel : Panel
    one, other : int64 arrays
        Rows of the store.

    Returns
    -------
    int64 array, shape (pair, 2)
        Rows of ``one`` and of ``other``; no row is a copy of itself.
    """
    (a, of_a), (b, of_b) = tiles_of(panel, one), tiles_of(panel, other)
    if not len(a) or not len(b):
        return np.zeros((0, 2), np.int64)
    found = [np.zeros((0, 2), np.int64)]
    for i, j, shift in _candidates(a, b):
        pairs = np.stack([i, j], axis=1)[one[of_a[i]] != other[of_b[j]]]
        sure = [part[_confirmed(a[part[:, 0]], b[part[:, 1]], shift)] for part in batches(pairs)]
        found += [np.stack([one[of_a[part[:, 0]]], other[of_b[part[:, 1]]]], axis=1) for part in sure]
    return np.unique(np.concatenate(found), axis=0)


def _candidates(a: Floats, b: Floats) -> Iterator[tuple[Ints, Ints, int]]:
    """Tiles with near keys, and by how many fine lags the second is later."""
    reach = min(REACH, (b.shape[2] - STEPS) // 2)
    keys = [(0, sketch(middle(a))), (FINE // 2, _half_a_step_later(a))]
    for offset in range(-reach, reach + 1):
        moved = sketch(middle(b, offset))
        for later, key in keys:
            for i, j in near_keys(key, moved, NEAR):
                yield i, j, FINE * offset - later


def _half_a_step_later(tiles: Floats) -> tuple[Bytes, Bytes]:
    from scipy import signal

    parts = [sketch(middle(signal.resample_poly(part, 2, 1, axis=2)[:, :, 1::2])) for part in batches(tiles)]
    return np.concatenate([key for key, _ in parts]), np.concatenate([mask for _, mask in parts])


def _confirmed(a: Floats, b: Floats, shift: int) -> NDArray[np.bool_]:
    """Which pairs of tiles, shape (pair, lead, step) each, correlate over 5 s at some lag near a shift."""
    from scipy import signal

    fine_a, fine_b = (signal.resample_poly(x, FINE, 1, axis=2) for x in (a, b))
    begin, steps = FINE * ((a.shape[2] - CONFIRMED) // 2), FINE * CONFIRMED
    centred = _unit(fine_a[:, :, begin : begin + steps])
    best = np.full(len(a), -1.0)
    for lag in range(shift - LAGS, shift + LAGS + 1):
        start = begin + lag + FINE * (b.shape[2] - a.shape[2]) // 2
        moved = _unit(fine_b[:, :, start : start + steps])
        of_leads = np.einsum("pls,pls->pl", centred, moved)
        there = centred.any(axis=2) & moved.any(axis=2)
        best = np.maximum(best, _median(np.where(there, of_leads, np.nan)))
    return np.asarray(best >= ALIKE)


def _median(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median of each row without its NaNs, which sort last; -1 where there is nothing else."""
    ordered, count = np.sort(values, axis=1), np.isfinite(values).sum(axis=1)
    row, last = np.arange(len(values)), values.shape[1] - 1
    both = ordered[row, np.maximum(count - 1, 0) // 2] + ordered[row, np.minimum(count // 2, last)]
    return np.where(count > 0, both / 2, -1.0)


def _unit(x: Floats) -> Floats:
    x = x - x.mean(axis=2, keepdims=True)
    size = np.sqrt(np.einsum("pls,pls->pl", x, x))[:, :, None]
    return np.asarray(np.divide(x, size, out=np.zeros_like(x), where=size > 0), np.float32)
