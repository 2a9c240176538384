"""From the time stamps of a file to an even time axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from tsrep.datasets.series.table import SeriesTable
from tsrep.errors import DataError
from tsrep.signals.panel import Ints
from tsrep.signals.series import Times, calendar_months

Gaps = Literal["refuse", "missing"]
Duplicates = Literal["refuse", "first"]

MINUTE, HOUR, DAY, WEEK = 60, 3600, 86400, 604800
WORDS = ((WEEK, "week"), (DAY, "day"), (HOUR, "h"), (MINUTE, "min"), (1, "s"))
RHYTHM = {
    "1 s": "every second",
    "1 min": "every minute",
    "1 h": "hourly",
    "1 day": "daily",
    "1 week": "weekly",
    "1 month": "monthly",
    "3 months": "quarterly",
    "1 year": "yearly",
}
LARGEST_FILL = 10  # steps for one row; beyond it a stamp is rather a slip


@dataclass(frozen=True)
class Step:
    """Distance of two steps: so many seconds, or so many calendar months."""

    size: int
    unit: Literal["s", "M"] = "s"

    @property
    def words(self) -> str:
        """Such as ``"15 min"``."""
        units = ((12, "year"), (1, "month")) if self.unit == "M" else WORDS
        length, name = next((length, name) for length, name in units if self.size % length == 0)
        n = self.size // length
        return f"{n} {name}" + ("s" if n > 1 and (len(name) > 3 or name == "day") else "")

    @property
    def rhythm(self) -> str:
        """Such as ``"hourly"``, or ``"every 15 min"``."""
        return RHYTHM.get(self.words, f"every {self.words}")

    @property
    def season(self) -> int:
        """Steps of the usual season: a day, for days a week, for weeks and months a year; else 1."""
        if self.unit == "s" and self.size in (DAY, WEEK):
            return 7 if self.size == DAY else 52
        cycle = 12 if self.unit == "M" else DAY
        return cycle // self.size if cycle % self.size == 0 else 1


@dataclass(frozen=True)
class TimeAxis:
    """An even axis and where the rows of a file stand on it.

    Attributes
    ----------
    time : datetime64[s] array, shape (step,)
    row : int64 array, shape (step,)
        Row of each step; -1 where the file has none.
    step : Step
    """

    time: Times
    row: Ints
    step: Step


def even_axis(
    table: SeriesTable, time: Times, *, gaps: Gaps = "refuse", duplicates: Duplicates = "refuse"
) -> TimeAxis:
    """Even axis through the stamps of a file.

    The step is the most common distance of two rows. Stamps of months or years (always the same day of the
    month at the same time, or always the last day) are even, although months differ in length.

    Raises
    ------
    DataError
        When stamps are not ascending, are doubled or irregular, or there are gaps, unless that is allowed.
    """
    rows = _ascending(table, time, duplicates)
    time = time[rows]
    months = calendar_months(time)
    number = time.astype(np.int64) if months is None else months[0]
    sizes, counts = np.unique(np.diff(number), return_counts=True)
    step = Step(int(sizes[counts.argmax()]), "s" if months is None else "M")
    at = _positions(table, time, rows, number, step)
    length = int(at[-1]) + 1

    def stamps(steps: Ints) -> Times:
        axis = number[0] + steps * step.size
        found: Times = (
            axis.astype("datetime64[s]") if months is None else axis.astype("datetime64[M]") + months[1]
        )
        return found

    if length > len(at):  # before anything is as long as the axis, which one odd date can make endless
        first = stamps(at[np.flatnonzero(np.diff(at) > 1)[:1]] + 1)
        _allow_gaps(table, time, rows, at, first[0], step, gaps)
    row = np.full(length, -1, np.int64)
    row[at] = rows
    return TimeAxis(stamps(np.arange(length)), row, step)


def _ascending(table: SeriesTable, time: Times, duplicates: Duplicates) -> Ints:
    """Rows with a stamp of their own."""
    distance = np.diff(time).astype(np.int64)
    back = np.flatnonzero(distance < 0)
    if len(back):
        raise DataError(
            f"{table.at(back[0] + 1)} has {_text(time[back[0] + 1])}, earlier than the row before it; "
            "sort the rows by date"
        )
    twice = np.flatnonzero(distance == 0)
    if len(twice) and duplicates == "refuse":
        raise DataError(
            f"{table.at(twice[0] + 1)} has {_text(time[twice[0] + 1])} a second time "
            f"(rows with the date before them: {len(twice)}); keep one row per step, or set "
            "dataset.duplicates=first"
        )
    rows = np.concatenate([[0], 1 + np.flatnonzero(distance > 0)])
    if len(rows) < 2:
        raise DataError(f"{table.path} has one date only; a series needs two at least")
    return rows


def _positions(table: SeriesTable, time: Times, rows: Ints, number: Ints, step: Step) -> Ints:
    """Steps from the first stamp to each."""
    at: Ints = (number - number[0]) // step.size
    over = (number - number[0]) % step.size
    usual = np.diff(number) == step.size
    odd = np.flatnonzero(over) if over.any() else 1 + np.flatnonzero(~usual)
    if over.any() or 2 * usual.sum() < len(usual):
        raise DataError(
            f"the dates of {table.path} are irregular: {table.line(rows[odd[0]])} has {_text(time[odd[0]])}, "
            f"which does not fit steps of {step.words}, the most common distance; resample to an even step"
        )
    return at


def _allow_gaps(
    table: SeriesTable, time: Times, rows: Ints, at: Ints, first: np.datetime64, step: Step, gaps: Gaps
) -> None:
    before, length = int(np.flatnonzero(np.diff(at) > 1)[0]), int(at[-1]) + 1
    absent = length - len(at)
    where = f"the first is {_text(first)}, after {table.line(rows[before])}"
    if gaps == "refuse":
        raise DataError(
            f"{table.path} lacks {absent} of {length} steps of {step.words}; {where}; add them, or "
            "set dataset.gaps=missing to fill them with NaN"
        )
    if length > LARGEST_FILL * len(at):
        widest = int(np.diff(at).argmax()) + 1
        raise DataError(
            f"{table.path} lacks {absent} of {length} steps of {step.words}, too many to fill; check the "
            f"date {_text(time[widest])} in {table.line(rows[widest])}"
        )


def _text(stamp: np.datetime64) -> str:
    return str(stamp).replace("T", " ")
