"""A series in a table: any CSV or Parquet file with a column of dates."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from tsrep.datasets.dataset import About
from tsrep.datasets.folders import default_folder
from tsrep.datasets.series.table import TABLES, parse_dates, read_series_table, read_values
from tsrep.datasets.series.time_axis import Duplicates, Gaps, even_axis
from tsrep.errors import DataError
from tsrep.registry import DATASETS, nearest
from tsrep.signals.calendar import CALENDAR, calendar_features
from tsrep.signals.panel import Floats
from tsrep.signals.series import Series

Variables = Literal["all", "target", "each"]


@DATASETS.register("series-csv")
class SeriesFile:
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

    task: ClassVar[str] = "series"
    about: ClassVar[About] = About(
        title="Own series in a CSV or Parquet file",
        licence="yours",
        citation="",
        url="",
        default_split="chronological",
        needs=("one CSV or Parquet file (setting file)",),
        notes="One row per time step, a column of dates (setting date), the others are channels of numbers.",
    )
    defaults: ClassVar[Mapping[str, Any]] = {
        "encoder": {"name": "dilated-conv-ar", "hidden": 32, "dim": 128, "depth": 8},
        "training": {"epochs": 40, "lr": 5e-4, "validate_every": 10},
    }
    places: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        variables: Variables = "all",
        target: str | None = None,
        calendar: bool = True,
        file: str | None = None,
        date: str = "date",
        columns: tuple[str, ...] | None = None,
        period: Annotated[int, Field(ge=1)] | None = None,
        gaps: Gaps = "refuse",
        duplicates: Duplicates = "refuse",
        missing: tuple[float, ...] = (),
    ) -> None:
        self.variables, self.target, self.calendar = variables, target, calendar
        self.file, self.date, self.columns = file, date, columns
        self.period, self.gaps, self.duplicates, self.missing = period, gaps, duplicates, missing

    @property
    def default_split(self) -> str:
        """Name of the split rule to use when none is asked for."""
        return self.about.default_split

    def load(
        self, root: Path | None, *, cache: Path | None = None, strict: bool = False, progress: bool = True
    ) -> Series:
        """Series of the file; nothing is cached or skipped, so the other arguments change nothing.

        Raises
        ------
        DataError
            When the file is missing, or something in it is wrong; the message names the line.
        """
        del cache, strict, progress
        path = self._path(None if root is None else Path(root).expanduser())
        table = read_series_table(path, self.date, self.columns)
        axis = even_axis(table, parse_dates(table), gaps=self.gaps, duplicates=self.duplicates)
        values = read_values(table, self.missing, selectable=not self.places)
        names = tuple(map(str, table.values.columns))
        chosen = self._chosen(path, names)
        values, names = values[chosen], tuple(names[i] for i in chosen)
        refuse_constant(path, values, names)
        values = np.where(axis.row >= 0, values[:, axis.row], np.float32(np.nan))
        span = f"{axis.time[0].astype('datetime64[D]')} to {axis.time[-1].astype('datetime64[D]')}"
        return Series(
            values=np.ascontiguousarray(values, dtype=np.float32),
            time=axis.time,
            channels=names,
            freq=axis.step.words,
            period=self.period or axis.step.season,
            covariates=calendar_features(axis.time) if self.calendar else np.zeros((0, 0), np.float32),
            covariate_names=CALENDAR if self.calendar else (),
            source=f"{path.stem} ({axis.step.rhythm}, {span})",
            digest=self._digest(path),
        )

    def _path(self, root: Path | None) -> Path:
        if root is not None and root.is_file():
            self._refuse_file_of_another(root)
            return root
        if root is None:
            name = next(n for n in DATASETS.names() if DATASETS.entry(n).cls is type(self))
            root = default_folder(name)
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

    def _refuse_file_of_another(self, file: Path) -> None:
        """A benchmark is not read under the name of another one."""
        if not self.places:
            return
        for name in DATASETS.names():
            places = getattr(DATASETS.entry(name).cls, "places", ())
            if file.name in {Path(place).name for place in places} - {Path(p).name for p in self.places}:
                raise DataError(f"{file} is the file of the data set {name}; give that name, or csv")

    def _chosen(self, path: Path, names: Sequence[str]) -> list[int]:
        """Positions of the channels of the series."""
        target = names[-1] if self.target is None else self.target
        if target not in names:
            raise DataError(f"{path} has no target column {target!r}; {nearest(target, list(names))}")
        return [names.index(target)] if self.variables == "target" else list(range(len(names)))

    def _digest(self, path: Path) -> str:
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        return hashlib.sha256(f"{content}{sorted(vars(self).items())}".encode()).hexdigest()[:16]


def refuse_constant(path: Path, values: Floats, names: Sequence[str]) -> None:
    """Raise a DataError when no channel ever changes."""
    if (np.nanmin(values, axis=1) == np.nanmax(values, axis=1)).all():
        what = f"channel {names[0]!r}" if len(names) == 1 else f"each of the {len(names)} channels"
        raise DataError(
            f"{what} of {path} has one and the same value throughout, so there is nothing to forecast; "
            "choose another target or file"
        )
