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
LONG = 1 << 20  # bytes of a record of which windows are read rather than all
ADVICE = hasattr(mmap, "MADV_RANDOM")  # not on Windows


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
    """Says what is read next of a large memory map, and now and then gives its pages back to the system.

    Left to itself the system reads megabytes around each record that is drawn at random. Pages stay in its
    file cache as long as there is room, so reading them again costs little. What was written into a private
    map is lost with its pages. Arrays that are no map, and maps smaller than ``ROOM``, are left alone.

    Parameters
    ----------
    store : array, shape (record, channel, time)
    """

    def __init__(self, store: Any) -> None:
        self._map = memory_map(store) if getattr(store, "nbytes", 0) > ROOM else None
        self._record = store[:1].nbytes if self._map is not None else 0
        self._first = -1  # byte of the map where the first record begins; of long records windows are read
        self._read = 0
        if self._map is not None and self._record <= LONG and store.flags.c_contiguous and ADVICE:
            self._map.madvise(mmap.MADV_RANDOM)
            begin = np.frombuffer(self._map, np.uint8, 1).ctypes.data
            self._first = store.ctypes.data - begin

    def reads(self, rows: NDArray[Any]) -> None:
        """Say which records, or windows of records, are read next."""
        if self._map is None or not len(rows):
            return
        self._read += len(rows) * (self._record + AROUND)
        if self._read > ROOM and ADVICE:
            self._read = 0
            self._map.madvise(mmap.MADV_DONTNEED)
        if self._first < 0:
            return
        rows = np.unique(rows)
        ends = np.flatnonzero(np.diff(rows) > 1)
        for first, last in zip(rows[[0, *(ends + 1)]].tolist(), rows[[*ends, -1]].tolist(), strict=True):
            begin = self._first + first * self._record
            page = begin - begin % mmap.PAGESIZE
            self._map.madvise(mmap.MADV_WILLNEED, page, self._first + (last + 1) * self._record - page)

    def __getstate__(self) -> dict[str, Any]:
        """Without the map: what is pickled is a copy in memory."""
        return self.__dict__ | {"_map": None}


def memory_map(array: Any) -> mmap.mmap | None:
    """The memory map under an array or a view of one, or None."""
    while array is not None and not isinstance(array, mmap.mmap):
        array = getattr(array, "base", None)
    return array
