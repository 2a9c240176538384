"""Recordings larger than memory, read in chunks of records or through a memory map that frees its pages."""

from __future__ import annotations

import mmap
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

HELD_BYTES = 256 << 20
ROOM = 512 << 20
AROUND = 64 << 10  # a page that is touched brings its neighbours


@dataclass(eq=False)
class ChunkedStore:
    """What a panel reads its samples from when they do not fit in memory.

    It answers as an array does to ``shape``, ``dtype``, ``len`` and to an index over records. The chunks used
    last are held, so that samples which lie near each other cost one reading.

    Parameters
    ----------
    shape : (int, int, int)
        Records, channels and time steps.
    dtype : int16 or float32
    chunk : int
        Records read at a time.
    read : callable
        ``read(first, stop)`` gives the records from ``first`` to before ``stop``, in ``dtype``.
    held_bytes : int
        Of the chunks held; two at least are.
    """

    ndim = 3
    shape: tuple[int, int, int]
    dtype: Any
    chunk: int
    read: Callable[[int, int], NDArray[Any]]
    _: KW_ONLY
    held_bytes: int = HELD_BYTES

    def __post_init__(self) -> None:
        self.dtype = np.dtype(self.dtype)
        chunk_bytes = self.chunk * self.shape[1] * self.shape[2] * self.dtype.itemsize
        self.held = max(2, self.held_bytes // max(1, chunk_bytes))
        self._chunks: OrderedDict[int, NDArray[Any]] = OrderedDict()

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def in_chunks(self) -> bool:
        """Whether a sample costs the reading of its chunk."""
        return True

    def __getitem__(self, records: slice | NDArray[Any]) -> NDArray[Any]:
        """Copies of some records, by a slice, indices or a mask over records."""
        rows = np.arange(len(self))[records]
        return self.windows(rows, np.zeros_like(rows), self.shape[2])

    def windows(self, row: NDArray[Any], start: NDArray[Any], length: int) -> NDArray[Any]:
        """Windows of ``length`` steps of some records, each from its ``start``.

        Parameters
        ----------
        row, start : int64 arrays, shape (window,)
        length : int

        Returns
        -------
        array, shape (window, channel, length)
        """
        result = np.empty((len(row), self.shape[1], length), self.dtype)
        number = row // self.chunk
        for k in np.unique(number).tolist():
            at = np.flatnonzero(number == k)
            windows = sliding_window_view(self._chunk(k), length, axis=2)
            result[at] = windows[row[at] - k * self.chunk, :, start[at]]
        return result

    def __getstate__(self) -> dict[str, Any]:
        """Without the chunks held."""
        return self.__dict__ | {"_chunks": OrderedDict()}

    def _chunk(self, number: int) -> NDArray[Any]:
        if number not in self._chunks:
            while len(self._chunks) >= self.held:
                self._chunks.popitem(last=False)
            first = number * self.chunk
            self._chunks[number] = self.read(first, min(first + self.chunk, len(self)))
        self._chunks.move_to_end(number)
        return self._chunks[number]


class MappedPages:
    """Counts what is read of a large memory map, and now and then gives its pages back to the system.

    They stay in the system's file cache as long as there is room, so reading them again costs little. What
    was written into a private map is lost with its pages. Arrays that are no map, and maps smaller than
    ``ROOM``, are left alone.

    Parameters
    ----------
    store : array, shape (record, channel, time)
    """

    def __init__(self, store: Any) -> None:
        self._map = memory_map(store) if getattr(store, "nbytes", 0) > ROOM else None
        self._each = AROUND + (store[:1].nbytes if self._map is not None else 0)
        self._read = 0

    def touched(self, records: int) -> None:
        """Say that so many records, or windows of records, were read."""
        if self._map is None:
            return
        self._read += records * self._each
        if self._read > ROOM:
            self._read = 0
            if hasattr(mmap, "MADV_DONTNEED"):  # not on Windows
                self._map.madvise(mmap.MADV_DONTNEED)

    def __getstate__(self) -> dict[str, Any]:
        """Without the map: what is pickled is a copy in memory."""
        return self.__dict__ | {"_map": None}


def memory_map(array: Any) -> mmap.mmap | None:
    """The memory map under an array or a view of one, or None."""
    while array is not None and not isinstance(array, mmap.mmap):
        array = getattr(array, "base", None)
    return array
