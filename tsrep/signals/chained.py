"""The stores of several panels as one, without copying what is large."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.signals.large_stores import ChunkedStore
from tsrep.signals.panel import Floats, Panel

IN_MEMORY = 256 << 20
CHUNK_BYTES = 8 << 20


class ChainedStore(ChunkedStore):
    """Records of several stores one after the other; each is read where it lies.

    Parameters
    ----------
    panels : sequence of Panel
        Of the same channels and record length.
    """

    def __init__(self, panels: Sequence[Panel]) -> None:
        stores = [panel.store for panel in panels]
        self.pages = [panel.pages for panel in panels]
        self.stores = stores
        self.first = np.cumsum([0, *map(len, stores)])
        dtype = np.dtype(np.int16) if all(s.dtype == np.int16 for s in stores) else np.dtype(np.float32)
        records, each = int(self.first[-1]), stores[0].shape[1:]
        chunk = max(1, CHUNK_BYTES // max(1, each[0] * each[1] * dtype.itemsize))
        super().__init__((records, *each), dtype, chunk, self._records)

    @property
    def in_chunks(self) -> bool:
        """Whether any of the stores is read best in the order that it lies in."""
        return any(getattr(store, "in_chunks", False) for store in self.stores)

    def windows(self, row: NDArray[Any], start: NDArray[Any], length: int) -> NDArray[Any]:
        """See :meth:`ChunkedStore.windows`; each store is asked once."""
        result = np.empty((len(row), self.shape[1], length), self.dtype)
        of = np.searchsorted(self.first, row, side="right") - 1
        for number in np.unique(of).tolist():
            at = np.flatnonzero(of == number)
            result[at] = self._of(number, row[at] - self.first[number], start[at], length)
        return result

    def _of(self, number: int, row: NDArray[Any], start: NDArray[Any], length: int) -> NDArray[Any]:
        store = self.stores[number]
        self.pages[number].reads(row)
        if isinstance(store, ChunkedStore):
            return store.windows(row, start, length)
        windows = np.lib.stride_tricks.sliding_window_view(store, length, axis=2)
        return np.asarray(windows[row, :, start])

    def _records(self, first: int, stop: int) -> NDArray[Any]:
        row = np.arange(first, stop)
        return self.windows(row, np.zeros_like(row), self.shape[2])


def chained(panels: Sequence[Panel]) -> tuple[NDArray[Any] | ChainedStore, Floats, Floats]:
    """Store, gain and offset of several panels as one; in memory where they are small.

    Parameters
    ----------
    panels : sequence of Panel
        Of the same channels and record length.

    Returns
    -------
    store : array or ChainedStore, shape (record, channel, time)
    gain, offset : float32 arrays, shape (record or 1, channel)
    """
    store: NDArray[Any] | ChainedStore = ChainedStore(panels)
    if int(np.prod(store.shape)) * store.dtype.itemsize <= IN_MEMORY:
        store = store[np.arange(len(store))]
    return store, _in_turn(panels, "gain"), _in_turn(panels, "offset")


def _in_turn(panels: Sequence[Panel], name: str) -> Floats:
    """Gain or offset of all records, one row for all where they share it."""
    channels = panels[0].store.shape[1]
    rows = [np.broadcast_to(v, (len(v), channels)) for v in (getattr(panel, name) for panel in panels)]
    if all(len(row) == 1 and (row == rows[0]).all() for row in rows):
        return np.asarray(rows[0], np.float32)
    whole = [np.broadcast_to(row, (len(p.store), channels)) for row, p in zip(rows, panels, strict=True)]
    return np.concatenate(whole)
