"""Which records of a panel are one signal: copies under another name, and copies that are shifted or cut."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.signals.fingerprint import COMMON, Bytes, Fingerprints, in_chunks, middle, shapes
from tsrep.signals.kept import kept
from tsrep.signals.panel import Floats, Ints, Panel

Pairs = NDArray[np.int64]  # shape (pair, 2)
Blocks = Iterator[tuple[slice, slice]]
Likeness = Callable[[Floats, Floats], NDArray[np.float64]]  # of pairs of tiles

NEAR = 12 / 128  # share of bits that differ
ALIKE = 0.95  # correlation that confirms
BLOCK = 64, 2048
BATCH = 128


def same_signal(panel: Panel) -> Ints:
    """Number of the signal of each record of a panel's store, shape (record,): copies have the same.

    Copies share the stored counts of all leads or of the two leads with a key of their own, or have coarse
    keys within 12 of 128 bits and a correlation of .95 over 8 s: of leads of one name, or of leads that are
    assigned to each other, no matter what they are called. Unit, gain, offset, order of leads, rate, rounding
    and mild filters make no difference, alone or together. Simulated panels have no copies.
    """
    if panel.synthetic:
        return np.arange(len(panel.store))
    return kept(panel, "same-signal-2", lambda: {"signal": _components(panel)})["signal"]


def compared_by_shape(panel: Panel) -> bool:
    """Whether any record has a coarse key, so that copies with other values are found too."""
    return bool((np.bitwise_count(Fingerprints.of(panel).mask) >= COMMON).any())


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
    near = _stacked(near_keys((prints.coarse, prints.mask), None, NEAR))
    several = np.flatnonzero(prints.free.any(axis=1))
    every = np.full(len(several), 255, np.uint8)
    free = several[_stacked(near_keys((prints.free[several], every), None, NEAR))]
    named = _confirmed(panel, prints, near, _correlation, panel.channels)
    return np.concatenate([named, _confirmed(panel, prints, free, _assigned, None)])


def _confirmed(
    panel: Panel, prints: Fingerprints, near: Pairs, likeness: Likeness, channels: Sequence[str] | None
) -> Pairs:
    """Records of tiles that are alike enough."""
    near = near[prints.record[near[:, 0]] != prints.record[near[:, 1]]]
    rows = prints.record[near]
    number = near - np.searchsorted(prints.record, rows)  # of the tile within its record
    sure = [np.zeros((0, 2), np.int64)]
    for of_rows, of_number in zip(batches(rows), batches(number), strict=True):
        a, b = tiles_at(panel, of_rows, of_number, channels)
        sure.append(of_rows[likeness(middle(a), middle(b)) >= ALIKE])
    return np.concatenate(sure)


def _stacked(found: Iterable[tuple[Ints, Ints]]) -> Pairs:
    none = np.zeros((0, 2), np.int64)
    return np.concatenate([none, *(np.stack(pair, axis=1) for pair in found)])


def batches(values: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Some of an array at a time."""
    return (values[begin : begin + BATCH] for begin in range(0, len(values), BATCH))


def tiles_at(panel: Panel, rows: Ints, number: Ints, channels: Sequence[str] | None) -> tuple[Floats, Floats]:
    """Tiles of pairs of records; see :func:`fingerprint.shapes`.

    Parameters
    ----------
    panel : Panel
    rows : int64 array, shape (pair, 2)
        Of the store.
    number : int64 array, shape (pair, 2)
        Which tile of the record.
    channels : sequence of str, optional
        See :func:`fingerprint.shapes`.

    Returns
    -------
    first, second : float32 arrays, shape (pair, lead, step)
    """
    needed, index = np.unique(rows, return_inverse=True)
    parts = [(begin, *shapes(x, panel.sfreq, channels)) for begin, x in in_chunks(panel, needed)]
    tiles = np.concatenate([part for _, part, _ in parts])
    record = np.concatenate([record + begin for begin, _, record in parts])
    at = np.searchsorted(record, index.reshape(rows.shape)) + number
    return tiles[at[:, 0]], tiles[at[:, 1]]


def _correlation(a: Floats, b: Floats) -> NDArray[np.float64]:
    """Mean over the leads that two have of their correlation, shape (pair,)."""
    a, b = (x - x.mean(axis=-1, keepdims=True) for x in (a, b))
    scale = np.sqrt(np.einsum("pls,pls->pl", a, a) * np.einsum("pls,pls->pl", b, b))
    there = scale > 0
    of_leads = np.einsum("pls,pls->pl", a, b) / np.where(there, scale, 1)
    return np.asarray(of_leads.sum(axis=1) / np.maximum(there.sum(axis=1), 1), np.float64)


