"""Reading tables with a column of dates, with messages that name file, line and column."""

from __future__ import annotations

import csv
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tsrep.datasets.tables.reading import (
    MISSING,
    PARQUET,
    read_parquet,
    refuse_other_text,
    to_numbers,
    unreadable,
)
from tsrep.errors import DataError
from tsrep.registry import nearest
from tsrep.signals.panel import Floats
from tsrep.signals.series import Times

TABLES = (".csv", *PARQUET)
UNNAMED = "Unnamed: 0"  # pandas' name for a first column without one
TIME_ALONE = re.compile(r"\s*\d{1,2}:\d{2}")
OFFSET = re.compile(r".*:\d{2}(\.\d+)?\s*(Z|UTC|[+-]\d{2}(:?\d{2})?)\s*")
HEAVIEST = 0.01  # share of a column's deviation that its rounding to float32 may be
DAY_OR_MONTH_FIRST = re.compile(r"\s*\d{1,2}[/.-]\d{1,2}[/.-](\d{4}|\d{2})\b")


@dataclass(frozen=True)
class SeriesTable:
    """Columns of a file as they lie there.

    Attributes
    ----------
    path : Path
    dates : pandas Series, shape (row,)
        Text, or time stamps where the file has them as such.
    values : pandas DataFrame, shape (row, column)
    """

    path: Path
    dates: Any
    values: Any

    @property
    def has_offset(self) -> bool:
        """Whether dates tell how far they are from UTC."""
        if hasattr(self.dates, "dt"):
            return self.dates.dt.tz is not None
        return bool(self.dates.dropna().astype(str).str.fullmatch(OFFSET).any())

    def at(self, row: int) -> str:
        """Where a row stands, for messages."""
        return f"{self.line(row)} of {self.path}"

    def line(self, row: int) -> str:
        """Likewise, where the file has been named."""
        return f"row {row + 1}" if self.path.suffix in PARQUET else f"line {row + 2}"


def column_names(path: Path, date: str) -> list[str]:
    """Names of the columns of a CSV or Parquet file, that of the dates included.

    Raises
    ------
    DataError
        When the file cannot be read.
    """
    if path.suffix in PARQUET:
        return [str(name) for name in _parquet(path, date).columns]
    return _header(path, date)


def read_series_table(path: Path, date: str, columns: Sequence[str] | None = None) -> SeriesTable:
    """Dates and the named columns, or all the others, of a CSV or Parquet file.

    Raises
    ------
    DataError
        When the file cannot be read or has fewer than two rows, or a column is missing or not unique.
    """
    if path.suffix in PARQUET:
        frame = _parquet(path, date)
        header = [str(name) for name in frame.columns]
    else:
        frame, header = None, _header(path, date)
    names = _chosen(path, header, date, columns)
    if frame is None:
        frame = _read_csv(path, date)
    if len(frame) < 2:
        rows = "one row" if len(frame) else "no row"
        raise DataError(f"{path} has {rows} of data; a series needs two at least")
    return SeriesTable(path, frame[date], frame[names])


def parse_dates(table: SeriesTable) -> Times:
    """Time stamps of the rows; those with an offset from UTC are brought to UTC.

    Raises
    ------
    DataError
        At the first row whose date is missing, is not one, is finer than a second, or where day and month
        cannot be distinguished.
    """
    import pandas as pd

    dates = table.dates
    blank = np.flatnonzero(dates.isna())
    if len(blank):
        raise DataError(f"{table.at(blank[0])} has no date; fill it in or remove the row")
    stamps = _to_stamps(dates, utc=True) if pd.api.types.is_datetime64_any_dtype(dates) else _parse(table)
    bad = np.flatnonzero(stamps.isna())
    if len(bad):
        like = f"of the form of {str(dates.iloc[0])!r} or" if bad[0] else "such as"
        remedy = "" if bad[0] else ", or name the column of dates in dataset.date"
        raise DataError(
            f"{table.at(bad[0])} has {dates.iloc[bad[0]]!r}, which is not a date {like} "
            f"2016-07-01 13:00:00; correct it{remedy}"
        )
    time = stamps.dt.tz_localize(None).to_numpy()
    whole: Times = time.astype("datetime64[s]")
    fine = np.flatnonzero(whole != time)
    if len(fine):
        raise DataError(f"{table.at(fine[0])} has {dates.iloc[fine[0]]!r}, finer than a second; resample it")
    return whole


def read_values(table: SeriesTable, missing: Sequence[float] = (), *, selectable: bool = True) -> Floats:
    """Columns as numbers, shape (column, row); NaN where there is none.

    Parameters
    ----------
    table : SeriesTable
    missing : sequence of float
        Numbers that stand for a missing value, such as -9999.
    selectable : bool
        Whether messages may propose ``dataset.columns``.

    Raises
    ------
    DataError
        When a column has text, an infinite number, no number at all, or changes that single precision loses.
    """
    remedy = "correct it, or leave the column out with dataset.columns" if selectable else "correct it"
    result = np.empty((table.values.shape[1], table.values.shape[0]), np.float32)
    for into, (name, column) in zip(result, table.values.items(), strict=True):
        numbers = _numbers(table, str(name), column, remedy)
        for value in missing:
            numbers[numbers == value] = np.nan
        with np.errstate(over="ignore"):
            into[:] = numbers
        infinite = np.flatnonzero(np.isinf(into))
        if len(infinite):
            number = numbers[infinite[0]]
            told = (
                f"{number:.3g}, which is beyond single precision,"
                if np.isfinite(number)
                else "an infinite value"
            )
            raise DataError(
                f"{table.at(infinite[0])} has {told} in column {name!r}; "
                f"{remedy} (an empty field is a missing value)"
            )
        if np.isnan(into).all():
            raise DataError(f"column {name!r} of {table.path} has no value at all; {remedy}")
        if _indistinct(numbers, into):
            raise DataError(
                f"column {name!r} of {table.path} changes too little for numbers as large as "
                f"{np.nanmax(np.abs(numbers)):.3g} to differ in single precision; subtract a constant"
            )
    return result


