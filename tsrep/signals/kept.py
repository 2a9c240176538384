"""What is worked out of a panel's recordings once and then read from its cache."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any
from weakref import WeakKeyDictionary

from numpy.typing import NDArray

from tsrep.array_files import read_arrays, write_arrays
from tsrep.errors import RunError
from tsrep.signals.panel import Panel

Arrays = dict[str, NDArray[Any]]
Make = Callable[[], Arrays]
_KNOWN: WeakKeyDictionary[Panel, dict[str, Arrays]] = WeakKeyDictionary()


def kept(panel: Panel, name: str, make: Make) -> Arrays:
    """Arrays that are worked out of a panel's recordings once, from its cache where they are there."""
    known = _KNOWN.setdefault(panel, {})
    if name not in known:
        known[name] = make() if panel.cache is None or not panel.digest else _filed(panel, name, make)
    return known[name]


def _filed(panel: Panel, name: str, make: Make) -> Arrays:
    assert panel.cache is not None
    path = panel.cache / f"{name}-{panel.digest}.npz"
    with suppress(OSError, ValueError):
        return read_arrays(path)
    made = make()
    with suppress(RunError):  # a cache that cannot be written costs time only
        write_arrays(path, **made)
    return made