def _assigned(a: Floats, b: Floats) -> NDArray[np.float64]:
    """The same of leads that are assigned to each other so that it is largest."""
    from scipy.optimize import linear_sum_assignment

    centred = [x - x.mean(axis=-1, keepdims=True) for x in (a, b)]
    sizes = [np.sqrt(np.einsum("pls,pls->pl", x, x)) for x in centred]
    one, other = (x / np.where(size > 0, size, 1)[:, :, None] for x, size in zip(centred, sizes, strict=True))
    found = [each[linear_sum_assignment(each, maximize=True)].sum() for each in one @ other.swapaxes(1, 2)]
    return np.asarray(found / np.max([(size > 0).sum(axis=1) for size in sizes], axis=0), np.float64)


def near_keys(
    one: tuple[Bytes, Bytes], other: tuple[Bytes, Bytes] | None, most: float
) -> Iterator[tuple[Ints, Ints]]:
    """Indices of coarse keys that differ little.

    Parameters
    ----------
    one, other : (uint8 array of shape (key, 16), uint8 array of shape (key,))
        Keys and masks. Without others those of ``one`` are compared with each other, each pair once, the
        first index the smaller one.
    most : float
        Share of the bits that may differ, of those of the leads that both have, two at least.
    """
    once, other = other is None, other or one
    leads = np.bitwise_count(np.unique(np.concatenate([one[1], other[1]])))
    if leads.max(initial=0) < COMMON:
        return
    blocks = _blocks(len(one[1]), len(other[1]), once=once)
    if len(leads) == 1:
        found = _near_of_same_leads(one[0], other[0], 16.0 * most * int(leads[0]), blocks)
    else:
        found = _near_of_common_leads(one, other, most, blocks)
    for i, j in found:
        kept = i < j if once else slice(None)
        yield i[kept], j[kept]


def _near_of_same_leads(
    one: Bytes, other: Bytes, limit: float, blocks: Blocks
) -> Iterator[tuple[Ints, Ints]]:
    a, b = (np.ascontiguousarray(key).view(np.uint64).T.copy() for key in (one, other))
    for rows, columns in blocks:
        # few are left after the first half of the bits
        i, j = np.nonzero(np.bitwise_count(a[0, rows, None] ^ b[0, columns]) <= limit)
        i, j = i + rows.start, j + columns.start
        differ = sum(np.bitwise_count(x[i] ^ y[j]).astype(np.int64) for x, y in zip(a, b, strict=True))
        if (near := differ <= limit).any():
            yield i[near], j[near]


def _near_of_common_leads(
    one: tuple[Bytes, Bytes], other: tuple[Bytes, Bytes], most: float, blocks: Blocks
) -> Iterator[tuple[Ints, Ints]]:
    a, b = _words(*one), _words(*other)
    for rows, columns in blocks:
        differ: Any = 0
        for (bits_a, valid_a), (bits_b, valid_b) in zip(a, b, strict=True):
            bits = (bits_a[rows, None] ^ bits_b[columns]) & valid_a[rows, None] & valid_b[columns]
            differ = np.bitwise_count(bits) + differ
        common = np.bitwise_count(one[1][rows, None] & other[1][columns])
        if (close := (common >= COMMON) & (differ <= 16.0 * most * common)).any():
            i, j = np.nonzero(close)
            yield i + rows.start, j + columns.start


def _blocks(rows: int, columns: int, *, once: bool) -> Blocks:
    """Parts of all pairs, or of those whose first index is the smaller one."""
    for i, j in product(range(0, rows, BLOCK[0]), range(0, columns, BLOCK[1])):
        if not once or j + BLOCK[1] > i:
            yield slice(i, i + BLOCK[0]), slice(j, j + BLOCK[1])


def _words(key: Bytes, mask: Bytes) -> list[tuple[NDArray[np.uint64], NDArray[np.uint64]]]:
    """The two halves of keys, each with the bits that are valid, as words of 64 bits, shape (key,)."""
    valid = np.repeat(np.unpackbits(mask[:, None], axis=1), 2, axis=1) * np.uint8(255)
    halves = (np.ascontiguousarray(x).view(np.uint64).T.copy() for x in (key, valid))
    return list(zip(*halves, strict=True))
