"""A user's own recordings as a Zarr array, on disk or behind a URL, beside a table."""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tsrep.datasets.conversion import fingerprint
from tsrep.datasets.dataset import About
from tsrep.datasets.folders import cache_folder, dataset_folder
from tsrep.datasets.formats.array_content import Content
from tsrep.datasets.formats.arrays import SETTLED_NS
from tsrep.datasets.tables.own_labels import read_records
from tsrep.errors import ConfigError, DataError, TsrepError
from tsrep.files import write_json
from tsrep.registry import DATASETS
from tsrep.signals.large_stores import ChunkedStore
from tsrep.signals.panel import Floats, Panel

FORMAT = 2
AT_ONCE = 4 << 20  # bytes worth a reading; smaller chunks are read together
LARGEST = 512 << 20


@DATASETS.register("zarr")
class ZarrStore:
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
    channels : tuple of str or None
    scale : float
        ``unit`` per stored count.
    unit : str
    held_mb : int
        Megabytes of chunks to hold in memory.
    """

    about: ClassVar[About] = About(
        title="Own recordings in a Zarr array",
        licence="yours",
        citation="",
        url="",
        needs=("records.zarr (setting array)", "records.csv (setting table)"),
        notes="Array of shape (record, channel, time), local or a URL; CSV or Parquet, one row per record.",
    )

    def __init__(
        self,
        sfreq: Annotated[float, Field(gt=0)],
        label: str | tuple[str, ...] = "label",
        array: str = "records.zarr",
        table: str = "records.csv",
        patient: str = "patient",
        trial: str | None = None,
        fold: str | None = None,
        channels: tuple[str, ...] | None = None,
        scale: Annotated[float, Field(gt=0)] = 1.0,
        unit: str = "",
        held_mb: Annotated[int, Field(ge=1)] = 256,
    ) -> None:
        self.sfreq, self.label, self.array, self.table = sfreq, label, array, table
        self.patient, self.trial, self.fold = patient, trial, fold
        self.channels, self.scale, self.unit, self.held_mb = channels, scale, unit, held_mb

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
            When the settings do not fit the array, or a package is missing.
        DataError
            When a file is missing or the two do not fit each other, or (``strict``) values are missing.
        """
        local = [name for name in (self.array, self.table) if "://" not in name]
        folder = dataset_folder("zarr", root, local) if local else Path()
        place = self.array if "://" in self.array else str(folder / self.array)
        store = open_store(place, self.held_mb << 20)
        table = _fetched(self.table, cache_folder(cache)) if "://" in self.table else folder / self.table
        records = read_records(
            table, patient=self.patient, label=self.label, trial=self.trial, fold=self.fold
        )
        if len(records.patient) != len(store):
            raise DataError(
                f"{self.table} has {len(records.patient)} rows but {place} {len(store)} records; "
                "give one row per record"
            )
        channels = self.channels or tuple(f"ch{i}" for i in range(store.shape[1]))
        if len(channels) != store.shape[1]:
            raise ConfigError(
                f"{len(channels)} channel names, but {place} has {store.shape[1]}; name each once"
            )
        content = _content(place, store, cache_folder(cache))
        if strict:
            content.refuse_gaps(place)
        keep = content.sound(place, len(store))
        panel = Panel(
            store=store,
            gain=_single(self.scale),
            offset=_single(0),
            row=np.arange(len(store)),
            start=np.zeros(len(store), np.int64),
            length=store.shape[2],
            label=records.label,
            trial=np.arange(len(store)) if records.trial is None else records.trial,
            patient=records.patient,
            sfreq=float(self.sfreq),
            channels=channels,
            classes=records.classes,
            unit=self.unit,
            fold=records.fold,
            patient_names=records.patient_names,
            skipped=content.skipped,
            source=f"own array {self.array}",
            digest=records.digest(content.sha256, keep),
        )
        return panel.select(keep) if len(keep) < len(panel) else panel


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
    if array.ndim != 3:
        raise DataError(f"{place} must be one array of shape (record, channel, time), but has {array.shape}")
    if array.dtype.kind not in "iuf":
        raise DataError(f"{place} holds {array.dtype}; save numbers, int16 or float32 at best")
    dtype = np.dtype(np.int16 if array.dtype == np.int16 else np.float32)
    each = max(1, dtype.itemsize * array.shape[1] * array.shape[2])
    own = (array.shards or array.chunks)[0]
    if own * each > LARGEST:
        raise DataError(
            f"{place} has chunks of {own} records, {own * each / 2**30:.1f} GiB each; write it again with at "
            f"most {LARGEST // each} records in a chunk"
        )
    chunk = own * max(1, AT_ONCE // (own * each))
    return ChunkedStore(array.shape, dtype, chunk, partial(_read, array, dtype, place), held_bytes=held_bytes)


def _read(array: Any, dtype: np.dtype[Any], place: str, first: int, stop: int) -> NDArray[Any]:
    try:
        values = array[first:stop]
    except Exception as error:  # of file systems and codecs, without a common class
        raise DataError(f"records {first} to {stop - 1} of {place} cannot be read ({error})") from error
    return np.ascontiguousarray(values, dtype=dtype)


def _single(value: float) -> Floats:
    return np.full((1, 1), value, np.float32)


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


def _content(place: str, store: ChunkedStore, cache: Path) -> Content:
    """What is in an array, read through once and then remembered for as long as its files do not change."""
    started = time.time_ns()
    seen, newest = _state(place)
    memory = cache / f"zarr-{FORMAT}-{seen[:20]}.json"
    if seen:
        with suppress(OSError, ValueError, TypeError):
            return Content(**json.loads(memory.read_text(encoding="utf-8")))
    content = _read_through(store)
    # a file changed within the same tick of the clock would look the same
    if seen and started - newest > SETTLED_NS and _state(place)[0] == seen:
        with suppress(OSError, TsrepError):  # a cache that cannot be written costs time only
            write_json(memory, asdict(content))
    return content


def _state(place: str) -> tuple[str, int]:
    """Hash of place, sizes and times of the files of an array, empty where it has no listing; newest time."""
    if "://" not in place:
        root = Path(place)
        files = sorted(path for path in root.rglob("*") if path.is_file())
        newest = max((path.stat().st_ctime_ns for path in files), default=0)
        return fingerprint(root, files), newest
    import fsspec

    try:
        system, path = fsspec.core.url_to_fs(place)
        listing = system.find(path, detail=True)
    except Exception:  # such as of web servers, which list nothing
        return "", 0
    text = json.dumps([place, listing], sort_keys=True, default=str)
    return (hashlib.sha256(text.encode()).hexdigest() if listing else ""), 0


def _read_through(store: ChunkedStore) -> Content:
    digest = hashlib.sha256(f"{store.shape}{store.dtype.str}".encode())
    content = Content()
    for first in range(0, len(store), store.chunk):
        x = store[first : first + store.chunk]
        digest.update(x.data)
        content.look(x, first)
        content.look_for_lost(x, first)
    content.sha256 = digest.hexdigest()
    return content
