"""Which records of a panel are one signal: copies under another name, and copies that are shifted or cut."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.signals.fingerprint import LEADS, STEPS, Bytes, Fingerprints, in_chunks, middle, shapes
from tsrep.signals.kept import kept
from tsrep.signals.panel import Floats, Ints, Panel

Pairs = NDArray[np.int64]  # shape (pair, 2)

NEAR = 12 / 128  # share of bits that differ
ALIKE = 0.95  # correlation that confirms
COMMON = 2  # leads that two records must share
BLOCK = 64, 2048
BATCH = 128


def same_signal(panel: Panel) -> Ints:
    """Number of the signal of each record of a panel's store, shape (record,): copies have the same.

    Copies share the stored counts of all leads or of the two leads with a key of their own, or have coarse
    keys within 12 of 128 bits and a correlation of .95 over 8 s. Unit, gain, offset, order of leads,
    rate, rounding and mild filters make no difference. Simulated panels have no copies.
    """
    if panel.synthetic:
        return np.arange(len(panel.store))
    return kept(panel, "same-signal", lambda: {"signal": _components(panel)})["signal"]


def _components(panel: Panel) -> Ints:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    prints = Fingerprints.of(panel)
    pairs = np.concatenate([_equal(prints.exact), _equal(prints.pair), _alike(panel, prints)])
    graph = coo_array((np.ones(len(pairs), bool), tuple(pairs.T)), shape=(len(panel.store),) * 2)
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)


def _equal(keys: NDArray[np.uint64]) -> Pairs:
    """Neighbours among the records that share a key."""
    order = np.argsort(keys, kind="stable")
    same = np.flatnonzero((keys[order][1:] == keys[order][:-1]) & (keys[order][1:] != 0))
    return np.stack([order[same], order[same + 1]], axis=1)


def _alike(panel: Panel, prints: Fingerprints) -> Pairs:
    """Records with near coarse keys whose shapes correlate."""
    keys = prints.coarse, prints.mask
    near = _stacked(near_keys(keys, keys, NEAR))
    near = near[near[:, 0] < near[:, 1]]
    near = near[prints.record[near[:, 0]] != prints.record[near[:, 1]]]
    rows, index = np.unique(prints.record[near], return_inverse=True)
    number = near - np.searchsorted(prints.record, prints.record[near])  # of the tile within its record
    tiles, record = tiles_of(panel, rows)
    at = np.searchsorted(record, index.reshape(near.shape)) + number
    alike = [_correlation(*middle(tiles)[part.T]) >= ALIKE for part in batches(at)]
    sure = near[np.concatenate([np.zeros(0, bool), *alike])]
    return np.asarray(prints.record[sure], np.int64)


def _stacked(found: Iterable[tuple[Ints, Ints]]) -> Pairs:
    none = np.zeros((0, 2), np.int64)
    return np.concatenate([none, *(np.stack(pair, axis=1) for pair in found)])


def batches(values: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Some of an array at a time."""
    return (values[begin : begin + BATCH] for begin in range(0, len(values), BATCH))


def tiles_of(panel: Panel, rows: Ints) -> tuple[Floats, Ints]:
    """Shapes of some records and the position in ``rows`` of each; see :func:`fingerprint.shapes`."""
    parts = [(begin, *shapes(x, panel.sfreq, panel.channels)) for begin, x in in_chunks(panel, rows)]
    tiles = [part for _, part, _ in parts] or [np.zeros((0, LEADS, STEPS), np.float32)]
    record = [record + begin for begin, _, record in parts] or [np.zeros(0, np.int64)]
    return np.concatenate(tiles), np.concatenate(record)


def _correlation(a: Floats, b: Floats) -> NDArray[np.float64]:
    """Mean over the leads that two have of their correlation, shape (pair,)."""
    a, b = (x - x.mean(axis=-1, keepdims=True) for x in (a, b))
    scale = np.sqrt(np.einsum("pls,pls->pl", a, a) * np.einsum("pls,pls->pl", b, b))
    there = scale > 0
    of_leads = np.einsum("pls,pls->pl", a, b) / np.where(there, scale, 1)
    return np.asarray(of_leads.sum(axis=1) / np.maximum(there.sum(axis=1), 1), np.float64)


def near_keys(
    one: tuple[Bytes, Bytes], other: tuple[Bytes, Bytes], most: float
) -> Iterator[tuple[Ints, Ints]]:
    """Indices of coarse keys that differ little.

    Parameters
    ----------
    one, other : (uint8 array of shape (key, 16), uint8 array of shape (key,))
        Keys and masks.
    most : float
        Share of the bits that may differ, of those of the leads that both have, two at least.
    """
    a, b, full = _words(*one), _words(*other), bool((one[1] == 255).all() and (other[1] == 255).all())
    for i, j in product(range(0, len(one[1]), BLOCK[0]), range(0, len(other[1]), BLOCK[1])):
        rows, columns = slice(i, i + BLOCK[0]), slice(j, j + BLOCK[1])
        differ: Any = 0
        for (bits_a, valid_a), (bits_b, valid_b) in zip(a, b, strict=True):
            bits = bits_a[rows, None] ^ bits_b[columns]
            if not full:
                bits &= valid_a[rows, None] & valid_b[columns]
            differ = np.bitwise_count(bits) + differ
        limit: Any = int(128 * most)
        if not full:
            common = np.bitwise_count(one[1][rows, None] & other[1][columns])
            limit = np.where(common >= COMMON, 16.0 * most * common, -1.0)
        if (close := differ <= limit).any():
            found = np.nonzero(close)
            yield found[0] + i, found[1] + j


def _words(key: Bytes, mask: Bytes) -> list[tuple[NDArray[np.uint64], NDArray[np.uint64]]]:
    """The two halves of keys, each with the bits that are valid, as words of 64 bits, shape (key,)."""
    valid = np.repeat(np.unpackbits(mask[:, None], axis=1), 2, axis=1) * np.uint8(255)
    halves = (np.ascontiguousarray(x).view(np.uint64).T.copy() for x in (key, valid))
    return list(zip(*halves, strict=True))
