"""A user's own recordings as an array in an HDF5 file, beside a table."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tsrep.datasets.dataset import About
from tsrep.datasets.formats.array_content import Content
from tsrep.datasets.formats.arrays import Arrays, as_float32, refuse_unfit
from tsrep.datasets.formats.hdf5_file import array_in, opened_hdf5, read_column
from tsrep.datasets.tables.identifiers import spelled
from tsrep.datasets.tables.own_labels import Records
from tsrep.datasets.tables.reading import read_table, refuse_duplicates
from tsrep.errors import DataError
from tsrep.registry import DATASETS
from tsrep.signals.large_stores import ChunkedStore
from tsrep.signals.panel import Panel

AT_ONCE = 4 << 20  # bytes read together
NO_ROW = "no row of the table has its number"


@DATASETS.register("hdf5")
@dataclass
class Hdf5Store(Arrays):
    """An array in an HDF5 file and a table with one row per record.

    The array is read by slabs of records, so it may be larger than memory. Rows of the table belong to
    records in their order, or with ``ids`` by their number or name; records that no row names are skipped.

    Parameters
    ----------
    sfreq : float, Hz
    label : str or tuple of str
        One column of class names (several to a cell, divided by ``;``, for multi-label), or several
        columns of 0 and 1.
    array : str
        The file in the folder.
    signal : str
        Path of the array in the file.
    axes : {"record,channel,time", "record,time,channel"}
        What its dimensions are.
    ids : str or None
        Path of an array in the file with a number or name for each record, and the column of the table with
        the same. None where rows and records have one order.
    table : str
        CSV or Parquet file in the folder.
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
    meta : tuple of str
        Columns that say more of a record, such as ``age``, ``sex`` and ``device``; see ``arrays``.
    scale : float
        ``unit`` per stored number.
    unit : str
    """

    about = About(
        title="Own recordings in an HDF5 file",
        licence="yours",
        independence="patient",
        needs=("records.h5 (setting array)", "records.csv (setting table)"),
        notes=(
            "An array of three dimensions at the path signal, and one row per record in the table; needs the "
            "package h5py."
        ),
    )

    array: str = "records.h5"
    signal: str = "signal"
    axes: Literal["record,channel,time", "record,time,channel"] = "record,channel,time"
    ids: str | None = None

    def open(self, place: str) -> ChunkedStore:
        """The array, to be read by slabs of records.

        Raises
        ------
        ConfigError, DataError
            When h5py, the file or the array is missing, or its shape or values do not serve.
        """
        path = Path(place)
        with opened_hdf5(path) as file:
            array = array_in(file, self.signal, path)
            refuse_unfit(f"{self.signal!r} in {place}", array)
            shape, kind, chunks = array.shape, array.dtype, array.chunks
        swapped = self.axes == "record,time,channel"
        records, channels, steps = (shape[0], shape[2], shape[1]) if swapped else shape
        dtype = np.dtype(np.int16 if kind == np.int16 else np.float32)
        own = chunks[0] if chunks else 1
        slab = own * max(1, AT_ONCE // max(1, own * channels * steps * dtype.itemsize))
        read = partial(_read, path, self.signal, swapped, dtype)
        return ChunkedStore((records, channels, steps), dtype, slab, read)

    def look(self, place: str, store: Any) -> Content:
        """Read the array through, slab by slab."""
        with Path(place).open("rb") as stream:
            content = Content(hashlib.file_digest(stream, "sha256").hexdigest())
        for slab in range(math.ceil(len(store) / store.chunk) if store.dtype.kind == "f" else 0):
            first = slab * store.chunk
            content.look(store[first : first + store.chunk], first)
        return content

    def read_records(self, folder: Path, cache: Path) -> Records:
        """What the table says of each record, in the order of the array."""
        records = super().read_records(folder, cache)
        if self.ids is None:
            return records
        row = self._rows(folder, cache)
        return records.of_rows(np.maximum(row, 0))

    def read(self, folder: Path, *, cache: Path, strict: bool, progress: bool) -> Panel:
        """Panel of whole records; see :meth:`Arrays.read`."""
        panel = super().read(folder, cache=cache, strict=strict, progress=progress)
        if self.ids is None:
            return panel
        row, numbers = self._rows(folder, cache), read_column(folder / self.array, self.ids)
        without = tuple((str(numbers[i]), NO_ROW) for i in np.flatnonzero(row < 0).tolist())
        named = replace(panel, record_names=tuple(map(str, numbers)), skipped=(*panel.skipped, *without))
        return named.select(row[panel.row] >= 0).hashed(panel.digest)

    def _rows(self, folder: Path, cache: Path) -> NDArray[np.int64]:
        """Row of the table for each record, -1 for none.

        Raises
        ------
        DataError
            When two have one number, or a row has one that no record has.
        """
        column = (self.ids or "").rsplit("/", 1)[-1]
        path = self.table_path(folder, cache)
        told = spelled(read_table(path, [column])[column])
        refuse_duplicates(path, column, told)
        recorded = spelled([str(value) for value in read_column(folder / self.array, self.ids or "")])
        place = {number: i for i, number in enumerate(told)}
        row = np.array([place.get(number, -1) for number in recorded], np.int64)
        used = row[row >= 0]
        if len(np.unique(used)) < len(used):
            twice = next(number for number in recorded if recorded.count(number) > 1 and number in place)
            raise DataError(f"{column} {twice} is twice in {self.array}; keep one record of it")
        if len(used) < len(told):
            lost = next(number for number in told if number not in set(recorded))
            raise DataError(
                f"{path} has {column} {lost}, which {self.array} has not ({len(told) - len(used)} of "
                f"{len(told)} rows); remove such rows"
            )
        return row


def _read(path: Path, name: str, swapped: bool, dtype: np.dtype[Any], first: int, stop: int) -> NDArray[Any]:
    with opened_hdf5(path) as file:
        values = array_in(file, name, path)[first:stop]
    values = values.transpose(0, 2, 1) if swapped else values  # (record, channel, time)
    if values.dtype != dtype:
        values = as_float32(str(path), values)
    return np.ascontiguousarray(values)
