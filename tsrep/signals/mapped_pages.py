"""Memory maps that are read through without filling the memory of the process."""

from __future__ import annotations

import mmap
from typing import Any

ROOM = 512 << 20
AROUND = 64 << 10  # a page that is touched brings its neighbours


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
