"""A user's own recordings as one NumPy array beside a CSV file."""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tsrep.datasets.conversion import fingerprint
from tsrep.datasets.dataset import About, Unreadable
from tsrep.datasets.formats.array_content import Content
from tsrep.datasets.quantisation import in_float32
from tsrep.datasets.recordings import Recordings, told_unit
from tsrep.datasets.tables.own_labels import Records, read_records
from tsrep.datasets.tables.own_targets import Wanted
from tsrep.errors import ConfigError, DataError, TsrepError
from tsrep.files import write_json
from tsrep.registry import DATASETS
from tsrep.signals.large_stores import MappedPages
from tsrep.signals.panel import Panel

FORMAT = 3
SETTLED_NS = 20_000_000


@DATASETS.register("arrays")
@dataclass
class Arrays(Recordings):
    """An array of shape (record, channel, time) and a table with one row per record.

    int16 and float32 arrays are mapped where they lie; nothing is copied, and of an array larger than memory
    a part at a time is held; with the sampler ``chunk-wise`` it is read in order. Single missing values
    (NaN) are kept; a record with a channel that has no value at all is skipped.

    Parameters
    ----------
    sfreq : float, Hz
    label : str, tuple of str or None
        One column of class names (several to a cell, divided by ``;``, for multi-label), or several
        columns of 0 and 1.
    array, table : str
        File names in the folder.
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
        Columns that say more of a record, such as ``age`` (years; 300 for more than 89), ``sex`` (F or M),
        ``device`` and ``site``, for an audit; no encoder sees them.
    scale : float
        ``unit`` per stored count.
    unit : str
        Such as ``mV`` or ``µV``; without one, signals cannot be shown to an encoder that needs it.
    """

    about = About(
        title="Own recordings in a NumPy array",
        licence="yours",
        independence="patient",
        needs=("records.npy (setting array)", "records.csv (setting table)"),
        notes="Array of shape (record, channel, time), int16 or float32; CSV with one row per record.",
    )

    sfreq: Annotated[float, Field(gt=0)]
    label: str | tuple[str, ...] | None = "label"
    array: str = "records.npy"
    table: str = "records.csv"
    patient: str = "patient"
    trial: str | None = None
    fold: str | None = None
    targets: tuple[str, ...] = ()
    target_units: tuple[str, ...] | None = None
    meta: tuple[str, ...] = ()
    channel_names: tuple[str, ...] | None = None
    scale: Annotated[float, Field(gt=0)] = 1.0
    unit: str = ""

    def __post_init__(self) -> None:
        self.wanted = Wanted(self.targets, self.target_units)
        self.files = (self.array, self.table)

    def read(self, folder: Path, *, cache: Path, strict: bool, progress: bool) -> Panel:
        """Panel of whole records.

        Raises
        ------
        ConfigError
            When the settings do not fit the array.
        DataError
            When the two files do not fit each other, or (``strict``) values are missing.
        """
        del progress
        place = self.place(folder)
        store = self.open(place)
        records = self.read_records(folder, cache)
        if len(records.patient) != len(store):
            raise DataError(
                f"{self.table} has {len(records.patient)} rows but {self.array} {len(store)} records; "
                "give one row per record"
            )
        content = self._content(place, store, cache)
        return content.panel(
            store,
            records,
            place,
            strict=strict,
            content=f"{content.sha256} {self.scale}",
            gain=self.scale,
            sfreq=float(self.sfreq),
            channels=self._names(store.shape[1]),
            unit=told_unit(self.unit),
            record_names=tuple(map(str, range(len(store)))),
            source=f"own array {self.array}",
        )

    def read_records(self, folder: Path, cache: Path) -> Records:
        """What the table says of each record, in the order of the array."""
        return read_records(
            self.table_path(folder, cache),
            patient=self.patient,
            label=self.label,
            trial=self.trial,
            fold=self.fold,
            targets=self.wanted,
            meta=self.meta,
        )

    def _names(self, count: int) -> tuple[str, ...]:
        """Names of the array's channels, which has none of its own."""
        chosen = self.channels or ()
        numbers = tuple(f"ch{i}" for i in range(count))
        names = self.channel_names or (chosen if len(chosen) == count else numbers)
        if len(names) != count:
            raise ConfigError(
                f"dataset.channel_names has {len(names)} names, but {self.array} has {count} channels; name "
                "each once"
            )
        if unknown := [name for name in chosen if name not in names]:
            raise ConfigError(
                f"dataset.channels names {unknown[0]!r}, but the {count} channels of {self.array} are called "
                f"{', '.join(names)}; name each of them in dataset.channel_names"
            )
        return names

    def place(self, folder: Path) -> str:
        """Path of the array."""
        return str(folder / self.array)

    def table_path(self, folder: Path, cache: Path) -> Path:
        """Path of the table; ``cache`` is there for one that is not a file."""
        del cache
        return folder / self.table

    def open(self, place: str) -> Any:
        """The array, int16 or float32.

        Raises
        ------
        DataError
            When there is no such array, or its shape or kind of values does not serve.
        """
        try:
            x = np.load(Path(place), mmap_mode="c")
        except Exception as error:  # a damaged header makes NumPy raise what its parser stumbles on
            raise DataError(
                f"{place} cannot be opened as a NumPy array ({error}); save it with numpy.save"
            ) from error
        if not isinstance(x, np.ndarray):
            raise DataError(f"{place} holds several arrays; save one of shape (record, channel, time)")
        refuse_unfit(place, x)
        return x if x.dtype in (np.int16, np.float32) else as_float32(place, x)

    def state(self, place: str) -> tuple[str, int]:
        """Hash of place, size and times of the array on disk, empty when not known; its newest time, ns."""
        path = Path(place)
        return fingerprint(path.parent, [path]), path.stat().st_ctime_ns

    def look(self, place: str, store: Any) -> Content:
        """Read the array through."""
        with Path(place).open("rb") as stream:
            content = Content(hashlib.file_digest(stream, "sha256").hexdigest())
        pages = MappedPages(store)
        for begin in range(0, len(store), 256) if store.dtype.kind == "f" else ():
            pages.reads(np.arange(begin, min(begin + 256, len(store))))
            content.look(store[begin : begin + 256], begin)
        return content

    def _content(self, place: str, store: Any, cache: Path) -> Content:
        """What is in the array, read through once and remembered for as long as it does not change."""
        started = time.time_ns()
        seen, newest = self.state(place)
        memory = cache / f"{self.name}-{FORMAT}-{seen[:20]}.json"
        if seen:
            with suppress(OSError, ValueError, TypeError):
                return Content(**json.loads(memory.read_text(encoding="utf-8")))
        content = self.look(place, store)
        # a file changed within the same tick of the clock would look the same
        if seen and started - newest > SETTLED_NS and self.state(place)[0] == seen:
            with suppress(OSError, TsrepError):  # a cache that cannot be written costs time only
                write_json(memory, asdict(content))
        return content


def refuse_unfit(place: str, array: Any) -> None:
    """Check that an array holds numbers for records, channels and time steps.

    Raises
    ------
    DataError
        When it does not.
    """
    if array.ndim != 3:
        raise DataError(f"{place} must be one array of shape (record, channel, time), but has {array.shape}")
    if array.dtype.kind not in "iuf":
        raise DataError(f"{place} holds {array.dtype}; save numbers, int16 or float32 at best")


def as_float32(place: str, x: NDArray[Any]) -> NDArray[np.float32]:
    """An array of another kind of numbers in float32.

    Raises
    ------
    DataError
        When float32 does not hold the values apart.
    """
    try:
        return in_float32(np.asarray(x), tuple(f"ch{i}" for i in range(x.shape[1])))
    except Unreadable as error:
        raise DataError(f"{place} cannot be used: {error}") from error
