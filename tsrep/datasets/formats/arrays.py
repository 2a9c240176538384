"""A user's own recordings as one NumPy array beside a CSV file."""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tsrep.datasets.conversion import fingerprint
from tsrep.datasets.dataset import About
from tsrep.datasets.folders import cache_folder, dataset_folder
from tsrep.datasets.formats.array_content import Content
from tsrep.datasets.tables.own_labels import read_records
from tsrep.errors import ConfigError, DataError, TsrepError
from tsrep.files import write_json
from tsrep.registry import DATASETS
from tsrep.signals.large_stores import MappedPages
from tsrep.signals.panel import Panel

FORMAT = 1
SETTLED_NS = 20_000_000


@DATASETS.register("arrays")
class Arrays:
    """An array of shape (record, channel, time) and a table with one row per record.

    int16 and float32 arrays are mapped where they lie; nothing is copied, and of an array larger than memory
    a part at a time is held; with the sampler ``chunk-wise`` it is read in order. Single missing values
    (NaN) are kept; a record with a channel that has no value at all is skipped.

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
        cache: Path | None = None,
        strict: bool = False,
        progress: bool = True,  # noqa: ARG002 - nothing is converted, but every data set is called alike
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
        content = _content(folder / self.array, x, cache_folder(cache))
        if strict:
            content.refuse_gaps(folder / self.array)
        keep = content.sound(folder / self.array, len(x))
        panel = Panel.from_arrays(
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
            skipped=content.skipped,
            source=f"own array {self.array}",
            digest=records.digest(content.sha256, keep),
        )
        return panel.select(keep) if content.silent else panel


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


def _content(path: Path, x: NDArray[Any], cache: Path) -> Content:
    """What is in an array, read through once and then remembered for as long as the file does not change."""
    started = time.time_ns()
    seen = fingerprint(path.parent, [path])
    memory = cache / f"arrays-{FORMAT}-{seen[:20]}.json"
    with suppress(OSError, ValueError, TypeError):
        return Content(**json.loads(memory.read_text(encoding="utf-8")))
    content = _read_through(path, x)
    # a file changed within the same tick of the clock would look the same
    settled = started - path.stat().st_ctime_ns > SETTLED_NS
    if settled and fingerprint(path.parent, [path]) == seen:
        with suppress(OSError, TsrepError):  # a cache that cannot be written costs time only
            write_json(memory, asdict(content))
    return content


def _read_through(path: Path, x: NDArray[Any]) -> Content:
    with path.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    content, pages = Content(sha256), MappedPages(x)
    for begin in range(0, len(x), 256) if x.dtype.kind == "f" else ():
        content.look(x[begin : begin + 256], begin)
        pages.touched(256)
    return content
