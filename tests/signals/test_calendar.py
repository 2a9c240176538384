"""Calendar features against pandas, over four centuries."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsrep.signals.calendar import CALENDAR, calendar_features

SECONDS = st.integers(-6_000_000_000, 6_000_000_000)  # 1779 to 2160


def by_pandas(time: np.ndarray) -> np.ndarray:
    index = pd.DatetimeIndex(time)
    iso = index.isocalendar().week.to_numpy(np.float32)
    parts = (index.minute, index.hour, index.dayofweek, index.day, index.dayofyear, index.month)
    return np.stack([*(part.to_numpy(np.float32) for part in parts), iso])


@given(st.lists(SECONDS, min_size=1, max_size=50))
def test_any_dates(seconds):
    time = np.array(seconds, "datetime64[s]")
    np.testing.assert_array_equal(calendar_features(time), by_pandas(time))


@pytest.mark.parametrize("year", [1999, 2000, 2004, 2008, 2009, 2015, 2020, 2021, 2026, 2100])
def test_every_day_around_new_year(year):
    time = np.arange(f"{year - 1}-12-20", f"{year}-01-14", dtype="datetime64[D]").astype("datetime64[s]")
    features = calendar_features(time)
    np.testing.assert_array_equal(features, by_pandas(time))
    assert features.dtype == np.float32
    assert len(CALENDAR) == len(features) == 7


def test_one_moment_by_hand():
    features = calendar_features(np.array(["2021-01-03T23:59:58"], "datetime64[s]"))
    assert dict(zip(CALENDAR, features[:, 0].tolist(), strict=True)) == {
        "minute": 59,
        "hour": 23,
        "day of week": 6,
        "day of month": 3,
        "day of year": 3,
        "month": 1,
        "week of year": 53,
    }
