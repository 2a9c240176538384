"""Large arrays that go back to the system when they are freed, so that memory does not grow with time."""

from __future__ import annotations

import ctypes
import os
from functools import cache

M_MMAP_THRESHOLD = -3  # of malloc.h in the C library of GNU
LARGE = 4 << 20  # bytes


@cache
def give_back_large_arrays() -> None:
    """Fix the size from which the C library of GNU maps an array by itself, once for the process.

    Left alone it raises that size to 32 MB with use, and arrays of batches then leave holes in the heap
    which grow through a recording of a day. Other C libraries have no such setting.
    """
    if os.name == "posix" and hasattr(library := ctypes.CDLL(None), "mallopt"):
        library.mallopt(M_MMAP_THRESHOLD, LARGE)
