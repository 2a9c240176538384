"""A user's own recordings as a Zarr array, on disk or behind a URL, beside a table."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tsrep.datasets.conversion import fingerprint
from tsrep.datasets.dataset import About
from tsrep.datasets.formats.array_content import Content
from tsrep.datasets.formats.arrays import Arrays, as_float32, refuse_unfit
from tsrep.datasets.tables.own_targets import Wanted
from tsrep.errors import ConfigError, DataError
from tsrep.registry import DATASETS
from tsrep.signals.large_stores import ChunkedStore

AT_ONCE = 4 << 20  # bytes worth a reading; smaller chunks are read together
LARGEST = 512 << 20


@DATASETS.register("zarr")
@dataclass
class ZarrStore(Arrays):
    """A Zarr array of shape (record, channel, time) and a table with one row per record.

    The array is read in chunks of records, of which the last used are held, so it may be larger than memory
    and lie behind any URL that fsspec knows. Where no sampler is set, a run takes its batches from some
    chunks at a time, by ``chunk-wise``. Records of a chunk that is not there are skipped. An array with
    missing values (NaN) must hold floats.

    Parameters
    ----------
    sfreq : float, Hz
    label : str or tuple of str
        One column of class names (several to a cell, divided by ``;``, for multi-label), or several
        columns of 0 and 1.
    array : str
        Folder of the array within ``root``, or a URL such as ``s3://bucket/records.zarr``.
    table : str
        CSV or Parquet file within ``root``, or a URL.
    patient : str
        Column that says whose a record is.
    trial, fold : str or None
        Columns; without ``trial`` each record is one.
    channel_names : tuple of str or None
        One for each channel of the array; None takes ``channels`` where those are as many, else numbers.
    channels : tuple of str or None
        To keep, by name, in this order.
    rename : mapping of str to str, or None
        New names by old ones.
    targets : tuple of str
        Columns with numbers to predict by regression, such as ``age``; an empty cell is not known.
    target_units : tuple of str or None
        One for each, such as ``years``.
    meta : tuple of str
        Columns that say more of a record, such as ``age``, ``sex`` and ``device``; see ``arrays``.
    scale : float
        ``unit`` per stored count.
    unit : str
    held_mb : int
        Megabytes of chunks to hold in memory.
    """

    about = About(
        title="Own recordings in a Zarr array",
        licence="yours",
        independence="patient",
        needs=("records.zarr (setting array)", "records.csv (setting table)"),
        notes="Array of shape (record, channel, time), local or a URL; CSV or Parquet, one row per record.",
    )

    array: str = "records.zarr"
    held_mb: Annotated[int, Field(ge=1)] = 256

    def __post_init__(self) -> None:
        self.wanted = Wanted(self.targets, self.target_units)
        self.files = [name for name in (self.array, self.table) if "://" not in name]

    def find(self, root: Path | str | None) -> Path:
        """The folder; of no use when array and table are URLs."""
        return super().find(root) if self.files else Path()

    def place(self, folder: Path) -> str:
        """Path or URL of the array."""
        return self.array if "://" in self.array else super().place(folder)

    def table_path(self, folder: Path, cache: Path) -> Path:
        """Path of the table, or of a copy of it in the cache."""
        return _fetched(self.table, cache) if "://" in self.table else super().table_path(folder, cache)

    def open(self, place: str) -> ChunkedStore:
        """The array, to be read chunk by chunk; see :func:`open_store`."""
        return open_store(place, self.held_mb << 20)

    def state(self, place: str) -> tuple[str, int]:
        """Of all files of the array; empty where a server lists nothing."""
        if "://" not in place:
            root = Path(place)
            files = sorted(path for path in root.rglob("*") if path.is_file())
            return fingerprint(root, files), max((path.stat().st_ctime_ns for path in files), default=0)
        import fsspec

        try:
            system, path = fsspec.core.url_to_fs(place)
            listing = system.find(path, detail=True)
        except Exception:  # such as of web servers, which list nothing
            return "", 0
        text = json.dumps([place, listing], sort_keys=True, default=str)
        return (hashlib.sha256(text.encode()).hexdigest() if listing else ""), 0

    def look(self, place: str, store: ChunkedStore) -> Content:
        """Read the array through, chunk by chunk."""
        del place
        digest = hashlib.sha256(f"{store.shape}{store.dtype.str}".encode())
        content = Content()
        for first in range(0, len(store), store.chunk):
            x = store[first : first + store.chunk]
            digest.update(x.data)
            content.look(x, first)
            content.look_for_lost(x, first)
        content.sha256 = digest.hexdigest()
        return content


def open_store(place: str, held_bytes: int) -> ChunkedStore:
    """A Zarr array as a store that is read chunk by chunk.

    Parameters
    ----------
    place : str
        Path or URL.
    held_bytes : int

    Raises
    ------
    ConfigError
        When Zarr, or what the URL needs, is not installed.
    DataError
        When there is no such array, or its shape, kind of values or chunks do not serve.
    """
    if find_spec("zarr") is None:
        raise ConfigError("Zarr arrays need the package zarr, which is not installed; install tsrep[zarr]")
    import zarr

    try:
        array = zarr.open_array(place, mode="r")
    except ImportError as error:
        raise ConfigError(f"{place} needs a package that is not installed ({error}); install it") from error
    except Exception as error:  # of file systems and codecs, without a common class
        raise DataError(f"{place} cannot be opened as a Zarr array ({error}); check the path") from error
    refuse_unfit(place, array)
    dtype = np.dtype(np.int16 if array.dtype == np.int16 else np.float32)
    each = max(1, dtype.itemsize * array.shape[1] * array.shape[2])
    stored = array.shards or array.chunks
    own, unpacked = stored[0], math.prod(stored) * array.dtype.itemsize
    if max(own * each, unpacked) > LARGEST:
        gib = max(own * each, unpacked) / 2**30
        way = f"at most {LARGEST // each} records in a chunk" if each <= LARGEST else "shorter records"
        way = way if own * each > LARGEST else "chunks no larger than its records"
        raise DataError(f"{place} has chunks of {own} records, {gib:.1f} GiB each; write it again with {way}")
    chunk = own * max(1, AT_ONCE // (own * each))
    return ChunkedStore(array.shape, dtype, chunk, partial(_read, array, dtype, place), held_bytes=held_bytes)


def _read(array: Any, dtype: np.dtype[Any], place: str, first: int, stop: int) -> NDArray[Any]:
    try:
        values = array[first:stop]
    except Exception as error:  # of file systems and codecs, without a common class
        raise DataError(f"records {first} to {stop - 1} of {place} cannot be read ({error})") from error
    if values.dtype == dtype:
        return np.ascontiguousarray(values)
    return as_float32(place, values)


def _fetched(url: str, cache: Path) -> Path:
    """A copy of a table behind a URL."""
    import fsspec

    path = cache / f"{hashlib.sha256(url.encode()).hexdigest()[:12]}-{url.rsplit('/', 1)[-1]}"
    try:
        with fsspec.open(url, "rb") as stream:
            content = stream.read()
    except Exception as error:  # of file systems, without a common class
        raise DataError(f"{url} cannot be read ({error}); check the address") from error
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
