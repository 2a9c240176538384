"""NumPy arrays of many recordings, shape (record, channel, time)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.array_files import read_arrays
from tsrep.datasets.formats.arrays import as_float32, refuse_unfit
from tsrep.datasets.unlabelled.format import RECORDINGS, Entries, RecordingFormat
from tsrep.datasets.unlabelled.recorded import Recorded, Samples
from tsrep.datasets.unlabelled.recording import Wanted
from tsrep.errors import ConfigError, DataError
from tsrep.files import said


@RECORDINGS.register("npy")
class NpyFiles(RecordingFormat):
    """A NumPy array of recordings, mapped where it lies."""

    suffixes = (".npy",)
    in_folders = False

    def entries(self, path: Path, wanted: Wanted) -> Entries:
        """See :meth:`RecordingFormat.entries`; a recording is called by its row."""
        # mapped anew for each recording, so that pages that were read are given back
        return rows_of(path, partial(_mapped, path), wanted)


@RECORDINGS.register("npz")
class NpzFiles(RecordingFormat):
    """Arrays of a file: ``x`` with the recordings, and where there are any ``record`` and ``patient``."""

    suffixes = (".npz",)
    in_folders = False

    def entries(self, path: Path, wanted: Wanted) -> Entries:
        """See :meth:`RecordingFormat.entries`; the whole file is held in memory."""
        try:
            stored = read_arrays(path)
        except (OSError, ValueError) as error:
            raise DataError(f"{path} cannot be read ({said(error)}); save it with numpy.savez") from error
        if "x" not in stored:
            has = ", ".join(stored) or "none"
            raise DataError(f"{path} has no array called x, of shape (record, channel, time); it has {has}")
        return rows_of(path, partial(stored.__getitem__, "x"), wanted, stored)


def rows_of(
    path: Path,
    opened: Callable[[], Any],
    wanted: Wanted,
    said: Mapping[str, NDArray[Any]] | None = None,
) -> Entries:
    """The recordings of an array, by the names that are said of them or else by their rows.

    Parameters
    ----------
    path : Path
        For messages.
    opened : callable
        Gives an array that can be sliced over records, shape (record, channel, time).
    wanted : Wanted
        Says the rate, and the names of channels where there are several.
    said : mapping of str to array, shape (record,)
        ``record`` and ``patient``.

    Raises
    ------
    ConfigError
        When rate or names are not given.
    DataError
        When the array does not serve.
    """
    x = opened()
    refuse_unfit(str(path), x)
    if wanted.rate is None:
        raise ConfigError(f"{path} does not say its sampling rate; give it with --rate, in Hz")
    if wanted.channels is None and x.shape[1] > 1:
        raise ConfigError(
            f"{path} does not say what its {x.shape[1]} channels are; give their names with --channels"
        )
    names, patients = (_column(path, said or {}, key, len(x)) for key in ("record", "patient"))
    return _entries(path, opened, x.shape, names or range(len(x)), patients or [""] * len(x))


def _mapped(path: Path) -> Any:
    try:
        return np.load(path, mmap_mode="r")
    except Exception as error:  # a damaged header makes NumPy raise what its parser stumbles on
        raise DataError(
            f"{path} cannot be opened as a NumPy array ({said(error)}); save it with numpy.save"
        ) from error


def _column(path: Path, said: Mapping[str, NDArray[Any]], key: str, rows: int) -> list[str]:
    if key not in said:
        return []
    if said[key].shape != (rows,):
        raise DataError(f"{key} of {path} has the shape {said[key].shape} for {rows} recordings; give {rows}")
    return [str(value) for value in said[key].tolist()]


def _entries(
    path: Path,
    opened: Callable[[], Any],
    shape: Sequence[int],
    names: Sequence[Any],
    patients: Sequence[str],
) -> Entries:
    for row, (name, patient) in enumerate(zip(names, patients, strict=True)):
        yield str(name), partial(_recorded, path, opened, shape[1:], row, patient)


def _recorded(
    path: Path, opened: Callable[[], Any], shape: Sequence[int], row: int, patient: str
) -> Recorded:
    channels, steps = shape
    return Recorded(
        channels=tuple(f"ch{i}" for i in range(channels)),
        units=("",) * channels,
        kinds=("",) * channels,
        sfreq=0.0,
        steps=steps,
        read=partial(_read, path, opened, row),
        patient=patient,
    )


def _read(path: Path, opened: Callable[[], Any], row: int, start: int, stop: int) -> Samples:
    values = np.asarray(opened()[row : row + 1][..., start:stop])  # (1, channel, time)
    kept = values if values.dtype in (np.int16, np.float32) else as_float32(str(path), values)
    return Samples(np.array(kept[0]), np.ones(kept.shape[1]), np.zeros(kept.shape[1]))
