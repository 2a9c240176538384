"""A series in a table: any CSV or Parquet file with a column of dates."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from tsrep.datasets.dataset import About, Dataset, default_folder
from tsrep.datasets.series.table import (
    TABLES,
    SeriesTable,
    column_names,
    parse_dates,
    read_series_table,
    read_values,
)
from tsrep.datasets.series.time_axis import Duplicates, Gaps, TimeAxis, even_axis
from tsrep.errors import DataError
from tsrep.files import expanded
from tsrep.registry import DATASETS, nearest
from tsrep.signals.calendar import CALENDAR, calendar_features
from tsrep.signals.panel import Floats, digest_of
from tsrep.signals.series import Series

Variables = Literal["all", "target", "each"]


@DATASETS.register("series-csv")
@dataclass
class SeriesFile(Dataset):
    """A series in a table with one row per time step.

    Parameters
    ----------
    variables : str
        ``"all"`` channels together, the ``"target"`` alone, or ``"each"`` channel a series of its own for
        one shared encoder.
    target : str or None
        Name of the target channel; ``None`` is the last column.
    calendar : bool
        Give encoders seven calendar features of each step, which are never forecast.
    file : str or None
        Name inside the folder; not needed when the folder has one table, or ``--root`` is the file.
    date : str
        Column with the dates, in ISO 8601 or written like the first of them.
    columns : tuple of str or None
        Channels to read; ``None`` for all but the dates.
    period : int or None
        Steps of the main season; ``None`` for a day, of daily data a week, of longer steps a year.
    gaps : str
        ``"refuse"`` missing steps or fill them with NaN (``"missing"``).
    duplicates : str
        ``"refuse"`` rows with the date of the row before, or keep the ``"first"``.
    missing : tuple of float
        Numbers that stand for a missing value, such as -9999.

    Notes
    -----
    A channel that never changes is kept as long as others do; standardised, it is zero.
    """

    task = "series"
    about = About(
        title="Own series in a CSV or Parquet file",
        licence="yours",
        default_split="chronological",
        needs=("one CSV or Parquet file (setting file)",),
        notes="One row per time step, a column of dates (setting date), the others are channels of numbers.",
    )
    defaults: ClassVar[Mapping[str, Any]] = {
        "encoder": {"name": "dilated-conv-ar", "hidden": 32, "dim": 128, "depth": 8},
        "training": {"epochs": 40, "lr": 5e-4, "validate_every": 10},
    }
    places: ClassVar[tuple[str, ...]] = ()

    variables: Variables = "all"
    target: str | None = None
    calendar: bool = True
    file: str | None = None
    date: str = "date"
    columns: tuple[str, ...] | None = None
    period: Annotated[int, Field(ge=1)] | None = None
    gaps: Gaps = "refuse"
    duplicates: Duplicates = "refuse"
    missing: tuple[float, ...] = ()

    def find(self, root: Path | str | None) -> Path:
        """The file: ``root`` itself, or the one in it.

        Raises
        ------
        DataError
            When there is none, or several and no setting chooses one.
        """
        root = default_folder(self.name) if root is None else expanded(root)
        if root.is_file():
            return root
        places = (self.file,) if self.file else self.places
        found = [root / place for place in places if (root / place).is_file()]
        if not places and root.is_dir():
            found = sorted(p for p in root.iterdir() if p.suffix.lower() in TABLES)
            if len(found) > 1:
                raise DataError(
                    f"{root} has {len(found)} tables ({found[0].name}, {found[1].name}, ...); "
                    "choose one with dataset.file"
                )
        if not found:
            what = " or ".join(places) or "CSV or Parquet file"
            where = f"there is no {what} in {root}" if root.is_dir() else f"there is no file or folder {root}"
            way = " or `tsrep data fetch`" if self.about.base_url else ""
            raise DataError(f"{where}; give the file or its folder with `--root`{way}")
        return found[0]

    def read(self, folder: Path, *, cache: Path, strict: bool, progress: bool) -> Series:
        """Series of the file (``folder`` is its path); nothing is converted or skipped.

        Raises
        ------
        DataError
            When something in the file is wrong; the message names the line.
        """
        del cache, strict, progress
        path = folder
        table, axis, values = self._even(path, self.columns, selectable=not self.places)
        names = tuple(map(str, table.values.columns))
        target = names[-1] if self.target is None else self.target
        if target not in names:
            raise DataError(f"{path} has no target column {target!r}; {nearest(target, list(names))}")
        if self.variables == "target":
            values, names = values[[names.index(target)]], (target,)
        refuse_constant(path, values, names)
        span = f"{axis.time[0].astype('datetime64[D]')} to {axis.time[-1].astype('datetime64[D]')}"
        return Series(
            values=values,
            time=axis.time,
            channels=names,
            freq=axis.step.words,
            period=self.period or axis.step.season,
            covariates=calendar_features(axis.time) if self.calendar else np.zeros((0, 0), np.float32),
            covariate_names=CALENDAR if self.calendar else (),
            source=f"{path.stem} ({axis.step.rhythm}, {span})",
            digest=digest_of(hashlib.sha256(path.read_bytes()).hexdigest(), sorted(vars(self).items())),
        )

    def read_channels(self, path: Path, channels: Sequence[str]) -> tuple[Series, tuple[str, ...], bool]:
        """The named channels of another table that is read in the same way, in that order.

        Parameters
        ----------
        path : Path
            CSV or Parquet file.
        channels : sequence of str

        Returns
        -------
        Series
            Without covariates; dates with an offset are in UTC.
        tuple of str
            Columns that were left out, in their order.
        bool
            Whether dates had an offset.

        Raises
        ------
        DataError
            When the file or one of the channels is missing, or something in it is wrong; the message names
            the line.
        """
        if not path.is_file():
            raise DataError(f"there is no file {path}; give a CSV or Parquet file with a column of dates")
        names = column_names(path, self.date)
        _refuse_missing(path, channels, [name for name in names if name != self.date])
        table, axis, values = self._even(path, channels, selectable=False)
        series = Series(
            values=values,
            time=axis.time,
            channels=tuple(channels),
            freq=axis.step.words,
            period=axis.step.season,
            source=str(path),
        )
        left_out = tuple(name for name in names if name not in (self.date, *channels))
        return series, left_out, table.has_offset

    def _even(
        self, path: Path, columns: Sequence[str] | None, *, selectable: bool
    ) -> tuple[SeriesTable, TimeAxis, Floats]:
        """Table, even time axis, and the values on it, shape (column, step); NaN where there is no row."""
        table = read_series_table(path, self.date, columns)
        axis = even_axis(table, parse_dates(table), gaps=self.gaps, duplicates=self.duplicates)
        values = read_values(table, self.missing, selectable=selectable)
        on_axis = np.where(axis.row >= 0, values[:, axis.row], np.float32(np.nan))
        return table, axis, np.ascontiguousarray(on_axis, dtype=np.float32)


def refuse_constant(path: Path, values: Floats, names: Sequence[str]) -> None:
    """Raise a DataError when no channel ever changes."""
    if (np.nanmin(values, axis=1) == np.nanmax(values, axis=1)).all():
        what = f"channel {names[0]!r}" if len(names) == 1 else f"each of the {len(names)} channels"
        raise DataError(
            f"{what} of {path} has one and the same value throughout, so there is nothing to forecast; "
            "choose another target or file"
        )


def _refuse_missing(path: Path, channels: Sequence[str], names: Sequence[str]) -> None:
    absent = [name for name in channels if name not in names]
    if absent:
        how_many = f" (nor {len(absent) - 1} more of {len(channels)})" if len(absent) > 1 else ""
        others = [name for name in names if name and name not in channels]
        hint = nearest(absent[0], others or [name for name in names if name] or ["no columns"])
        raise DataError(
            f"{path} has no column {absent[0]!r}{how_many}, a channel that the run was trained on; "
            f"name the columns as in training; {hint}"
        )