def _indistinct(numbers: Floats, rounded: Floats) -> bool:
    """Whether rounding is not small beside how much a column changes; one that never changes is exempt."""
    changes = np.nanmin(numbers) < np.nanmax(numbers)
    return bool(changes and np.nanmax(np.abs(rounded - numbers)) > HEAVIEST * np.nanstd(numbers))


def _numbers(table: SeriesTable, name: str, column: Any, remedy: str) -> Any:
    numbers = to_numbers(column)
    bad = np.flatnonzero(np.isnan(numbers) & column.notna().to_numpy())
    if len(bad):
        raise DataError(
            f"{table.at(bad[0])} has {str(column.iloc[bad[0]])!r} in column {name!r}, which is not a number; "
            f"{remedy}"
        )
    return numbers


def _header(path: Path, date: str) -> list[str]:
    """Names of the columns; a first column without a name holds the dates, as pandas writes an index."""
    try:
        with path.open(newline="", encoding="utf-8-sig", errors="replace") as stream:
            header = next(csv.reader(stream), [])
    except (OSError, csv.Error) as error:
        raise unreadable(path, error) from error
    refuse_other_text(path, header)
    if not header:
        raise DataError(f"{path} is empty; it needs a header, then one row per time step")
    return [date, *header[1:]] if header[0] == "" and date not in header else header


def _chosen(path: Path, header: list[str], date: str, columns: Sequence[str] | None) -> list[str]:
    """Names of the columns to read, each there once."""
    others = [name for name in header if name != date]
    for name in (date, *(columns or ())):
        if name not in header:
            hint = nearest(name, [known for known in header if known] or ["no columns"])
            setting = "dataset.date" if name == date else "dataset.columns"
            raise DataError(f"{path} has no column {name!r}; {hint} (setting {setting})")
    names = list(columns) if columns is not None else others
    for name in (date, *names):
        if header.count(name) > 1 and name:
            raise DataError(f"{path} has {header.count(name)} columns called {name!r}; rename all but one")
    if "" in names:
        raise DataError(
            f"column {header.index('') + 1} of {path} has no name; name it, or list the columns to read in "
            "dataset.columns"
        )
    if not names or date in names:
        raise DataError(f"{path} needs a column of numbers beside its dates ({date!r}); add one")
    return names


def _read_csv(path: Path, date: str) -> Any:
    import pandas as pd

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                path,
                dtype={date: str, UNNAMED: str},
                keep_default_na=False,
                na_values=sorted(MISSING),
                index_col=False,
                skip_blank_lines=False,
                low_memory=False,
                encoding="utf-8-sig",
                encoding_errors="replace",
            )
    except (OSError, ValueError, pd.errors.ParserWarning) as error:
        reason = str(error).strip().removeprefix("Error tokenizing data. C error: ")
        raise DataError(f"{path} cannot be read as a CSV file ({reason}); correct it") from error
    if date not in frame:
        frame = frame.rename(columns={UNNAMED: date})
    filled = np.flatnonzero(frame.notna().any(axis=1))
    frame = frame.iloc[: filled[-1] + 1 if len(filled) else 0]
    if frame.iloc[:, -1].isna().any():
        _refuse_short_rows(path, frame.shape[1])
    return frame


def _refuse_short_rows(path: Path, fields: int) -> None:
    """A row that was cut off is no row of missing values."""
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as stream:
        rows = csv.reader(stream)
        for row in rows:
            if 0 < len(row) < fields:
                raise DataError(
                    f"line {rows.line_num} of {path} has {len(row)} fields of {fields}; complete it"
                )


def _parquet(path: Path, date: str) -> Any:
    frame = read_parquet(path)
    if frame.index.name is None and frame.index.dtype.kind == "M" and date not in frame.columns:
        frame.index.name = date
    return frame.reset_index() if frame.index.name == date else frame


def _parse(table: SeriesTable) -> Any:
    """ISO 8601, or else the form of the first date."""
    dates = table.dates.astype(str)
    dates = dates.mask(dates.str.match(TIME_ALONE))  # pandas would take the day on which it is read
    if not DAY_OR_MONTH_FIRST.match(str(dates.iloc[0])):
        iso = _to_stamps(dates, format="ISO8601", utc=True)
        return _fewer_bad(iso, _to_stamps(dates, utc=True)) if iso.isna().any() else iso
    month, day = (_to_stamps(dates, dayfirst=first, utc=True) for first in (False, True))
    if not month.isna().any() and not day.isna().any() and not month.equals(day):
        raise DataError(
            f"{table.path} has dates such as {dates.iloc[0]!r}, whose day and month cannot be distinguished; "
            "write the year first"
        )
    return _fewer_bad(month, day)


def _fewer_bad(one: Any, other: Any) -> Any:
    return one if one.isna().sum() <= other.isna().sum() else other


def _to_stamps(dates: Any, **how: Any) -> Any:
    import pandas as pd

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pd.to_datetime(dates, errors="coerce", **how)
