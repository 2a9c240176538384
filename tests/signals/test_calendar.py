"""Calendar features against pandas, over four centuries; stamps continue as its date ranges do."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsrep.errors import DataError
from tsrep.signals.calendar import CALENDAR, calendar_features, stamps_ahead

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


def stamps(*text: str) -> np.ndarray:
    return np.array(text, "datetime64[s]")


@pytest.mark.parametrize("freq", ["s", "15min", "h", "D", "W-TUE", "MS", "ME", "2MS", "QS", "QE", "YS", "YE"])
@pytest.mark.parametrize("first", ["2023-10-31 06:00", "2024-01-01"])
def test_stamps_are_those_of_a_longer_range(freq: str, first: str) -> None:
    whole = pd.date_range(first, periods=40, freq=freq).to_numpy().astype("datetime64[s]")
    np.testing.assert_array_equal(stamps_ahead(whole[:9], 31), whole[9:])


def test_a_day_that_a_month_lacks_is_its_last() -> None:
    ahead = stamps_ahead(stamps("2023-11-30 06:00", "2023-12-30 06:00", "2024-01-30 06:00"), 3)
    assert ahead.tolist() == stamps("2024-02-29 06:00", "2024-03-30 06:00", "2024-04-30 06:00").tolist()


def test_days_within_a_month_are_days() -> None:
    assert (
        stamps_ahead(stamps("2024-02-27", "2024-02-28"), 2).tolist()
        == stamps("2024-02-29", "2024-03-01").tolist()
    )


def test_one_stamp_has_no_rhythm() -> None:
    with pytest.raises(DataError, match="no rhythm"):
        stamps_ahead(stamps("2024-01-01"), 3)
