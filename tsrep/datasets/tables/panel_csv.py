"""A user's own recordings as a long table: one row per sample and time step."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tsrep.datasets.dataset import About, Independence
from tsrep.datasets.formats.array_content import Content
from tsrep.datasets.recordings import Recordings, told_unit
from tsrep.datasets.tables.long_rows import Rows, Steps, moments, numbers, read_frame, steps_of, texts
from tsrep.datasets.tables.own_labels import Records, natural, records_of
from tsrep.datasets.tables.own_targets import Wanted
from tsrep.datasets.tables.reading import row_of
from tsrep.errors import ConfigError, DataError
from tsrep.registry import DATASETS
from tsrep.signals.panel import Ints, Panel


@DATASETS.register("panel-csv")
@dataclass
class LongTable(Recordings):
    """A CSV or Parquet file with one row per sample and time step, or per sample, time step and channel.

    Samples are in the order of their names, whatever that of the rows. The whole table is held in memory; for
    more than that write the signals as an array and see ``arrays`` and ``zarr``. An empty cell is a missing
    value; a sample with a channel that has no value at all is skipped.

    Parameters
    ----------
    file : str
        Its name in the folder.
    sfreq : float, Hz, or None
        None takes it from the column of times, which are then seconds or dates.
    sample : str
        Column that says which sample (recording) a row belongs to.
    time : str or None
        Column that orders the rows of a sample; None takes them as they stand.
    patient : str
        Column; the same in all rows of a sample.
    label, trial, fold : str or None
        Likewise; without ``label`` nothing can be scored, and without ``trial`` each sample is one.
    targets : tuple of str
        Columns with numbers to predict by regression, such as ``age``; the same in all rows of a
        sample, and an empty cell is not known.
    target_units : tuple of str or None
        One for each, such as ``years``.
    channels : tuple of str or None
        Columns with the signals, or with ``channel`` the entries of that column. None takes all others, or
        all entries, sorted.
    rename : mapping of str to str, or None
        New names by those of the file.
    channel, value : str or None, str
        Where a row holds one channel only: the columns with its name and its value.
    unequal : {"refuse", "pad"}
        What to do with samples of unequal length; those padded end in missing values.
    unit : str
    """

    about = About(
        title="Own recordings in a long table",
        licence="yours",
        independence="patient",
        needs=("records.csv (setting file)",),
        notes="CSV or Parquet with one row per sample and time step; columns sample, time, patient, label.",
    )

    file: str = "records.csv"
    sfreq: Annotated[float, Field(gt=0)] | None = None
    sample: str = "sample"
    time: str | None = "time"
    label: str | None = "label"
    patient: str = "patient"
    trial: str | None = None
    fold: str | None = None
    targets: tuple[str, ...] = ()
    target_units: tuple[str, ...] | None = None
    channel: str | None = None
    value: str = "value"
    unequal: Literal["refuse", "pad"] = "refuse"
    unit: str = ""

    def __post_init__(self) -> None:
        self.wanted = Wanted(self.targets, self.target_units)
        if self.time is None and self.sfreq is None:
            raise ConfigError("data set 'panel-csv': without a column of times there is no rate; set sfreq")
        if self.time is None and self.channel is not None:
            raise ConfigError(
                "data set 'panel-csv': rows of one channel each need a column of times; set time"
            )
        self.files = (self.file,)

    @property
    def independence(self) -> Independence:
        """See :attr:`Dataset.independence`; a column cannot say both whose a recording is and which."""
        return "recording" if self.patient == self.sample else super().independence

    def read(self, folder: Path, *, cache: Path, strict: bool, progress: bool) -> Panel:
        """Panel of whole samples.

        Raises
        ------
        DataError
            When a row or column of the file is not as it should be, or (``strict``) values are missing.
        """
        import pandas as pd

        del cache, progress
        path = folder / self.file
        ids = [c for c in (self.sample, self.patient, self.label, self.trial, self.channel) if c is not None]
        frame = read_frame(path, ids)
        cells = texts(path, frame, self.sample).tolist()
        names = sorted(set(cells), key=natural)
        sample = pd.Index(names).get_indexer(cells).astype(np.int64)
        records = self._records(path, frame, sample)
        time = frame.groupby(sample).cumcount() if self.time is None else moments(path, frame, self.time)
        rows = Rows(frame.index.to_numpy(np.int64), sample, np.asarray(time, np.float64))
        rows, values, channels = self._values(path, frame, rows)
        steps = steps_of(path, rows)
        x = np.full((len(steps.count), len(channels), int(steps.count.max())), np.nan, np.float32)
        x[rows.sample, :, steps.step] = values
        if self.unequal == "refuse":
            _refuse_unequal(path, names, steps)
        content = Content()
        content.look(x, 0)
        return content.panel(
            x,
            records,
            path,
            strict=strict,
            content=hashlib.sha256(x.data).hexdigest(),
            sfreq=self._rate(path, steps),
            channels=channels,
            unit=told_unit(self.unit),
            record_names=tuple(names),
            skipped=tuple((names[r], f"{channels[c]} has no value") for r, c in content.silent),
            source=f"own table {self.file}",
        )

    def chosen(self, panel: Panel) -> Panel:
        """As it is: no other channels are read."""
        return panel

    def _values(
        self, path: Path, frame: Any, rows: Rows
    ) -> tuple[Rows, NDArray[np.float64], tuple[str, ...]]:
        """Rows of one time step each, their values, shape (row, channel), and the names of the channels."""
        if self.channel is not None:
            return self._gathered(path, frame, rows, self.channel)
        ids = (self.sample, self.time, self.label, self.patient, self.trial, self.fold, *self.targets)
        channels = self.channels or tuple(str(c) for c in frame.columns if c not in ids)
        if not channels:
            raise DataError(f"{path} has no column besides those of ids and time; add one per channel")
        if any(name.startswith("Unnamed: ") for name in channels):
            raise DataError(
                f"{path} has a column without a name, such as row numbers, which are no signal; write it "
                "with index=False, or name the channels in dataset.channels"
            )
        return rows, np.stack([numbers(path, frame, name) for name in channels], axis=1), channels

    def _gathered(
        self, path: Path, frame: Any, rows: Rows, column: str
    ) -> tuple[Rows, NDArray[np.float64], tuple[str, ...]]:
        """As :meth:`_values`, where a row holds one channel."""
        import pandas as pd

        entries = texts(path, frame, column)
        channels = self.channels or tuple(sorted(set(entries.tolist()), key=natural))
        absent = next((name for name in channels if name not in entries), None)
        if absent is not None:
            raise DataError(f"column {column!r} of {path} never says {absent!r}; correct channels")
        long = pd.DataFrame({"row": rows.number, "sample": rows.sample, "time": rows.time})
        long = long.assign(channel=entries, value=numbers(path, frame, self.value))
        again = long[long.duplicated(["sample", "time", "channel"])]
        if len(again):
            raise DataError(
                f"{row_of(path, again['row'].iloc[0])} repeats the channel and time of another row "
                "of its sample; keep one of them"
            )
        wide = long.pivot(index=["sample", "time"], columns="channel", values="value")
        first = long.groupby(["sample", "time"])["row"].min()
        sample, time = (wide.index.get_level_values(name).to_numpy() for name in ("sample", "time"))
        return Rows(first.to_numpy(), sample, time), wide[list(channels)].to_numpy(), channels

    def _records(self, path: Path, frame: Any, sample: Ints) -> Records:
        """What the rows say of their samples."""
        cells = {
            name: _constant(path, frame, name, sample)
            for name in (self.label, self.patient, self.trial, self.fold)
            if name is not None
        }
        labels = [] if self.label is None else [self.label]
        found = records_of(path, cells, labels, patient=self.patient, trial=self.trial, fold=self.fold)
        columns = {name: _constant_number(path, frame, name, sample) for name in self.targets}
        return replace(found, targets=self.wanted.of(path, columns))

    def _rate(self, path: Path, steps: Steps) -> float:
        if self.sfreq is not None:
            return self.sfreq
        if steps.interval is None:
            raise DataError(f"every sample of {path} has one row only, so times tell no rate; set sfreq")
        return float(f"{1 / steps.interval:.6g}")


def _constant(path: Path, frame: Any, name: str, sample: Ints) -> list[str]:
    """What a column says of each sample."""
    cells = texts(path, frame, name)
    first = np.unique(sample, return_index=True)[1]
    other = np.flatnonzero(cells != cells[first][sample])
    if len(other):
        began = first[sample[other[0]]]
        raise DataError(
            f"{row_of(path, frame.index[other[0]])} has {str(cells[other[0]])!r} as {name}, but its sample "
            f"began with {str(cells[began])!r}; make them alike"
        )
    return [str(cell) for cell in cells[first]]


def _constant_number(path: Path, frame: Any, name: str, sample: Ints) -> NDArray[np.float64]:
    """The number that a column says of each sample; NaN where its cells are empty."""
    values = numbers(path, frame, name)
    first = np.unique(sample, return_index=True)[1]
    began = values[first][sample]
    other = np.flatnonzero((values != began) & ~(np.isnan(values) & np.isnan(began)))
    if len(other):
        raise DataError(
            f"{row_of(path, frame.index[other[0]])} has {values[other[0]]:g} as {name}, but its sample began "
            f"with {began[other[0]]:g}; make them alike"
        )
    return values[first]


def _refuse_unequal(path: Path, names: list[str], steps: Steps) -> None:
    lengths, often = np.unique(steps.count, return_counts=True)
    if len(lengths) > 1:
        usual = lengths[often.argmax()]
        odd = int(np.flatnonzero(steps.count != usual)[0])
        raise DataError(
            f"sample {names[odd]!r} of {path} has {steps.count[odd]} time steps, most have {usual}; cut them "
            "alike, or set dataset.unequal=pad"
        )
