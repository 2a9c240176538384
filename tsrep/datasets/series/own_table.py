"""A table of the user's with the channels of a series that is known already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tsrep.datasets.series.table import column_names, parse_dates, read_series_table, read_values
from tsrep.datasets.series.time_axis import Duplicates, Gaps, even_axis
from tsrep.errors import DataError
from tsrep.registry import nearest
from tsrep.signals.series import Series


@dataclass(frozen=True)
class Reading:
    """How a table is read; each as in :class:`tsrep.datasets.series.series_csv.SeriesFile`."""

    date: str = "date"
    gaps: Gaps = "refuse"
    duplicates: Duplicates = "refuse"
    missing: tuple[float, ...] = ()


def read_own_table(
    path: Path, channels: Sequence[str], reading: Reading
) -> tuple[Series, tuple[str, ...], bool]:
    """The named channels of a table, in that order.

    Parameters
    ----------
    path : Path
        CSV or Parquet file.
    channels : sequence of str
    reading : Reading

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
        When the file or one of the channels is missing, or something in it is wrong; the message names the
        line.
    """
    if not path.is_file():
        raise DataError(f"there is no file {path}; give a CSV or Parquet file with a column of dates")
    names = column_names(path, reading.date)
    _refuse_missing(path, channels, [name for name in names if name != reading.date])
    table = read_series_table(path, reading.date, channels)
    axis = even_axis(table, parse_dates(table), gaps=reading.gaps, duplicates=reading.duplicates)
    values = read_values(table, reading.missing, selectable=False)
    values = np.where(axis.row >= 0, values[:, axis.row], np.float32(np.nan))
    series = Series(
        values=np.ascontiguousarray(values, dtype=np.float32),
        time=axis.time,
        channels=tuple(channels),
        freq=axis.step.words,
        period=axis.step.season,
        source=str(path),
    )
    left_out = tuple(name for name in names if name not in (reading.date, *channels))
    return series, left_out, table.has_offset


def _refuse_missing(path: Path, channels: Sequence[str], names: Sequence[str]) -> None:
    absent = [name for name in channels if name not in names]
    if absent:
        how_many = f" (nor {len(absent) - 1} more of {len(channels)})" if len(absent) > 1 else ""
        others = [name for name in names if name and name not in channels]
        hint = nearest(absent[0], others or [name for name in names if name] or ["no columns"])
        raise DataError(
            f"{path} has no column {absent[0]!r}{how_many}, a channel that the run was trained on; {hint}; "
            "name the columns as in training"
        )
