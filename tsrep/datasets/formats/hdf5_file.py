"""Arrays in HDF5 files, found by their path and read by slabs of records."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.errors import ConfigError, DataError


@contextmanager
def opened_hdf5(path: Path) -> Iterator[Any]:
    """An HDF5 file, open for reading.

    Raises
    ------
    ConfigError
        When h5py is not installed.
    DataError
        When it is no such file, or reading it fails.
    """
    try:
        h5py = importlib.import_module("h5py")
    except ImportError as error:
        raise ConfigError(
            f"{path.name} needs the package h5py, which is not installed; install tsrep[hdf5]"
        ) from error
    try:
        with h5py.File(path, "r") as file:
            yield file
    except OSError as error:
        what = " ".join(str(error).split())[:160].rstrip(".")
        raise DataError(f"{path} cannot be read as HDF5 ({what}); get the file again") from error


def array_in(file: Any, name: str, path: Path) -> Any:
    """An array of a file, not yet read.

    Parameters
    ----------
    file
        As :func:`opened_hdf5` gives it.
    name : str
        Its path in the file, such as ``"tracings"`` or ``"group/ecg"``.
    path : Path
        Of the file, for messages.

    Raises
    ------
    DataError
        When there is none, it lies in another file, or is compressed in a way that is not installed.
    """
    _refuse_links(file, name, path)
    found = file.get(name)
    if found is None or not hasattr(found, "shape"):
        there: list[str] = []
        file.visititems(lambda key, it: there.append(f"{key} {it.shape}") if hasattr(it, "shape") else None)
        has = ", ".join(there[:8]) or "no arrays"
        raise DataError(f"no dataset {name!r} in {path}; it has: {has}")
    _refuse_filters(found, name, path)
    return found


def _refuse_links(file: Any, name: str, path: Path) -> None:
    """A link into another file would read what nobody named."""
    parts = name.strip("/").split("/")
    for end in range(1, len(parts) + 1):
        link = file.get("/".join(parts[:end]), getlink=True)
        if hasattr(link, "filename"):
            raise DataError(f"{name!r} in {path} is a link to {link.filename}; give that file itself")


def _refuse_filters(array: Any, name: str, path: Path) -> None:
    h5z = importlib.import_module("h5py").h5z
    made = array.id.get_create_plist()
    for i in range(made.get_nfilters()):
        code, _, _, title = made.get_filter(i)
        if not h5z.filter_avail(code):
            called = title.decode("ascii", "replace") or f"number {code}"
            raise DataError(
                f"{name!r} in {path} is compressed by the filter {called}, which is not installed; write it "
                "again with gzip"
            )


def read_column(path: Path, name: str) -> NDArray[Any]:
    """All of a one-dimensional array: numbers, or texts as ``str``.

    Raises
    ------
    DataError
        When there is none of one dimension.
    """
    with opened_hdf5(path) as file:
        values = np.asarray(array_in(file, name, path)[()])
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise DataError(f"{name!r} in {path} has shape {values.shape}; ids are one for each record")
    if values.dtype.kind in "SO":
        return np.array([v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in values])
    return values
