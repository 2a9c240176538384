"""A user's own recordings as one NumPy array beside a CSV file."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tsrep.datasets.about import About
from tsrep.datasets.folders import dataset_folder
from tsrep.datasets.own_labels import read_records
from tsrep.errors import ConfigError, DataError
from tsrep.registry import DATASETS
from tsrep.signals.panel import Panel


@DATASETS.register("arrays")
class Arrays:
    """An array of shape (record, channel, time) and a table with one row per record.

    int16 and float32 arrays are mapped where they lie; nothing is copied.

    Parameters
    ----------
    sfreq : float, Hz
    label : str or tuple of str
        One column of class names (several to a cell, divided by ``;``, for multi-label), or several
        columns of 0 and 1.
    array, table : str
        File names in the folder.
    patient : str
        Column that says whose a record is.
    trial, fold : str or None
        Columns; without ``trial`` each record is one.
    channels : tuple of str or None
    scale : float
        ``unit`` per stored count.
    unit : str
    """

    about: ClassVar[About] = About(
        title="Own recordings in a NumPy array",
        licence="yours",
        citation="",
        url="",
        needs=("records.npy (setting array)", "records.csv (setting table)"),
        notes="Array of shape (record, channel, time), int16 or float32; CSV with one row per record.",
    )

    def __init__(
        self,
        sfreq: Annotated[float, Field(gt=0)],
        label: str | tuple[str, ...] = "label",
        array: str = "records.npy",
        table: str = "records.csv",
        patient: str = "patient",
        trial: str | None = None,
        fold: str | None = None,
        channels: tuple[str, ...] | None = None,
        scale: Annotated[float, Field(gt=0)] = 1.0,
        unit: str = "",
    ) -> None:
        self.sfreq, self.label, self.array, self.table = sfreq, label, array, table
        self.patient, self.trial, self.fold = patient, trial, fold
        self.channels, self.scale, self.unit = channels, scale, unit

    @property
    def default_split(self) -> str:
        """Stratified: official folds need their numbers to be named."""
        return self.about.default_split

    def load(
        self,
        root: Path | None,
        *,
        cache: Path | None = None,  # noqa: ARG002 - nothing is converted, but every data set is called alike
        strict: bool = False,
        progress: bool = True,  # noqa: ARG002 - likewise
    ) -> Panel:
        """Panel of whole records.

        Raises
        ------
        ConfigError
            When the settings do not fit the array.
        DataError
            When a file is missing or the two do not fit each other, or (``strict``) values are missing.
        """
        folder = dataset_folder("arrays", root, (self.array, self.table))
        x = _map(folder / self.array)
        records = read_records(
            folder / self.table, patient=self.patient, label=self.label, trial=self.trial, fold=self.fold
        )
        if len(records.patient) != len(x):
            raise DataError(
                f"{folder / self.table} has {len(records.patient)} rows but {self.array} {len(x)} records; "
                "give one row per record"
            )
        if self.channels is not None and len(self.channels) != x.shape[1]:
            raise ConfigError(
                f"{len(self.channels)} channel names, but {self.array} has {x.shape[1]}; name each once"
            )
        if strict:
            _refuse_gaps(folder / self.array, x)
        return Panel.from_arrays(
            x,
            label=records.label,
            patient=records.patient,
            trial=records.trial,
            sfreq=self.sfreq,
            channels=self.channels,
            classes=records.classes,
            scale=self.scale,
            unit=self.unit,
            fold=records.fold,
            patient_names=records.patient_names,
            source=f"own array {self.array}",
            digest=records.digest(_content(folder / self.array), np.arange(len(x))),
        )


def _map(path: Path) -> NDArray[Any]:
    try:
        x = np.load(path, mmap_mode="c")
    except (ValueError, OSError, EOFError) as error:
        raise DataError(
            f"{path} cannot be opened as a NumPy array ({error}); save it with numpy.save"
        ) from error
    if not isinstance(x, np.ndarray) or x.ndim != 3:
        shape = getattr(x, "shape", "several arrays")
        raise DataError(f"{path} must be one array of shape (record, channel, time), but has {shape}")
    if x.dtype.kind not in "iuf":
        raise DataError(f"{path} holds {x.dtype}; save numbers, int16 or float32 at best")
    return x


def _refuse_gaps(path: Path, x: NDArray[Any]) -> None:
    if x.dtype.kind != "f":
        return
    for begin in range(0, len(x), 256):
        bad = ~np.isfinite(x[begin : begin + 256]).all(axis=2)
        if bad.any():
            record, channel = np.argwhere(bad)[0]
            raise DataError(
                f"record {begin + record} of {path} has missing values in channel {channel}; "
                "mend it, or load without --strict"
            )


def _content(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
