"""The time index of a series: at equal distances, continued by new steps, and as JSON."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from tsrep.errors import ConfigError, DataError


def refuse_uneven(index: pd.Index) -> None:
    """Check that steps are at equal distances: whole numbers one by one, dates at a frequency.

    Raises
    ------
    DataError
        Naming the first step that is not, or saying that dates have no frequency.
    """
    if isinstance(index, pd.DatetimeIndex) and index.freq is None:
        if len(index) < 3 or pd.infer_freq(index) is None:
            raise DataError(
                "the dates of the series are not at equal distances; put in the missing ones, as "
                "y.asfreq('D') does for days"
            )
    elif pd.api.types.is_integer_dtype(index.dtype) and (np.diff(index) != 1).any():
        odd = index[int(np.flatnonzero(np.diff(index) != 1)[0]) + 1]
        raise DataError(
            f"the index of the series, whole numbers, does not go up by one at {odd}; number its steps "
            "one by one"
        )


def continued(seen: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """A series with the steps of another one that lie after it; steps between are missing.

    Raises
    ------
    DataError
        When the new steps are not at the distances of the old ones.
    """
    later = new.loc[new.index > seen.index[-1]]
    if not len(later):
        return seen
    between = _steps_until(seen.index, later.index)
    if not later.index.isin(between).all():
        raise DataError(
            f"the new values do not continue at the distance of the series, which ends at {seen.index[-1]}; "
            "give values for its next steps"
        )
    joined = pd.concat([seen, later.reindex(between)])
    joined.index.name = seen.index.name
    return joined


def _steps_until(seen: pd.Index, later: pd.Index) -> pd.Index:
    last, end = seen[-1], later[-1]
    if isinstance(seen, pd.PeriodIndex):
        return pd.period_range(last, end, freq=seen.freq)[1:]
    if isinstance(seen, pd.DatetimeIndex):
        freq = seen.freq or pd.infer_freq(seen)
        return later if freq is None else pd.date_range(last, end, freq=freq)[1:]
    return pd.RangeIndex(int(last) + 1, int(end) + 1)


def index_as_json(index: pd.Index) -> dict[str, Any]:
    """Plain values of an index of dates, periods or whole numbers.

    Raises
    ------
    ConfigError
        When it is of another kind.
    """
    dates = isinstance(index, pd.DatetimeIndex | pd.PeriodIndex)
    if not (dates or pd.api.types.is_integer_dtype(index.dtype)):
        raise ConfigError(
            f"a time index of {index.dtype} cannot be stored; use dates, periods or whole numbers"
        )
    return {
        "name": None if index.name is None else str(index.name),
        "dtype": str(index.dtype),
        "freq": index.freqstr if dates else None,
        "values": (index.asi8 if dates else index).tolist(),
    }


def index_from_json(told: dict[str, Any]) -> pd.Index:
    """What :func:`index_as_json` was told."""
    if told["dtype"].startswith("period"):
        return pd.PeriodIndex.from_ordinals(told["values"], freq=told["freq"], name=told["name"])
    index = pd.Index(told["values"], dtype="int64", name=told["name"]).astype(told["dtype"])
    return pd.DatetimeIndex(index, freq=told["freq"]) if told["freq"] else index
