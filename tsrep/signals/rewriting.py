"""A panel whose signals are computed anew, in memory or in a file of its cache where they are large."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import dtype_to_descr, write_array_header_1_0
from numpy.typing import NDArray

from tsrep.digests import is_as_noted, note_digest
from tsrep.errors import DataError
from tsrep.signals.panel import Ints, Panel, digest_of

IN_MEMORY = 256 << 20  # bytes of a store
AT_ONCE = 64 << 20  # bytes of float64 worked on
SPARE = 64 << 20
Make = Callable[[Ints], NDArray[Any]]


def rewritten(
    panel: Panel, make: Make, shape: tuple[int, int], key: str, dtype: Any = np.float32, **fields: Any
) -> Panel:
    """The panel with a store of one row for each of its samples.

    Parameters
    ----------
    panel : Panel
    make : callable
        Signals of some samples, shape (sample, channel, time), in ``dtype``.
    shape : (int, int)
        Channels and time steps of each.
    key : str
        What the signals depend on besides the panel's samples.
    dtype : float32 or int16
    **fields
        Other attributes that change; gain and offset are 1 and 0 unless they are given.
    """
    whole = (len(panel), *shape)
    size = int(np.prod(whole)) * np.dtype(dtype).itemsize
    steps = max(panel.length, shape[1]) * max(len(panel.channels), shape[0])
    chunk = max(1, min(256, AT_ONCE // (8 * steps)))
    # what is computed of these samples is told from what is computed of others
    name = digest_of(panel.digest, panel.row, panel.start, panel.length, key, whole) if panel.digest else ""
    if size <= IN_MEMORY or panel.cache is None or not name:
        store: NDArray[Any] = np.empty(whole, dtype)
        for part in _parts(len(panel), chunk):
            store[part] = make(part)
    else:
        store = _kept(panel.cache / f"converted-{name}.npy", whole, dtype, make, chunk)
    names = panel.record_names
    one = np.ones((1, 1), np.float32)
    at_rest: dict[str, Any] = {
        "gain": one,
        "offset": 0 * one,
        "row": np.arange(len(panel)),
        "start": np.zeros(len(panel), np.int64),
        "length": shape[1],
        "digest": name,
        "record_names": tuple(names[row] for row in panel.row) if names else (),
    }
    return replace(panel, store=store, **(at_rest | fields))


def picked(panel: Panel, picks: Ints, signs: NDArray[Any], key: str, **changed: Any) -> Panel:
    """The panel with some of its channels in any order, in the values that they are stored in.

    Parameters
    ----------
    panel : Panel
    picks : int64 array, shape (channel,)
    signs : float32 array, shape (channel,)
        -1 for those to turn upside down.
    key : str
        See :func:`rewritten`; where the store can be shared it is.
    **changed
        Other attributes that change.
    """
    recorded = panel.store.shape[1]
    gain, offset = (
        np.broadcast_to(values, (len(values), recorded))[:, picks] * signs
        for values in (panel.gain, panel.offset)
    )
    step = int(picks[1] - picks[0]) if len(picks) > 1 else 1
    fields: dict[str, Any] = {"covariates": 0} | changed
    even = step > 0 and bool((np.diff(picks) == step).all())
    if even and isinstance(panel.store, np.ndarray):
        view = panel.store[:, picks[0] : picks[-1] + 1 : step]
        digest = digest_of(panel.digest, picks, signs, key) if panel.digest else ""
        return replace(panel, store=view, gain=gain, offset=offset, digest=digest, **fields)
    gain, offset = (values if len(values) == 1 else values[panel.row] for values in (gain, offset))
    shape = (len(picks), panel.length)
    make = lambda part: panel.raw(part)[:, picks]  # noqa: E731
    return rewritten(
        panel, make, shape, f"{key} {picks.tolist()}", panel.store.dtype, gain=gain, offset=offset, **fields
    )


def _parts(count: int, chunk: int) -> Iterator[Ints]:
    return (np.arange(begin, min(begin + chunk, count)) for begin in range(0, count, chunk))


def _kept(path: Path, whole: tuple[int, ...], dtype: Any, make: Make, chunk: int) -> NDArray[Any]:
    """A store in a file that appears complete; one that is there is opened."""
    with suppress(OSError, ValueError):
        found = np.load(path, mmap_mode="c")
        if found.shape == whole and found.dtype == dtype and is_as_noted(path):
            return np.asarray(found)
        print(f"tsrep: {path} is not as it was written and is made again", file=sys.stderr)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _refuse_full(path.parent, int(np.prod(whole)) * np.dtype(dtype).itemsize)
        with tempfile.TemporaryDirectory(prefix=".converted-", dir=path.parent) as folder:
            temporary = Path(folder) / path.name
            with temporary.open("wb") as stream:
                header = {"descr": dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": whole}
                write_array_header_1_0(stream, header)
                for part in _parts(whole[0], chunk):  # written, not mapped: pages do not count as memory
                    stream.write(np.ascontiguousarray(make(part), dtype).tobytes())
            temporary.replace(path)
        note_digest(path)
        return np.asarray(np.load(path, mmap_mode="c"))
    except OSError as error:
        raise DataError(
            f"converted recordings cannot be kept in {path.parent} ({error.strerror}); choose another folder "
            "with TSREP_CACHE"
        ) from error


def _refuse_full(folder: Path, size: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < size + SPARE:
        raise DataError(
            f"converted recordings need {size / 1e6:.0f} MB in {folder} but {free / 1e6:.0f} MB are free "
            "there; free some or choose another folder with TSREP_CACHE"
        )
