"""Rows of a long table, one per time step, put into an array of samples."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.datasets.tables.reading import MISSING, PARQUET, column_names, read_parquet, row_of, to_numbers
from tsrep.errors import DataError
from tsrep.registry import nearest
from tsrep.signals.panel import Ints

UNEVEN = 1e-3  # share of a step by which time stamps may be off
AS_IT_STANDS: dict[str, Any] = {  # for pandas
    "index_col": False,
    "skip_blank_lines": False,
    "encoding": "utf-8-sig",
    "keep_default_na": False,
    "na_values": sorted(MISSING),
}


@dataclass(frozen=True)
class Rows:
    """Rows of a table, one per sample and time step.

    Attributes
    ----------
    number : int64 array, shape (row,)
        Of each row in the file.
    sample : int64 array, shape (row,)
        Numbered from 0.
    time : float64 array, shape (row,)
    """

    number: Ints
    sample: Ints
    time: NDArray[np.float64]


@dataclass(frozen=True)
class Steps:
    """Where the rows of a table go.

    Attributes
    ----------
    step : int64 array, shape (row,)
        Of each row within its sample.
    count : int64 array, shape (sample,)
        Time steps of each sample.
    interval : float or None
        Between two steps, in the unit of time; None where every sample has one step.
    """

    step: Ints
    count: Ints
    interval: float | None


def read_frame(path: Path, text: Sequence[str]) -> Any:
    """A CSV or Parquet file as a data frame, without rows that are empty; the index counts rows from 0.

    Parameters
    ----------
    path : Path
    text : sequence of str
        Columns to read as text.

    Raises
    ------
    DataError
        When the file cannot be read, has no rows, or two columns of one name.
    """
    import pandas as pd

    if path.suffix in PARQUET:
        frame = read_parquet(path).reset_index(drop=True)
        frame = frame.mask(frame.isin(list(MISSING)))
    else:
        header = [name for name in column_names(path) if name]
        twice = [name for name in dict.fromkeys(header) if header.count(name) > 1]
        if twice:
            raise DataError(f"{path} has several columns {twice[0]!r}; name each once")
        kinds = dict.fromkeys(text, "str")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", pd.errors.ParserWarning)
                frame = pd.read_csv(path, dtype=kinds, **AS_IT_STANDS)
        except (OSError, ValueError, pd.errors.ParserWarning) as error:
            reason = str(error).splitlines()[0]
            raise DataError(f"{path} cannot be read as a CSV file ({reason}); correct it") from error
    frame = frame.dropna(how="all")
    if not len(frame):
        raise DataError(f"{path} has no rows; it needs one row per sample and time step")
    return frame


def column(path: Path, frame: Any, name: str) -> Any:
    """A column.

    Raises
    ------
    DataError
        When there is none of that name.
    """
    if name not in frame.columns:
        raise DataError(f"{path} has no column {name!r}; {nearest(name, [str(c) for c in frame.columns])}")
    return frame[name]


def texts(path: Path, frame: Any, name: str) -> NDArray[Any]:
    """A column as text, every cell filled.

    Raises
    ------
    DataError
        At the first empty cell.
    """
    cells = column(path, frame, name)
    empty = np.flatnonzero(cells.isna() | cells.astype("str").str.strip().isin(MISSING))
    if len(empty):
        raise DataError(f"{row_of(path, frame.index[empty[0]])} has no {name}; fill it in or remove the row")
    return np.array([str(cell).strip() for cell in cells], dtype=np.str_)


def numbers(path: Path, frame: Any, name: str) -> NDArray[np.float64]:
    """A column as numbers; an empty cell is NaN.

    Raises
    ------
    DataError
        At the first cell that is not a finite number.
    """
    cells = column(path, frame, name)
    values = to_numbers(cells)
    bad = np.flatnonzero((np.isnan(values) & cells.notna().to_numpy()) | np.isinf(values))
    if len(bad):
        raise DataError(
            f"{row_of(path, frame.index[bad[0]])} has {str(cells.iloc[bad[0]])!r} in column {name!r}, which "
            "is not a finite number; correct it, empty the cell, or name the channels in dataset.channels"
        )
    return values


def moments(path: Path, frame: Any, name: str) -> NDArray[np.float64]:
    """A column of times in seconds, or of dates as seconds.

    Raises
    ------
    DataError
        At the first cell that is neither, or is empty.
    """
    import pandas as pd

    cells = column(path, frame, name)
    values = to_numbers(cells)
    if np.isnan(values[0]) or pd.api.types.is_datetime64_any_dtype(cells):
        stamps = pd.to_datetime(cells, errors="coerce", format="ISO8601", utc=True)
        seconds = (stamps - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(seconds=1)
        values = np.asarray(seconds, np.float64)
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        cell = cells.iloc[bad[0]]
        raise DataError(
            f"{row_of(path, frame.index[bad[0]])} has {'nothing' if pd.isna(cell) else repr(str(cell))} in "
            f"column {name!r}, which is neither a number of seconds nor a date such as 2024-01-31T12:00:00"
        )
    return values


def steps_of(path: Path, rows: Rows) -> Steps:
    """Number of each row's time step within its sample, by order of time.

    Raises
    ------
    DataError
        When two rows of a sample have the same time, or time does not advance evenly.
    """
    order = np.lexsort((rows.number, rows.time, rows.sample))
    number, sample, time = rows.number[order], rows.sample[order], rows.time[order]
    gaps = np.diff(time)
    inside = sample[1:] == sample[:-1]  # both rows are of one sample
    again = np.flatnonzero(inside & (gaps == 0))
    if len(again):
        raise DataError(
            f"{row_of(path, number[again[0] + 1])} repeats the time of another row of its sample; "
            "keep one of them"
        )
    usual = float(np.median(gaps[inside])) if inside.any() else 0.0
    unit = _last_digit(time)
    coarse = usual >= 2.5 * unit  # else a step that is missing would pass for rounding
    odd = np.flatnonzero(inside & (np.abs(gaps - usual) > max(UNEVEN * usual, 1.001 * unit * coarse)))
    if len(odd):
        raise DataError(
            f"{row_of(path, number[odd[0] + 1])} comes {gaps[odd[0]]:g} after the step before in its sample, "
            f"others {usual:g}; give every step a row, with empty cells where values are missing"
        )
    interval = _interval(gaps, inside, usual, unit) if inside.any() else None
    return Steps(*_counted(rows, order), interval)


def _counted(rows: Rows, order: Ints) -> tuple[Ints, Ints]:
    """Number of each row within its sample, and rows of each sample."""
    count = np.bincount(rows.sample)
    step = np.empty_like(order)
    step[order] = np.arange(len(order)) - np.repeat(np.cumsum(count) - count, count)
    return step, count


def _last_digit(time: NDArray[np.float64]) -> float:
    """Unit of the last decimal with which times were written; zero where they are exact."""
    digits = next((d for d in range(7) if np.allclose(time, np.round(time, d), rtol=0, atol=1e-9)), None)
    return 0.0 if digits is None else 10.0**-digits


def _interval(gaps: NDArray[np.float64], inside: NDArray[np.bool_], usual: float, unit: float) -> float:
    """Seconds between two steps.

    Rounding moves a time by half a unit, so that two gaps differ by one. Of the intervals that such times
    leave open the one of the roundest rate is taken: 360 Hz.
    """
    found = gaps[inside]
    if np.abs(found - usual).max() <= UNEVEN * usual:
        return usual
    mean, samples = float(found.mean()), 1 + np.count_nonzero(~inside)
    rates = (float(f"{1 / mean:.{digits}g}") for digits in range(1, 10))
    return 1 / next((rate for rate in rates if abs(1 / rate - mean) <= unit * samples / len(found)), 1 / mean)
