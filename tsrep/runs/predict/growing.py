"""Rows of numbers that are added to."""

from __future__ import annotations

import numpy as np

from tsrep.evaluation.arrays import Array

FIRST = 64  # rows that there is room for at first


class GrowingRows:
    """Rows in one block, which doubles when it is full.

    Many small arrays that stay, between large ones that go, would scatter over the memory that the large ones
    leave, so that none of it could be given back in the hours that a long recording takes.
    """

    def __init__(self) -> None:
        self._block: Array = np.zeros((0, 0))
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, rows: Array) -> None:
        """Add rows, shape (row, column), always of the same columns and type."""
        wanted = self._count + len(rows)
        if wanted > len(self._block):
            room = max(FIRST, 2 * len(self._block), wanted)
            block = np.empty((room, rows.shape[1]), rows.dtype)
            if self._count:
                block[: self._count] = self._block[: self._count]
            self._block = block
        self._block[self._count : wanted] = rows
        self._count = wanted

    @property
    def values(self) -> Array:
        """All rows so far."""
        return self._block[: self._count]
